//! The value of one setting as a text: from a configuration file, or typed at a prompt.

use std::error::Error as _;
use std::num::{ParseFloatError, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args as _, Command, FromArgMatches as _};

use super::declared::SettingsLayer;

impl SettingsLayer {
    /// Settings of which only one has a value. It is parsed as the flag's would be, so that both accept the same.
    ///
    /// # Errors
    /// Why the value is refused, without the setting's name.
    pub(crate) fn one(setting: &str, value: &str) -> Result<Self, String> {
        let argument = format!("--{}={value}", setting.replace('_', "-"));
        let matches = flags().try_get_matches_from([argument]).map_err(|error| reason(&error))?;
        Self::from_arg_matches(&matches).map_err(|error| reason(&error))
    }
}

/// The flags of all settings, without their environment variables.
pub(super) fn flags() -> Command {
    let command = Command::new("settings").no_binary_name(true).disable_help_flag(true);
    SettingsLayer::augment_args(command).mut_args(|flag| flag.env(None::<&'static str>))
}

/// What clap says about a value, without its frame of flags and hints.
fn reason(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::InvalidValue {
        let valid = match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) => valid.join(", "),
            _ => String::new(),
        };
        return if valid.is_empty() {
            "must not be empty".to_owned()
        } else {
            format!("must be one of {valid}")
        };
    }
    match error.source() {
        Some(cause) if cause.is::<ParseIntError>() => "must be a whole number".to_owned(),
        Some(cause) if cause.is::<ParseFloatError>() => "must be a number".to_owned(),
        Some(cause) => cause.to_string(),
        None => "can't be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_the_flag_would_read_it() {
        let layer = SettingsLayer::one("gateway_listen", ":9000").unwrap();
        assert_eq!(layer.to_toml().unwrap(), "gateway_listen = \"0.0.0.0:9000\"\n");
        let layer = SettingsLayer::one("no_gateway", "true").unwrap();
        assert_eq!(layer.to_toml().unwrap(), "no_gateway = true\n");
        let layer = SettingsLayer::one("gateway_access_log_file", "-").unwrap();
        assert_eq!(layer.to_toml().unwrap(), "gateway_access_log_file = \"-\"\n");
    }

    #[test]
    fn a_refused_value_is_explained_in_a_sentence() {
        for (setting, value, said) in [
            ("error_rate", "250", "250 is not in 0..=100"),
            ("probe_interval", "soon", "must be a whole number"),
            ("endpoint_policy", "open", "must be one of public, private"),
            ("no_gateway", "maybe", "must be one of true, false"),
            ("data_dir", "", "must not be empty"),
            ("otlp_ratio", "2", "must be a number from 0 to 1, such as 0.01"),
        ] {
            assert_eq!(SettingsLayer::one(setting, value).unwrap_err(), said, "{setting} = {value}");
        }
    }
}
