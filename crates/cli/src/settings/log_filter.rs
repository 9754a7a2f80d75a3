//! What is logged: a level, or levels for parts of the program.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::nearest::nearest;

/// The levels, with the fewest messages first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The parts of this program that log. Their names begin the targets of log lines.
const PARTS: [&str; 12] = [
    "bucketry",
    "bucketry_acme",
    "bucketry_api",
    "bucketry_control",
    "bucketry_dashboard",
    "bucketry_gateway",
    "bucketry_node",
    "bucketry_notify",
    "bucketry_provider",
    "bucketry_store",
    "bucketry_telemetry",
    "bucketry_web",
];

/// A valid filter, as [`EnvFilter`] understands it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct LogFilter(String);

/// Why a text is no filter. [`EnvFilter`] takes any word for a part of the program, whose messages would then be the only
/// ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidLogFilter(String);

impl fmt::Display for InvalidLogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.0.ends_with('?') { "" } else { "." };
        write!(
            f,
            "{}{stop} Write a level ({}), or directives such as info,bucketry_node=debug",
            self.0,
            LEVELS.join(", ")
        )
    }
}

impl std::error::Error for InvalidLogFilter {}

impl LogFilter {
    /// The filter for the log.
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl FromStr for LogFilter {
    type Err = InvalidLogFilter;

    fn from_str(text: &str) -> Result<Self, InvalidLogFilter> {
        let directives: Vec<&str> = text.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
        if directives.is_empty() {
            return Err(InvalidLogFilter("the filter is empty".to_owned()));
        }
        directives.iter().try_for_each(|one| check(one))?;
        let text = directives.join(",");
        EnvFilter::try_new(&text).map_err(|error| InvalidLogFilter(format!("{text:?}: {error}")))?;
        Ok(Self(text))
    }
}

/// Checks one directive: `LEVEL`, `TARGET=LEVEL`, or `TARGET[SPAN{FIELD=VALUE}]=LEVEL`.
fn check(directive: &str) -> Result<(), InvalidLogFilter> {
    let (selection, level) = match directive.rfind(']') {
        Some(end) => (&directive[..=end], directive[end + 1..].strip_prefix('=')),
        None => match directive.split_once('=') {
            Some((target, level)) => (target, Some(level)),
            None => ("", Some(directive)),
        },
    };
    let target = selection.split('[').next().unwrap_or_default();
    if let Some(level) = level {
        is_level(level).then_some(()).ok_or_else(|| no_level(level, directive))?;
    }
    let part = target.split("::").next().unwrap_or_default();
    // Targets are compared by how they begin.
    if part.starts_with("bucketry") && !PARTS.iter().any(|known| known.starts_with(part)) {
        let meant = nearest(part, PARTS).map(|known| format!(": did you mean {known}?"));
        return Err(InvalidLogFilter(format!(
            "{part:?} is no part of Bucketry{}",
            meant.unwrap_or_default()
        )));
    }
    Ok(())
}

fn is_level(text: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text))
}

fn no_level(level: &str, directive: &str) -> InvalidLogFilter {
    if level == directive && (level.contains("::") || PARTS.contains(&level)) {
        return InvalidLogFilter(format!("{level:?} has no level: write {level}=debug"));
    }
    let meant = nearest(level, LEVELS).map(|known| format!(": did you mean {known}?"));
    InvalidLogFilter(format!("{level:?} is not a level{}", meant.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_accepted() {
        for (text, read) in [
            ("info", "info"),
            ("DEBUG", "DEBUG"),
            ("off", "off"),
            (" warn , bucketry_node=debug ,", "warn,bucketry_node=debug"),
            ("info,bucketry_node::sync=trace", "info,bucketry_node::sync=trace"),
            ("info,bucketry=debug", "info,bucketry=debug"),
            ("warn,s3s=off,s3s_fs=off", "warn,s3s=off,s3s_fs=off"),
            ("info,bucketry_api[request{id}]=trace", "info,bucketry_api[request{id}]=trace"),
        ] {
            assert_eq!(text.parse(), Ok(LogFilter(read.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_word_that_would_silence_the_log_is_refused_with_what_is_accepted() {
        for (text, said) in [
            ("", "is empty"),
            (",", "is empty"),
            ("inof", "\"inof\" is not a level: did you mean info?"),
            ("verbose", "\"verbose\" is not a level"),
            ("info,bucketry_node=debgu", "\"debgu\" is not a level: did you mean debug?"),
            ("info,bucketry_node=", "\"\" is not a level"),
            ("bucketry_node", "has no level: write bucketry_node=debug"),
            ("info,bucketry_nod3=debug", "is no part of Bucketry: did you mean bucketry_node?"),
            ("info=bucketry_node", "\"bucketry_node\" is not a level"),
        ] {
            let error = text.parse::<LogFilter>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(error.contains("error, warn, info, debug, trace"), "{text}: {error}");
        }
    }

    #[test]
    fn every_crate_that_logs_is_a_part() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for entry in std::fs::read_dir(crates).unwrap() {
            let path = entry.unwrap().path();
            let logs =
                std::fs::read_to_string(path.join("Cargo.toml")).unwrap().contains("tracing.workspace");
            let name = path.file_name().unwrap().to_string_lossy().replace('-', "_");
            let part = if name == "cli" { "bucketry".to_owned() } else { format!("bucketry_{name}") };
            assert_eq!(PARTS.contains(&part.as_str()), logs, "{part}");
        }
    }
}
