//! Which of the options that all commands share a command uses. Others are neither shown in its help nor accepted.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command as ClapCommand, CommandFactory as _};
use clap_complete::CompleteEnv;

use crate::arguments::Arguments;
use crate::completion::{VARIABLE, context_names};
use crate::failure::{Failure, Result};
use crate::remote::OutputFormat;
use crate::settings::ServiceCommand;

/// What decides which server is called.
const CONNECTION: [&str; 3] = ["url", "context", "api_ca_file"];
/// How a result is printed.
const OUTPUT: [&str; 2] = ["output", "json"];

/// Commands that call no server, and whether their result can be JSON.
const LOCAL: &[(&[&str], bool)] = &[
    (&["serve"], false),
    (&["node"], false),
    (&["init"], false),
    (&["man-pages"], false),
    (&["demo"], false),
    (&["openapi"], false),
    (&["completions"], false),
    (&["migrate"], false),
    (&["backup"], true),
    (&["restore"], true),
    (&["admin", "reset-password"], true),
    (&["vault", "export-recipients"], true),
];

/// Commands that print a list, for which `-o wide` and `-o csv` mean something. Others print sentences or the details of
/// one thing.
const LISTS: &[&[&str]] = &[
    &["bucket", "list"],
    &["bucket", "status"],
    &["bucket", "events"],
    &["bucket", "outages"],
    &["bucket", "hours"],
    &["bucket", "stats"],
    &["bucket", "usage"],
    &["events"],
    &["repo", "list"],
    &["repo", "stats"],
    &["key", "list"],
    &["workspace", "list"],
    &["workspace", "show"],
    &["workspace", "stats"],
    &["user", "list"],
    &["token", "list"],
    &["audit"],
    &["nodes", "list"],
    &["context", "list"],
    &["notify", "list"],
    &["notify", "log"],
    &["notify", "silence", "list"],
];

/// Answers a shell that asks for completions, and exits. Returns for any other run of this program.
pub(crate) fn complete() {
    CompleteEnv::with_factory(command_line).var(VARIABLE).complete();
}

/// The command line, complete: the help of each command shows only the options that it uses.
pub(crate) fn command_line() -> ClapCommand {
    let mut command = Arguments::command()
        .mut_args(|arg| if arg.get_id() == "context" { arg.add(context_names()) } else { arg });
    // Passes the shared options on to the commands.
    command.build();
    for (path, has_json) in LOCAL {
        hide(&mut command, path, &CONNECTION);
        if !has_json {
            hide(&mut command, path, &OUTPUT);
        }
    }
    hide_below(&mut command, &mut Vec::new());
    command
}

/// Hides the formats of lists from commands without one.
fn hide_below(command: &mut ClapCommand, path: &mut Vec<String>) {
    for sub in command.get_subcommands_mut() {
        path.push(sub.get_name().to_owned());
        if sub.has_subcommands() {
            hide_below(sub, path);
        } else if !prints_list(path) {
            *sub = without(std::mem::take(sub), &["output"]);
        }
        path.pop();
    }
}

fn prints_list(path: &[String]) -> bool {
    LISTS.iter().any(|list| path == *list)
}

fn hide(command: &mut ClapCommand, path: &[&str], options: &[&str]) {
    match path.split_first() {
        None => *command = without(std::mem::take(command), options),
        Some((name, below)) => {
            if let Some(sub) = command.find_subcommand_mut(name) {
                hide(sub, below, options);
            }
        }
    }
}

/// The command with these options hidden. Their order must stay: the command is complete, and knows them by position.
fn without(command: ClapCommand, options: &[&str]) -> ClapCommand {
    command.mut_args(|arg| {
        let is_hidden = options.iter().any(|option| arg.get_id() == option);
        if is_hidden { arg.hide(true) } else { arg }
    })
}

/// Refuses options that were typed and that the command doesn't use. Environment variables are for all commands.
pub(crate) fn refuse_unused(matches: &ArgMatches) -> Result<()> {
    let (mut path, mut at) = (Vec::new(), matches);
    while let Some((name, below)) = at.subcommand() {
        path.push(name.to_owned());
        at = below;
    }
    let local = LOCAL.iter().find(|(local, _)| path == *local);
    let is_typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let name = path.join(" ");
    if let Some((_, has_json)) = local {
        let unused = CONNECTION.iter().chain(OUTPUT.iter().filter(|_| !has_json));
        if let Some(option) = unused.copied().find(|id| is_typed(id)) {
            let why =
                if CONNECTION.contains(&option) { "it calls no server" } else { "its output has one form" };
            return Err(Failure::usage(format!(
                "`bucketry {name}` has no option --{}, because {why}",
                option.replace('_', "-")
            )));
        }
    }
    let command = match name.as_str() {
        "serve" | "init" => Some(ServiceCommand::Serve),
        "node" => Some(ServiceCommand::Node),
        _ => None,
    };
    if let Some(command) = command {
        refuse_foreign_settings(&name, command, at)?;
    }
    let format = matches.get_one::<OutputFormat>("output");
    if !prints_list(&path) && is_typed("output") && format.is_some_and(|format| format.is_of_lists()) {
        return Err(Failure::usage(format!(
            "-o wide and -o csv are for lists, and `bucketry {name}` prints none: leave it out, or use -o json"
        )));
    }
    Ok(())
}

