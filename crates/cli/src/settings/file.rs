//! The configuration file. A mistake is reported with its line, its key, and the key that was probably meant.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::declared::{DEFAULTS, SettingsLayer};
use super::service_command::ServiceCommand;
use crate::failure::{Failure, Result};
use crate::nearest::nearest;

/// The largest configuration file.
const MAX_BYTES: u64 = 1 << 20;
/// How many mistakes are reported at once.
const MOST_MISTAKES: usize = 10;
/// How much of an unknown key is repeated, in characters.
const MOST_OF_KEY: usize = 60;

/// A mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    /// The first line is 1.
    line: usize,
    what: String,
}

impl SettingsLayer {
    /// Reads the configuration file of a command.
    pub(crate) fn from_file(path: &Path, command: ServiceCommand) -> Result<Self> {
        let name = path.display();
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
        read.map_err(|error| Failure::usage(format!("can't read the configuration {name}: {error}")))?;
        if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
            return Err(Failure::usage(format!("the configuration {name} is larger than 1 MiB")));
        }
        Self::from_toml_of(command, &text, &format!("the configuration {name}"))
    }

    /// Reads the text of a configuration file of `bucketry serve`. `name` is how messages begin.
    pub(crate) fn from_toml(text: &str, name: &str) -> Result<Self> {
        Self::from_toml_of(ServiceCommand::Serve, text, name)
    }

    pub(super) fn from_toml_of(command: ServiceCommand, text: &str, name: &str) -> Result<Self> {
        parse(command, text).map_err(|mistakes| {
            let line = |one: &Mistake| format!("{name}, line {}: {}", one.line, one.what);
            let mut lines: Vec<_> = mistakes.iter().take(MOST_MISTAKES).map(line).collect();
            if let Some(more) = mistakes.len().checked_sub(MOST_MISTAKES).filter(|more| *more > 0) {
                lines.push(format!("and {more} more"));
            }
            Failure::usage(lines.join("\n"))
        })
    }
}

fn parse(command: ServiceCommand, text: &str) -> std::result::Result<SettingsLayer, Vec<Mistake>> {
    let line_of = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        let line = line_of(error.span().map_or(0, |span| span.start));
        vec![Mistake { line, what: syntax(text, line, error.message()) }]
    })?;
    let mut layer = SettingsLayer::default();
    let mut mistakes = Vec::new();
    for (key, value) in table.get_ref() {
        match setting(command, key.get_ref(), value.get_ref()) {
            Ok(one) => layer = layer.over(one),
            Err(what) => mistakes.push(Mistake { line: line_of(key.span().start), what }),
        }
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    if mistakes.is_empty() { Ok(layer) } else { Err(mistakes) }
}

/// One entry of the file.
fn setting(
    command: ServiceCommand,
    key: &str,
    value: &DeValue<'_>,
) -> std::result::Result<SettingsLayer, String> {
    if let Some(other) = command.other_with(key) {
        return Err(format!("{key} is a setting of `bucketry {other}`, not of `bucketry {command}`"));
    }
    let names = || DEFAULTS.iter().map(|(name, _)| *name).filter(|name| command.has(name));
    if !names().any(|name| name == key) {
        let shown: String = key.chars().take(MOST_OF_KEY).collect();
        return Err(match (value, nearest(key, names())) {
            (DeValue::Table(_), _) => format!(
                "settings are not in sections: leave out [{shown}], and write each setting with its full name, such as \
                 gateway_listen"
            ),
            (_, Some(meant)) => format!("there is no setting {shown}: did you mean {meant}?"),
            (_, None) => {
                format!(
                    "there is no setting {shown}; `bucketry {command} --help` lists them, here with _ for -"
                )
            }
        });
    }
    let wrong = |why: String| format!("{key}: {why}");
    let text = text_of(value).map_err(|why| wrong(why.to_owned()))?;
    SettingsLayer::one(key, &text).map_err(wrong)
}

/// The value as the flag would be given.
fn text_of(value: &DeValue<'_>) -> std::result::Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "the number is too large"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(is_on) => Ok(is_on.to_string()),
        DeValue::Array(_) => Err("write one text, with commas between the entries, and not a list"),
        DeValue::Datetime(_) | DeValue::Table(_) => Err("must be a text, a number, true or false"),
    }
}

