//! Writes settings as a configuration file in which every setting is explained.

use std::fmt::Write as _;
use std::path::PathBuf;

use toml::{Table, Value};

use super::Settings;
use super::declared::{DEFAULTS, SettingsLayer};
use super::service_command::ServiceCommand;
use super::text_value::flags;
use crate::database::DatabaseUrl;
use crate::failure::{Failure, Result};

/// The width of comments, in characters.
const WIDTH: usize = 100;

impl SettingsLayer {
    /// These settings with absolute paths: a service has another working directory.
    pub(crate) fn with_absolute_paths(mut self) -> Result<Self> {
        let table = self.table()?;
        for flag in flags().get_arguments() {
            let is_path = flag
                .get_value_names()
                .is_some_and(|names| names.iter().any(|name| matches!(name.as_str(), "FILE" | "DIR")));
            let name = flag.get_id().as_str();
            let Some(Value::String(text)) = table.get(name).filter(|_| is_path) else { continue };
            if text != "-" {
                let path = std::path::absolute(PathBuf::from(text))
                    .map_err(|error| Failure::usage(format!("{text}: {error}")))?;
                let one = Self::one(name, &path.to_string_lossy());
                self = one.map_err(|why| Failure::usage(format!("{}: {why}", path.display())))?.over(self);
            }
        }
        Ok(self)
    }

    /// The settings, validated as a server would, without opening the logs that it would write.
    pub(crate) fn planned(&self) -> Result<Settings> {
        Self { gateway_access_log: None, ..self.clone() }.read()
    }

    /// A configuration file with these settings, in which all others are comments. It contains the database's password.
    pub(crate) fn commented(&self) -> Result<String> {
        let table = self.table()?;
        let mut text = format!(
            "# Settings of `bucketry serve`, written by `bucketry init` {}.\n#\n\
             # A setting that is commented out has its default. Environment variables (BUCKETRY_…) and flags override\n\
             # this file. To see the result: bucketry serve --config FILE --print-config\n",
            env!("CARGO_PKG_VERSION")
        );
        let mut heading = String::new();
        let flags = flags();
        let of_server = |flag: &&clap::Arg| ServiceCommand::Serve.has(flag.get_id().as_str());
        for flag in flags.get_arguments().filter(of_server) {
            let name = flag.get_id().as_str();
            let of_group = flag.get_help_heading().unwrap_or_default();
            if of_group != heading {
                of_group.clone_into(&mut heading);
                let _ = write!(text, "\n\n# ---- {} ----\n", titled(of_group));
            }
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            let _ = write!(text, "\n{}", comment(&help));
            let _ = match table.get(name) {
                Some(value) => writeln!(text, "{name} = {value}"),
                None => writeln!(text, "#{name} = {}", example(name, flag)),
            };
        }
        let read = Self::from_toml(&text, "the configuration that was about to be written")?.table()?;
        if read == table { Ok(text) } else { Err(Failure::failed("the settings can't be written to a file")) }
    }

    /// Whether the setting has a value.
    pub(crate) fn has(&self, setting: &str) -> Result<bool> {
        Ok(self.table()?.contains_key(setting))
    }

    /// The URL of the PostgreSQL database, if one is set.
    pub(crate) fn database(&self) -> Option<&DatabaseUrl> {
        self.database_url.as_ref()
    }

    /// The settings that have a value. It contains the database's password.
    fn table(&self) -> Result<Table> {
        let mut table = Table::try_from(self)
            .map_err(|error| Failure::failed(format!("can't write the settings: {error}")))?;
        if let Some(url) = &self.database_url {
            table.insert("database_url".to_owned(), Value::String(url.text().to_owned()));
        }
        Ok(table)
    }
}

/// The heading of a group with a capital letter.
fn titled(heading: &str) -> String {
    let mut letters = heading.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect::<String>().replace('_', " ")
}

/// What a commented-out setting shows: its default, or what kind of value it has.
fn example(name: &str, flag: &clap::Arg) -> String {
    let default = DEFAULTS.iter().find(|(setting, _)| *setting == name).and_then(|(_, default)| default());
    let value = default.unwrap_or_else(|| {
        let kind = flag.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        Value::String(kind.unwrap_or_default())
    });
    value.to_string()
}

/// A text as lines of a comment.
fn comment(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        let is_full =
            lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() > WIDTH);
        if is_full {
            lines.push("#".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(pairs: &[(&str, &str)]) -> SettingsLayer {
        pairs.iter().fold(SettingsLayer::default(), |layer, (name, value)| {
            SettingsLayer::one(name, value).unwrap().over(layer)
        })
    }

    #[test]
    fn every_setting_is_in_the_file_with_its_help_and_its_default() {
        let text = SettingsLayer::default().commented().unwrap();
        assert!(!text.contains("control_plane"), "it is a setting of `bucketry node`");
        for (name, default) in DEFAULTS.iter().filter(|(name, _)| ServiceCommand::Serve.has(name)) {
            let line = text.lines().find(|line| line.starts_with(&format!("#{name} = "))).unwrap();
            if let Some(default) = default() {
                assert_eq!(line, format!("#{name} = {default}"));
            }
        }
        assert!(text.contains("# Directory for keys and the usage spool"), "{text}");
        assert!(text.contains("# ---- Rules and retention ----"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 125), "{text}");
    }

    /// The defaults that the file shows are the defaults: uncommented, they change nothing.
    #[test]
    fn a_default_that_is_uncommented_is_still_valid() {
        let text = SettingsLayer::default().commented().unwrap();
        for (name, default) in DEFAULTS {
            if default().is_some() {
                let uncommented = text.replace(&format!("\n#{name} = "), &format!("\n{name} = "));
                let read = SettingsLayer::from_toml(&uncommented, "x").unwrap().over_defaults();
                assert_eq!(
                    read.to_toml().unwrap(),
                    SettingsLayer::default().over_defaults().to_toml().unwrap()
                );
            }
        }
    }

    #[test]
    fn what_is_set_reads_back_with_its_password_and_special_characters() {
        let url = "postgres://ada:hun\"ter'2%20@db/registry";
        let set =
            layer(&[("database_url", url), ("listen", ":80"), ("otlp_ratio", "1"), ("no_node", "true")]);
        let text = set.commented().unwrap();
        let read = SettingsLayer::from_toml(&text, "x").unwrap();
        assert_eq!(read.database_url.as_ref().unwrap().text(), url);
        assert_eq!(read.to_toml().unwrap(), set.to_toml().unwrap());
        assert!(text.contains("\nlisten = \"0.0.0.0:80\"\n"), "{text}");
    }

    #[test]
    fn paths_are_made_absolute_and_standard_output_stays() {
        let set = layer(&[("data_dir", "data"), ("audit_log", "-"), ("ca_file", "/etc/ca.pem")]);
        let toml = set.with_absolute_paths().unwrap().to_toml().unwrap();
        let here = std::env::current_dir().unwrap();
        assert!(toml.contains(&format!("data_dir = \"{}\"", here.join("data").display())), "{toml}");
        assert!(toml.contains("audit_log = \"-\"") && toml.contains("ca_file = \"/etc/ca.pem\""), "{toml}");
    }
}
