//! Man pages, one per command, from the same declarations as `--help`.

use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use crate::failure::{Failure, Result};
use crate::output;

/// What the page of the program says about all commands. It is added to the generated sections.
const FOR_ALL_COMMANDS: &str = r#".SH "EXIT STATUS"
.TP
\fB0\fR
The command succeeded.
.TP
\fB1\fR
The operation was refused or failed. The message is on standard error.
.TP
\fB2\fR
The command line or the configuration is wrong.
.SH FILES
.TP
\fI/etc/bucketry/bucketry.toml\fR
The configuration of a server that \fBbucketry init\fR has set up.
.TP
\fI~/.config/bucketry\fR
Contexts and sessions of \fBbucketry login\fR.
"#;

/// Writes a page for each command that `command` has.
pub(crate) fn write(command: &Command, directory: &Path) -> Result<()> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::failed(format!("can't write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    let pages = pages(command)?;
    for (name, page) in &pages {
        let path = directory.join(name);
        std::fs::write(&path, page).map_err(|error| failed(&path, &error))?;
    }
    output::sentence(&format!("wrote {} man pages to {}", pages.len(), directory.display()))
}

/// The pages with their file names.
fn pages(command: &Command) -> Result<Vec<(String, Vec<u8>)>> {
    let man = Man::new(command.clone())
        .manual("Bucketry")
        .source(format!("Bucketry {}", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render(&mut page).map_err(|error| Failure::because("can't write a man page", &error))?;
    let is_program = command.get_display_name().is_none_or(|name| name == command.get_name());
    if is_program {
        page.extend_from_slice(FOR_ALL_COMMANDS.as_bytes());
    }
    let mut all = vec![(man.get_filename(), page)];
    let documented = |sub: &&Command| !sub.is_hide_set() && sub.get_name() != "help";
    for sub in command.get_subcommands().filter(documented) {
        all.extend(pages(sub)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_options::command_line;

    /// The names of the pages that there should be.
    fn names(command: &Command, path: &str, names: &mut Vec<String>) {
        names.push(format!("{path}.1"));
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            self::names(sub, &format!("{path}-{}", sub.get_name()), names);
        }
    }

    #[test]
    fn every_command_has_a_page_with_its_sections_and_none_is_empty() {
        let command = command_line();
        let mut expected = Vec::new();
        names(&command, "bucketry", &mut expected);
        let pages = pages(&command).unwrap();
        let written: Vec<_> = pages.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(written, expected);
        assert!(written.contains(&"bucketry-serve.1".to_owned()) && written.len() > 50, "{written:?}");
        for (name, page) in &pages {
            let text = std::str::from_utf8(page).unwrap();
            let sections: Vec<(&str, &str)> = text
                .split("\n.SH ")
                .skip(1)
                .map(|part| part.split_once('\n').unwrap_or((part, "")))
                .collect();
            for wanted in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "VERSION"] {
                assert!(sections.iter().any(|(title, _)| *title == wanted), "{name} lacks {wanted}: {text}");
            }
            for (title, content) in sections {
                let is_text = |line: &str| !line.trim().is_empty() && !line.starts_with('.');
                assert!(content.lines().any(is_text), "{name}: the section {title} is empty");
            }
            let command = name.trim_end_matches(".1");
            assert!(text.contains(&format!("\n{} \\- ", command.replace('-', "\\-"))), "{name}: {text}");
        }
    }

    #[test]
    fn pages_show_settings_and_their_variables_and_hide_what_a_command_does_not_use() {
        let pages = pages(&command_line()).unwrap();
        let page = |name: &str| {
            let (_, page) = pages.iter().find(|(one, _)| one == name).unwrap();
            String::from_utf8_lossy(page).replace("\\-", "-")
        };
        let serve = page("bucketry-serve.1");
        assert!(serve.contains("--gateway-listen") && serve.contains("BUCKETRY_GATEWAY_LISTEN"), "{serve}");
        assert!(!serve.contains("--context"), "{serve}");
        assert!(page("bucketry.1").contains("EXIT STATUS"));
    }

    #[test]
    fn the_pages_are_written_to_a_directory_that_is_created() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("share/man/man1");
        write(&command_line(), &target).unwrap();
        assert!(target.join("bucketry-bucket-add.1").exists());
    }
}