/// The message for text that isn't TOML. It doesn't repeat the line, which may contain a password.
fn syntax(text: &str, line: usize, message: &str) -> String {
    let entry = text.lines().nth(line.saturating_sub(1)).and_then(|line| line.split_once('='));
    let key = entry.map(|(key, _)| key.trim());
    let known = key.filter(|key| DEFAULTS.iter().any(|(name, _)| name == key));
    let is_quoted = entry.is_some_and(|(_, value)| value.trim_start().starts_with(['"', '\'']));
    match known {
        Some(key) if is_quoted => format!("{key}: {message}"),
        Some(key) => {
            format!("{key}: write the value in quotation marks, unless it is a number, true or false")
        }
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        SettingsLayer::from_toml(text, "x.toml").unwrap_err().message().to_owned()
    }

    #[test]
    fn a_mistake_is_reported_with_its_line_its_key_and_what_was_meant() {
        for (text, said) in [
            (
                "\n\nlisen = \"127.0.0.1:1\"",
                "x.toml, line 3: there is no setting lisen: did you mean listen?",
            ),
            (
                "gateway-listen = 1",
                "line 1: there is no setting gateway-listen: did you mean gateway_listen?",
            ),
            ("colour = 1", "line 1: there is no setting colour; `bucketry serve --help` lists them"),
            ("# a\nerror_rate = 250", "x.toml, line 2: error_rate: 250 is not in 0..=100"),
            ("probe_interval = \"often\"", "line 1: probe_interval: must be a whole number"),
            ("probe_interval = 2025-01-01", "line 1: probe_interval: must be a text, a number"),
            ("rate_limit = true", "line 1: rate_limit: must be one of on, off"),
            ("listen = \"storage:80\"", "line 1: listen: \"storage\" is a host name"),
            ("log = \"inof\"", "line 1: log: \"inof\" is not a level: did you mean info?"),
            ("public_url = \"storage.example.com\"", "line 1: public_url: "),
            ("trusted_proxies = [\"10.0.0.0/8\"]", "line 1: trusted_proxies: write one text, with commas"),
            ("[gateway]\nlisten = 1", "line 1: settings are not in sections: leave out [gateway]"),
            ("gateway.listen = 1", "line 1: settings are not in sections"),
            (
                "data_dir = \"x\"\nlisten = 127.0.0.1:8080",
                "line 2: listen: write the value in quotation marks",
            ),
            ("data_dir = \"x\ny = 1", "x.toml, line 1: data_dir: "),
            ("data_dir", "x.toml, line 1: "),
            ("data_dir = \"x\"\ndata_dir = \"y\"", "x.toml, line 2: "),
        ] {
            let message = refused(text);
            assert!(message.contains(said), "{text}: {message}");
            assert_eq!(message.lines().count(), 1, "{text}: {message}");
        }
    }

    #[test]
    fn a_setting_of_the_other_command_is_named_with_it() {
        let of = |command, text| {
            SettingsLayer::from_toml_of(command, text, "x.toml").unwrap_err().message().to_owned()
        };
        let said = of(ServiceCommand::Node, "database_url = 'postgres://ada:hunter2@db/registry'");
        let expected =
            "x.toml, line 1: database_url is a setting of `bucketry serve`, not of `bucketry node`";
        assert_eq!(said, expected);
        let said = of(ServiceCommand::Serve, "control_plane = 'https://x'");
        assert!(said.contains("control_plane is a setting of `bucketry node`"), "{said}");
        let said = of(ServiceCommand::Node, "zzzzzz = 1");
        assert!(said.contains("`bucketry node --help` lists them"), "{said}");
        assert!(SettingsLayer::from_toml_of(ServiceCommand::Node, "node_name = 'n'", "x.toml").is_ok());
    }

    #[test]
    fn all_mistakes_are_reported_in_the_order_of_the_file() {
        let message = refused("zzzz = 1\nlistn = 2\ndata_dir = \"x\"\nerror_rate = \"x\"");
        let lines: Vec<_> = message.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(lines, ["x.toml, line 1", "x.toml, line 2", "x.toml, line 4"]);
        let many = (0..30).map(|number| format!("zzzz{number} = 1")).collect::<Vec<_>>().join("\n");
        assert!(refused(&many).ends_with("\nand 20 more"));
    }

    #[test]
    fn no_message_repeats_a_password() {
        for text in [
            "database_url = postgres://ada:hunter2@db/registry",
            "database_url = \"postgres://ada:hunter2@db/registry",
            "database_url = [\"postgres://ada:hunter2@db/registry\"]",
            "database_ulr = \"postgres://ada:hunter2@db/registry\"",
        ] {
            assert!(!refused(text).contains("hunter2"), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn values_may_be_written_as_texts_or_as_numbers() {
        let text = "listen = 8081\nprobe_interval = \"5\"\nmetrics_buckets = 0x10\notlp_ratio = 1\nno_gateway = true";
        let layer = SettingsLayer::from_toml(text, "x.toml").unwrap().to_toml().unwrap();
        for line in
            ["listen = \"127.0.0.1:8081\"", "probe_interval = 5", "metrics_buckets = 16", "no_gateway = true"]
        {
            assert!(layer.lines().any(|one| one == line), "{line}: {layer}");
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bucketry.toml");
        std::fs::write(&path, "#".repeat(2 << 20)).unwrap();
        let large = SettingsLayer::from_file(&path, ServiceCommand::Serve).unwrap_err();
        assert!(large.message().contains("larger than 1 MiB"));
        let missing =
            SettingsLayer::from_file(&dir.path().join("none.toml"), ServiceCommand::Serve).unwrap_err();
        assert!(missing.message().contains("can't read the configuration"));
    }
}
