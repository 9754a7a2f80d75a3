//! Completes the names of buckets, repositories, workspaces and contexts in a shell.
//!
//! The script that `bucketry completions` prints calls this program with [`VARIABLE`] set, for each completion.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use bucketry_api_types::csv::is_escaped;
use bucketry_client::ApiClient;
use bucketry_client::api::bucket::BucketListSelection;
use bucketry_model::search::SearchWords;
use clap_complete::env::Shells;
use clap_complete::{ArgValueCompleter, CompletionCandidate, Shell};

use crate::contexts::Contexts;
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::output;
use crate::remote::Remote;

/// Set while a shell asks for completions.
pub(crate) const VARIABLE: &str = "BUCKETRY_COMPLETE";
/// Set by the script for bash, which inserts candidates as they are; other shells quote them.
const BASH: &str = "_CLAP_COMPLETE_COMP_TYPE";
/// How long a person waits for a completion.
const WITHIN: Duration = Duration::from_secs(2);
/// CompletedNames per completion.
const MOST: u32 = 100;

/// Prints the script for a shell.
pub(crate) fn print_script(shell: Shell) -> Result<()> {
    let (name, mut script) = (shell.to_string(), Vec::new());
    let shells = Shells::builtins();
    let shell =
        shells.completer(&name).ok_or_else(|| Failure::usage(format!("there is no script for {name}")))?;
    shell
        .write_registration(VARIABLE, "bucketry", "bucketry", "bucketry", &mut script)
        .map_err(|error| Failure::because("can't write the script", &error))?;
    output::line(String::from_utf8_lossy(&script).trim())
}

/// Whose names are completed.
#[derive(Debug, Clone, Copy)]
enum CompletedNames {
    Buckets,
    Repositories,
    Workspaces,
}

/// Completes names of buckets.
pub(crate) fn buckets() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| from_server(CompletedNames::Buckets, typed))
}

/// Completes names of repositories.
pub(crate) fn repositories() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| from_server(CompletedNames::Repositories, typed))
}

/// Completes names of workspaces.
pub(crate) fn workspaces() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| from_server(CompletedNames::Workspaces, typed))
}

/// Completes names of contexts.
pub(crate) fn context_names() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let names = Contexts::read().map(|contexts| contexts.names()).unwrap_or_default();
        candidates(names.into_iter().map(String::from), &unquoted(typed))
    })
}

/// A completion must neither fail nor keep anybody waiting, so a server that doesn't answer has no names.
fn from_server(names: CompletedNames, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = unquoted(typed);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let found = runtime.block_on(async { tokio::time::timeout(WITHIN, read(names, &typed)).await });
    runtime.shutdown_background();
    candidates(found.ok().and_then(Result::ok).unwrap_or_default().into_iter(), &typed)
}

/// The names that the server of the environment or of the current context has for what was typed.
async fn read(names: CompletedNames, typed: &str) -> Result<Vec<String>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let remote = Remote {
        url: variable("BUCKETRY_URL"),
        context: variable("BUCKETRY_CONTEXT").and_then(|name| name.parse().ok()),
        api_ca_file: variable("BUCKETRY_API_CA_FILE").map(PathBuf::from),
        output: None,
        json: false,
    };
    let client: ApiClient = connect(&remote).await?;
    let search = SearchWords::parse(typed).is_ok().then(|| typed.to_owned());
    Ok(match names {
        CompletedNames::Buckets => {
            let selection = BucketListSelection { search, ..BucketListSelection::default() };
            let page = client.select_buckets(&selection, Some(MOST), None).await?;
            page.buckets.into_iter().map(|bucket| bucket.name.into_owned()).collect()
        }
        CompletedNames::Repositories => {
            let page = client.select_repositories(None, search.as_deref(), None, Some(MOST), None).await?;
            page.repos.into_iter().map(|repo| repo.name.into_owned()).collect()
        }
        CompletedNames::Workspaces => {
            client.workspaces().await?.into_iter().map(|entry| entry.workspace.name).collect()
        }
    })
}

/// The names that begin with what was typed. CompletedNames that would control the terminal are left out.
fn candidates(names: impl Iterator<Item = String>, typed: &str) -> Vec<CompletionCandidate> {
    let typed = typed.to_lowercase();
    let is_wanted = |name: &String| name.to_lowercase().starts_with(&typed) && !name.contains(is_escaped);
    let is_bash = std::env::var_os(BASH).is_some();
    let word = |name: String| if is_bash { quoted(&name) } else { name };
    names.filter(is_wanted).map(word).map(CompletionCandidate::new).collect()
}

/// A name as a word of bash.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%:,".contains(c);
    let mut word = String::with_capacity(name.len());
    for character in name.chars() {
        if !is_plain(character) {
            word.push('\\');
        }
        word.push(character);
    }
    word
}

/// What was typed, without the quoting that bash leaves in it.
fn unquoted(typed: &OsStr) -> String {
    let typed = typed.to_string_lossy();
    let typed = typed.trim_start_matches(['"', '\'']);
    let mut text = String::with_capacity(typed.len());
    let mut characters = typed.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(typed: &str) -> Vec<String> {
        let all = ["Holiday photos", "holidays", "Films", "evil\u{1b}[2J"].map(str::to_owned);
        let candidates = candidates(all.into_iter(), typed);
        candidates.iter().map(|one| one.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn names_are_completed_whatever_their_case_and_control_no_terminal() {
        assert_eq!(names("HOLI"), ["Holiday photos", "holidays"]);
        assert_eq!(names("holiday p"), ["Holiday photos"]);
        assert_eq!(names("evil"), Vec::<String>::new());
        assert_eq!(names("").len(), 3);
    }

    #[test]
    fn words_of_bash_are_quoted_and_read_back() {
        assert_eq!(quoted("Holiday photos; $(x)"), "Holiday\\ photos\\;\\ \\$\\(x\\)");
        assert_eq!(unquoted(OsStr::new("Holiday\\ ph")), "Holiday ph");
        assert_eq!(unquoted(OsStr::new("\"Holiday ph")), "Holiday ph");
    }
}