/// Refuses flags of settings that only the other of `bucketry serve` and `bucketry node` has. Help doesn't show them.
fn refuse_foreign_settings(name: &str, command: ServiceCommand, matches: &ArgMatches) -> Result<()> {
    let typed = matches.ids().map(clap::Id::as_str);
    let mut typed = typed.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
    match typed.find_map(|id| Some((id, command.other_with(id)?))) {
        None => Ok(()),
        Some((id, other)) => Err(Failure::usage(format!(
            "`bucketry {name}` has no option --{}: it is a setting of `bucketry {other}`",
            id.replace('_', "-")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help_of(path: &[&str]) -> String {
        let mut command = command_line();
        let mut at = &mut command;
        for name in path {
            at = at.find_subcommand_mut(name).unwrap_or_else(|| panic!("there is no command {path:?}"));
        }
        at.render_help().to_string()
    }

    fn refused(line: &[&str]) -> Option<String> {
        let matches =
            command_line().try_get_matches_from(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        refuse_unused(&matches).err().map(|failure| failure.message().to_owned())
    }

    #[test]
    fn every_command_of_the_tables_exists_and_its_help_shows_only_what_it_uses() {
        for (path, has_json) in LOCAL {
            let help = help_of(path);
            assert!(!help.contains("--url <URL>") && !help.contains("--context"), "{path:?}: {help}");
            assert_eq!(help.contains("--json"), *has_json, "{path:?}: {help}");
        }
        for path in LISTS {
            let help = help_of(path);
            assert!(help.contains("--output") && help.contains("--context"), "{path:?}: {help}");
        }
        let help = help_of(&["bucket", "rm"]);
        assert!(help.contains("--json") && !help.contains("--output") && help.contains("--yes"), "{help}");
    }

    #[test]
    fn options_that_a_command_does_not_use_are_refused() {
        for line in [
            &["bucketry", "openapi", "--json"][..],
            &["bucketry", "--json", "openapi"],
            &["bucketry", "completions", "bash", "--url", "http://x"],
            &["bucketry", "backup", "x", "--context", "prod"],
        ] {
            assert!(refused(line).is_some_and(|said| said.contains("has no option --")), "{line:?}");
        }
        let csv = ["bucketry", "bucket", "show", "x", "-o", "csv"];
        assert!(refused(&csv).is_some_and(|said| said.contains("are for lists")));
        for line in [
            &["bucketry", "backup", "x", "--json"][..],
            &["bucketry", "bucket", "list", "-o", "csv"],
            &["bucketry", "bucket", "show", "x", "-o", "json"],
        ] {
            assert_eq!(refused(line), None, "{line:?}");
        }
    }

    #[test]
    fn serve_and_node_show_and_accept_their_own_settings() {
        let (serve, node) = (help_of(&["serve"]), help_of(&["node"]));
        assert!(serve.contains("--database-url") && !serve.contains("--control-plane"), "{serve}");
        assert!(node.contains("--control-plane") && !node.contains("--database-url"), "{node}");
        assert!(node.contains("--name") && !node.contains("[default: embedded]"), "{node}");
        assert!(!help_of(&["init"]).contains("--control-plane"));
        for (line, said) in [
            (&["bucketry", "node", "--listen", ":8080"][..], "`bucketry node` has no option --listen: it is"),
            (&["bucketry", "serve", "--node-key", "x"], "`bucketry serve` has no option --node-key: it is"),
        ] {
            assert!(refused(line).is_some_and(|message| message.contains(said)), "{line:?}");
        }
        let short = ["--name", "n1", "--org", "0197a3b0-0000-7000-8000-0000000000aa", "--key", "k"];
        let line = [&["bucketry", "node"][..], &short].concat();
        assert_eq!(refused(&line), None);
    }

    /// An option of the same name would set the shared one, too: the caller's token would be sent to its URL.
    #[test]
    fn no_command_has_an_option_with_the_name_of_a_shared_one() {
        fn visit(command: &ClapCommand, path: &str) {
            for option in CONNECTION.iter().chain(&OUTPUT) {
                let own =
                    command.get_arguments().filter(|arg| arg.get_id() == option && !arg.is_global_set());
                assert_eq!(own.count(), 0, "{path}: {option}");
            }
            for sub in command.get_subcommands() {
                visit(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        visit(&Arguments::command(), "bucketry");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
