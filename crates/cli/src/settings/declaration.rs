//! The macro behind the table of settings.

/// Declares settings in groups, once for every use of them.
///
/// A setting `probe_interval` is the flag `--probe-interval`, the environment variable `BUCKETRY_PROBE_INTERVAL` and the
/// key `probe_interval` of the configuration file. Its doc comment is its text in `--help`, to which
/// [`super::complete_flag`] adds the default. A setting that is declared with a default always has a value;
/// one without is an `Option`.
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])*
        $group:ident: $Values:ident {$(
            $(#[$attribute:meta])*
            $name:ident: $Type:ident $(= $default:expr)?,
        )*}
    )*) => {
        /// The settings as one source (file, environment or flags) gives them; `None` is a setting that the source
        /// leaves open.
        #[derive(Debug, Clone, Default, clap::Args, serde::Serialize)]
        #[command(mut_args(super::complete_flag))]
        pub(crate) struct SettingsLayer {$($(
            $(#[$attribute])*
            #[arg(long, help_heading = super::heading(stringify!($group)))]
            pub(super) $name: Option<$Type>,
        )*)*}

        /// The effective settings, as declared: not validated yet.
        #[derive(Debug)]
        pub(super) struct SettingsValues {$(
            pub(super) $group: $Values,
        )*}

        $(
            $(#[doc = $about])*
            #[derive(Debug)]
            pub(super) struct $Values {$(
                pub(super) $name: value_type!($Type $(= $default)?),
            )*}
        )*

        impl SettingsLayer {
            /// These settings, with the gaps filled from `lower`.
            #[must_use]
            pub(crate) fn over(self, lower: Self) -> Self {
                Self {$($($name: self.$name.or(lower.$name),)*)*}
            }

            /// These settings, with the gaps filled from the defaults.
            #[must_use]
            pub(crate) fn over_defaults(self) -> Self {
                Self {$($($name: self.$name$(.or_else(|| Some($default)))?,)*)*}
            }

            /// The value of each setting.
            pub(super) fn values(self) -> SettingsValues {
                SettingsValues {$(
                    $group: $Values {$(
                        $name: self.$name$(.unwrap_or_else(|| $default))?,
                    )*},
                )*}
            }
        }

        /// The default of each setting: nothing for those without.
        pub(super) const DEFAULTS: &[(&str, fn() -> Option<toml::Value>)] = &[$($(
            (stringify!($name), || default_value!($Type $(= $default)?)),
        )*)*];
    };
}

/// The type of a setting's effective value.
macro_rules! value_type {
    ($Type:ident = $default:expr) => { $Type };
    ($Type:ident) => { Option<$Type> };
}

/// A setting's default, as a configuration file would give it.
macro_rules! default_value {
    ($Type:ident = $default:expr) => {{
        let value: $Type = $default;
        toml::Value::try_from(value).ok()
    }};
    ($Type:ident) => {
        None
    };
}

pub(super) use {default_value, settings, value_type};
