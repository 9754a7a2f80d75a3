//! The questions of `bucketry init`. An answer is parsed as the flag of the setting would be.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::user::is_root;
use crate::failure::{Failure, Result};
use crate::output;
use crate::settings::SettingsLayer;

/// The data directory of a server for all users of the machine. The packaged unit manages it.
pub(super) const SYSTEM_DATA: &str = "/var/lib/bucketry";

/// A question about a setting.
struct Question {
    setting: &'static str,
    text: &'static str,
    /// What an empty answer means; empty leaves the setting out.
    default: fn() -> String,
    /// Whether a person must answer. Without a terminal, the default is taken.
    is_required: bool,
    /// Whether the answer is not shown.
    is_secret: bool,
}

impl Question {
    const fn new(setting: &'static str, text: &'static str, default: fn() -> String) -> Self {
        Self { setting, text, default, is_required: false, is_secret: false }
    }
}

const QUESTIONS: [Question; 9] = [
    Question::new("data_dir", "Directory for the data", default_data_dir),
    Question {
        is_secret: true,
        ..Question::new(
            "database_url",
            "PostgreSQL database (postgres://user:password@host/database), not shown; empty to use the embedded one",
            String::new,
        )
    },
    Question::new("listen", "Address of the API", || "127.0.0.1:8080".to_owned()),
    Question::new("gateway_listen", "Address of the S3 gateway", || "127.0.0.1:9000".to_owned()),
    Question::new(
        "dashboard_listen",
        "Separate address of the dashboard; empty to use that of the API",
        String::new,
    ),
    Question::new(
        "public_url",
        "URL for browsers, if a proxy is in front of the dashboard (https://storage.example.com)",
        String::new,
    ),
    Question::new(
        "gateway_url",
        "URL for applications, if a proxy is in front of the gateway (https://s3.example.com)",
        String::new,
    ),
    Question {
        is_required: true,
        ..Question::new("admin_email", "E-mail address of the first owner", || "admin@localhost".to_owned())
    },
    Question::new("endpoint_policy", "Addresses that buckets may be at: public, or private for all", || {
        "public".to_owned()
    }),
];

/// The directory where services have their data, for those who may create one there.
fn default_data_dir() -> String {
    if is_root() { SYSTEM_DATA.to_owned() } else { "./data".to_owned() }
}

/// Whether a person can answer.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// The given settings, with an answer or a default for each question that they leave open.
pub(super) fn complete(given: SettingsLayer, asks: bool) -> Result<SettingsLayer> {
    let mut layer = given;
    if asks {
        output::remark("Press Enter to accept the value in brackets. Nothing is written before the end.\n");
    }
    for question in &QUESTIONS {
        if layer.has(question.setting)? {
            continue;
        }
        let answer = if asks { ask(question)? } else { default_of(question)? };
        if let Some(answer) = answer {
            layer = layer.over(answer);
        }
    }
    Ok(layer)
}

fn default_of(question: &Question) -> Result<Option<SettingsLayer>> {
    let default = (question.default)();
    if default.is_empty() {
        return Ok(None);
    }
    let one = SettingsLayer::one(question.setting, &default);
    one.map(Some).map_err(|why| Failure::failed(format!("{}: {why}", question.setting)))
}

/// Asks until the answer is valid.
fn ask(question: &Question) -> Result<Option<SettingsLayer>> {
    let default = (question.default)();
    let shown =
        if default.is_empty() || question.is_required { String::new() } else { format!(" [{default}]") };
    let prompt = format!("{}{shown}: ", question.text);
    loop {
        let answer = if question.is_secret {
            rpassword::prompt_password(&prompt).map_err(|error| unanswered(&error))?
        } else {
            read_line(&prompt)?
        };
        match answer.trim() {
            "" if question.is_required => output::remark("  Please enter a value."),
            "" => return default_of(question),
            text => match SettingsLayer::one(question.setting, text).and_then(valid_database) {
                Ok(one) => return Ok(Some(one)),
                Err(why) => output::remark(&format!("  {why}")),
            },
        }
    }
}

/// Refuses a database URL that can't be parsed, so that it is asked again.
fn valid_database(layer: SettingsLayer) -> std::result::Result<SettingsLayer, String> {
    match layer.database() {
        Some(url) => url.address().map(|_| layer).map_err(|failure| failure.message().to_owned()),
        None => Ok(layer),
    }
}

/// Asks whether to continue; an empty answer is `default`.
pub(super) fn confirm(question: &str, default: bool) -> Result<bool> {
    let choice = if default { "[Y/n]" } else { "[y/N]" };
    let answer = read_line(&format!("{question} {choice} "))?;
    Ok(match answer.trim().to_lowercase().as_str() {
        "" => default,
        "y" | "yes" => true,
        _ => false,
    })
}

fn read_line(prompt: &str) -> Result<String> {
    let mut line = String::new();
    let mut to = std::io::stderr().lock();
    let read = write!(to, "{prompt}")
        .and_then(|()| to.flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut line));
    match read {
        Ok(0) => Err(Failure::failed("nothing was written: the input has ended")),
        Ok(_) => Ok(line),
        Err(error) => Err(unanswered(&error)),
    }
}

fn unanswered(error: &std::io::Error) -> Failure {
    Failure::failed(format!("can't ask: {error}: pass --yes, and the settings as options"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_what_is_not_given_has_its_default() {
        let given = SettingsLayer::one("gateway_listen", ":9000").unwrap();
        let toml = complete(given, false).unwrap().to_toml().unwrap();
        for line in [
            "listen = \"127.0.0.1:8080\"",
            "gateway_listen = \"0.0.0.0:9000\"",
            "admin_email = \"admin@localhost\"",
            "endpoint_policy = \"public\"",
        ] {
            assert!(toml.lines().any(|one| one == line), "{line}: {toml}");
        }
        assert!(toml.contains("data_dir") && !toml.contains("database_url"), "{toml}");
        assert_eq!(toml.lines().count(), 5, "{toml}");
    }

    #[test]
    fn every_question_is_about_a_setting_and_its_default_is_valid() {
        for question in &QUESTIONS {
            assert!(!SettingsLayer::default().has(question.setting).unwrap());
            default_of(question).unwrap();
        }
    }
}
