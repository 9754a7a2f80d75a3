//! `bucketry`: the server with its control plane and node, and the commands to work with it, in one binary.
//!
//! **Invariant:** this crate contains no domain rules. It reads settings, wires the halves together and prints
//! results.

mod admin;
mod apply;
mod argument_values;
mod arguments;
mod audit;
mod backup;
mod backup_contents;
mod bounded_lines;
mod bucket;
mod bucket_arguments;
mod bucket_content;
mod bucket_fields;
mod bucket_list;
mod bucket_names;
mod bucket_paste;
mod bucket_pins;
mod bucket_statistics;
mod busy_server;
mod certificate_orders;
mod channel_choice;
mod checks;
mod command_options;
mod completion;
mod config_directory;
mod confirmation;
mod connect;
mod content_arguments;
mod context;
mod context_name;
mod contexts;
mod credential_help;
mod credentials;
mod data_directory;
mod database;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "demo")]
mod demo_options;
mod deployment;
mod disk_metrics;
mod doctor;
mod doctor_findings;
mod doctor_nodes;
mod embedded_node;
mod entered_time;
mod environment_variables;
mod export;
mod failure;
mod first_start;
mod health;
mod history;
mod import;
mod init;
mod init_arguments;
mod interrupted_restore;
mod inventory;
mod inventory_arguments;
mod key;
mod list_arguments;
mod listener_url;
mod log_file;
mod logging;
mod login;
mod manual;
mod migrate;
mod moved_commands;
mod named;
mod nearest;
mod node;
mod node_identity;
mod node_process;
mod node_start;
mod nodes;
mod notify;
mod notify_arguments;
mod organization;
mod organization_arguments;
mod organization_key;
mod organization_node;
mod output;
mod printable;
mod program;
mod refusal;
mod registry_file;
mod remote;
mod repository;
mod repository_arguments;
mod restore;
mod role;
mod scheduled_backup;
mod sealed_secrets;
mod secret_source;
mod serve;
mod server_certificates;
mod service_manager;
mod settings;
mod silences;
mod table;
mod text_file;
mod tls_metrics;
mod token;
mod trace_export;
mod traffic;
mod usage;
mod user;
mod validation;
mod vault;
mod watch;
mod workspace;
mod workspace_choice;

use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::arguments::{Arguments, Command};
use crate::failure::{Failure, Result};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    command_options::complete();
    // clap prints `--help`, and exits with status 2 when the usage is wrong.
    let matches = command_options::command_line().try_get_matches().unwrap_or_else(|error| {
        let error = environment_variables::name_source(error, std::env::args_os());
        moved_commands::name_replacement(error, std::env::args_os()).exit()
    });
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match command_options::refuse_unused(&matches).and_then(|()| run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure);
            ExitCode::from(failure.exit_status())
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("can't start", &error))?;
    let remote = arguments.remote.with_json_of_output();
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Serve(options) => serve::run(*options).await,
            Command::Node(options) => node::run(*options).await,
            Command::Init(options) => init::run(*options).await,
            #[cfg(feature = "demo")]
            Command::Demo(options) => Box::pin(demo::run(options)).await,
            #[cfg(not(feature = "demo"))]
            Command::Demo { .. } => Err(Failure::usage(
                "this program was built without the demo: build it with `cargo build --features demo`",
            )),
            Command::Login(options) => login::login(&remote, options).await,
            Command::Logout => login::logout(&remote).await,
            Command::Context { command } => context::run(&remote, command).await,
            Command::Bucket { command } => bucket::run(&remote, command).await,
            Command::Events { workspace, selection } => history::events(&remote, workspace, selection).await,
            Command::Repo { command } => repository::run(&remote, command).await,
            Command::Key { command } => key::run(&remote, command).await,
            Command::Workspace { command } => workspace::run(&remote, command).await,
            Command::Organization { command } => organization::run(&remote, command).await,
            Command::User { command } => user::run(&remote, command).await,
            Command::Admin { command } => admin::run(&remote, command).await,
            Command::Apply(options) => apply::run(&remote, options).await,
            Command::Import(options) => import::run(&remote, options).await,
            Command::Export(options) => export::run(&remote, options).await,
            Command::Audit(options) => audit::run(&remote, options).await,
            Command::Token { command } => token::run(&remote, command).await,
            Command::Nodes { command } => nodes::run(&remote, command).await,
            Command::Notify { command } => notify::run(&remote, command).await,
            Command::Vault { command } => vault::run(&remote, command).await,
            Command::Backup(options) => backup::run(&remote, options).await,
            Command::Restore(options) => restore::run(&remote, options).await,
            Command::Migrate(options) => migrate::run(options).await,
            Command::Doctor(options) => doctor::run(&remote, options).await,
            Command::Health(options) => health::run(&remote, &options).await,
            Command::Openapi => output::line(&bucketry_api::openapi_json()),
            Command::ManPages { directory } => manual::write(&command_options::command_line(), &directory),
            Command::Completions { shell } => completion::print_script(shell),
        }
    });
    // A blocking task that is still running, such as a file read, must not delay the exit of a finished command.
    runtime.shutdown_background();
    done
}

#[cfg(all(test, not(feature = "demo")))]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_build_without_the_demo_says_how_to_get_it() {
        for flags in [&[][..], &["--listen", "127.0.0.1:1"], &["--help"]] {
            let line = ["bucketry", "demo"].iter().chain(flags);
            let failure = run(Arguments::try_parse_from(line).unwrap()).unwrap_err();
            assert!(failure.message().contains("cargo build --features demo"), "{}", failure.message());
            assert_eq!(failure.exit_status(), 2);
        }
    }
}
