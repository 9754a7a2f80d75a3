//! The environment variables whose names begin with `BUCKETRY_`: which of them mean something, and which flag a refused
//! value came from.

use std::env;
use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue};

use crate::nearest::nearest;

const PREFIX: &str = "BUCKETRY_";

/// Variables that no flag shows: secrets, what only the environment can give, and what other programs set.
const WITHOUT_FLAG: [&str; 19] = [
    "BUCKETRY_ADMIN_PASSWORD",
    "BUCKETRY_AWS_ACCESS_KEY_ID",
    "BUCKETRY_AWS_SECRET_ACCESS_KEY",
    "BUCKETRY_AWS_SESSION_TOKEN",
    "BUCKETRY_AWS_STS_ENDPOINT",
    "BUCKETRY_BUCKET_SECRET",
    "BUCKETRY_CHANNEL_SECRET",
    "BUCKETRY_CHANNEL_URL",
    "BUCKETRY_COMPLETE",
    "BUCKETRY_CONFIG",
    "BUCKETRY_DEMO_AZURITE",
    "BUCKETRY_DEMO_FAKE_GCS",
    "BUCKETRY_ENTRA_ENDPOINT",
    "BUCKETRY_GCP_CREDENTIALS_FILE",
    "BUCKETRY_GCP_IAM_ENDPOINT",
    "BUCKETRY_GCP_TOKEN_ENDPOINT",
    "BUCKETRY_TOKEN",
    "BUCKETRY_URL",
    "BUCKETRY_WORKSPACE",
];

/// Warnings about variables that are set and that nothing reads.
pub(crate) fn warnings(command: &Command) -> Vec<String> {
    let variables = env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    warnings_about(variables, &known(command))
}

/// The variables of all flags, and those without a flag.
fn known(command: &Command) -> Vec<String> {
    fn visit(command: &Command, names: &mut Vec<String>) {
        let variables = command.get_arguments().filter_map(|flag| flag.get_env());
        names.extend(variables.map(|name| name.to_string_lossy().into_owned()));
        command.get_subcommands().for_each(|sub| visit(sub, names));
    }
    let mut names = WITHOUT_FLAG.map(str::to_owned).to_vec();
    visit(command, &mut names);
    names.sort_unstable();
    names.dedup();
    names
}

fn warnings_about(variables: impl Iterator<Item = (String, String)>, known: &[String]) -> Vec<String> {
    let is_unknown = |name: &str, value: &str| {
        name.starts_with(PREFIX) && !is_service_link(name, value) && !known.iter().any(|one| one == name)
    };
    let mut warnings: Vec<String> = variables
        .filter(|(name, value)| is_unknown(name, value))
        .map(|(name, _)| match meant(&name, known) {
            Some(meant) => format!("the environment variable {name} has no effect: did you mean {meant}?"),
            None => format!("the environment variable {name} has no effect: nothing reads it"),
        })
        .collect();
    warnings.sort_unstable();
    warnings
}

/// The variable that was probably meant. The prefix, which all have, doesn't make names similar.
fn meant<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let suffixes = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
    let suffix = nearest(name.strip_prefix(PREFIX)?, suffixes)?;
    known.iter().map(String::as_str).find(|known| known.strip_prefix(PREFIX) == Some(suffix))
}

/// Whether Kubernetes set the variable, because there is a Service whose name begins with `bucketry`.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.contains("_PORT") && value.contains("://"))
        || name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The error about a value, which names the variable if the value came from there: clap names only the flag.
pub(crate) fn name_source(mut error: clap::Error, arguments: impl Iterator<Item = OsString>) -> clap::Error {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return error };
    let flag = argument.split([' ', '=', '[']).next().unwrap_or_default().to_owned();
    let typed =
        |text: &str| text == flag || text.strip_prefix(&flag).is_some_and(|rest| rest.starts_with('='));
    let variable = format!("{PREFIX}{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase());
    let is_typed = arguments.map(|argument| argument.to_string_lossy().into_owned()).any(|text| typed(&text));
    if !is_typed && env::var_os(&variable).is_some() {
        let tip = format!("the value is that of the environment variable {variable}");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::command_options::command_line;

    fn about(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        warnings_about(variables, &known(&command_line()))
    }

    #[test]
    fn a_misspelt_variable_is_reported_with_the_one_that_was_meant() {
        let warnings = about(&[
            ("BUCKETRY_LISTN", ":8080"),
            ("BUCKETRY_DATABASEURL", "postgres://ada:hunter2@db/registry"),
            ("BUCKETRY_COLOUR", "red"),
            ("BUCKETRY_LISTEN", ":8080"),
            ("PATH", "/bin"),
        ]);
        let no_effect = |name: &str| format!("the environment variable {name} has no effect: ");
        assert_eq!(
            warnings,
            [
                no_effect("BUCKETRY_COLOUR") + "nothing reads it",
                no_effect("BUCKETRY_DATABASEURL") + "did you mean BUCKETRY_DATABASE_URL?",
                no_effect("BUCKETRY_LISTN") + "did you mean BUCKETRY_LISTEN?",
            ]
        );
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_is_not_reported() {
        let links = [
            ("BUCKETRY_SERVICE_HOST", "10.96.0.12"),
            ("BUCKETRY_SERVICE_PORT", "8080"),
            ("BUCKETRY_SERVICE_PORT_API", "8080"),
            ("BUCKETRY_PORT", "tcp://10.96.0.12:8080"),
            ("BUCKETRY_GATEWAY_PORT_9000_TCP", "tcp://10.96.0.12:9000"),
            ("BUCKETRY_GATEWAY_PORT_9000_TCP_ADDR", "10.96.0.12"),
        ];
        assert_eq!(about(&links), Vec::<String>::new());
        assert_eq!(about(&[("BUCKETRY_LISTEN_PORT", "8080")]).len(), 1);
    }

    /// The names of variables in the code of this crate, except in tests.
    fn named_in_code(directory: &Path, names: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                named_in_code(&path, names);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for (at, _) in code.match_indices("\"BUCKETRY_") {
                let name = code[at + 1..].split('"').next().unwrap();
                if !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
                    names.push(name.to_owned());
                }
            }
        }
    }

    #[test]
    fn every_variable_that_the_program_reads_is_known() {
        let mut names = Vec::new();
        named_in_code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
        names.retain(|name| name != PREFIX);
        assert!(names.len() > 20, "{names:?}");
        let known = known(&command_line());
        for name in names {
            assert!(known.contains(&name), "{name} is missing in WITHOUT_FLAG");
        }
    }
}
