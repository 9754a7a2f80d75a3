//! The command line.

use std::path::PathBuf;

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_vault::{Recipient, VaultError};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::apply::ApplyOptions;
use crate::argument_values::{future, past};
use crate::bucket_arguments::BucketCommand;
use crate::completion::workspaces;
use crate::confirmation::Confirmation;
use crate::context::ContextCommand;
use crate::database::DatabaseUrl;
#[cfg(feature = "demo")]
use crate::demo_options::DemoOptions;
use crate::export::ExportOptions;
use crate::import::ImportOptions;
use crate::init_arguments::InitOptions;
use crate::list_arguments::EventArguments;
use crate::notify_arguments::NotifyCommand;
use crate::organization_arguments::OrganizationCommand;
use crate::remote::Remote;
use crate::repository_arguments::{KeyCommand, RepositoryCommand};
use crate::role::{OrgRole, Role};
use crate::settings::{SettingsLayer, node_flag, serve_flag};

/// Register the buckets you own at any provider, see which of them work, and serve them through one S3 endpoint
///
/// `bucketry serve` runs the server, `bucketry node` an additional node, and `bucketry demo` shows them with sample data.
/// Commands such as `bucket` and `repo` call the API of a running server: sign in with `bucketry login`, or set
/// BUCKETRY_URL and BUCKETRY_TOKEN.
#[derive(Debug, Parser)]
#[command(name = "bucketry", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: the control plane with an embedded node
    Serve(Box<ServeOptions>),
    /// Run a node: serve, probe and validate the buckets of a server that runs elsewhere
    Node(Box<NodeOptions>),
    /// Set up a server: write its configuration file and its systemd unit, and check what can be checked
    ///
    /// At a terminal, it asks for what the options leave open. Every setting of `bucketry serve` is an option, too.
    Init(Box<InitOptions>),
    /// Try Bucketry in a temporary deployment with sample buckets on an embedded S3 server
    #[cfg(feature = "demo")]
    Demo(DemoOptions),
    /// Not part of this build
    // Without a flag for help, which would say no more than that.
    #[cfg(not(feature = "demo"))]
    #[command(hide = true, disable_help_flag = true)]
    Demo {
        /// Ignored
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<std::ffi::OsString>,
    },
    /// Log in, and save the session for later commands
    Login(LoginOptions),
    /// Log out, and delete the saved session
    Logout,
    /// Manage contexts: the deployments that you work with
    Context {
        #[command(subcommand)]
        command: ContextCommand,
    },
    /// Manage registered buckets
    Bucket {
        #[command(subcommand)]
        command: BucketCommand,
    },
    /// Show when the status of buckets changed
    Events {
        /// Show only the buckets of this workspace (name or id)
        #[arg(long, add = workspaces())]
        workspace: Option<String>,
        #[command(flatten)]
        selection: EventArguments,
    },
    /// Manage repositories: groups of buckets that applications use through the gateway
    Repo {
        #[command(subcommand)]
        command: RepositoryCommand,
    },
    /// Manage the access keys of repositories
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Manage workspaces and their members
    Workspace {
        #[command(subcommand)]
        command: WorkspaceCommand,
    },
    /// Show your organization, set the schedule of its inventories, and manage the keys of its nodes
    Organization {
        #[command(subcommand)]
        command: OrganizationCommand,
    },
    /// Manage the users of your organization
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Manage your API tokens and sessions
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Register the buckets of a file: of rclone, AWS or Terraform, or YAML
    ///
    /// Buckets that are registered already are skipped, so an interrupted import continues when you run it again. The formats
    /// are described in docs/import.md.
    Import(ImportOptions),
    /// Make the deployment match a file: create and change its workspaces, buckets and repositories
    ///
    /// The format of the file is described in docs/import.md; `bucketry export` writes one. A second run changes nothing.
    Apply(ApplyOptions),
    /// Write workspaces, buckets and repositories as a file for `bucketry apply`, without secrets
    Export(ExportOptions),
    /// Show changes, refused calls and logins, with who made them
    Audit(AuditOptions),
    /// Show the nodes of the deployment
    Nodes {
        #[command(subcommand)]
        command: NodesCommand,
    },
    /// Manage notifications: channels, silences and the log of deliveries
    Notify {
        #[command(subcommand)]
        command: NotifyCommand,
    },
    /// Manage the keys that provider secrets are sealed to
    Vault {
        #[command(subcommand)]
        command: VaultCommand,
    },
    /// Run operator commands directly on the database, without signing in
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Write a backup of the registry, and of the traffic that isn't counted yet, even while servers are running
    ///
    /// The backup contains secrets only in sealed form. Restore it with `bucketry restore`.
    Backup(BackupOptions),
    /// Restore a backup into a data directory, and with --database-url into an empty PostgreSQL database
    ///
    /// Everything is checked before anything is written. If the command is interrupted, run it again.
    Restore(RestoreOptions),
    /// Move the registry between the embedded database and PostgreSQL while all servers are stopped
    Migrate(MigrateOptions),
    /// Check this deployment for problems and say how to fix them
    Doctor(DoctorOptions),
    /// Exit with status 0 if the server is ready, for health checks that run a command
    Health(HealthOptions),
    /// Print the OpenAPI document
    Openapi,
    /// Write the man pages of all commands to a directory, such as share/man/man1
    ManPages {
        /// Directory to write to; it is created if necessary
        directory: PathBuf,
    },
    /// Print a shell completion script, which also completes the names of buckets, repositories and workspaces
    ///
    /// For bash, add this line to ~/.bashrc: source <(bucketry completions bash)
    Completions {
        /// Shell to print the script for
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(mut_args(serve_flag))]
pub(crate) struct ServeOptions {
    /// Configuration file (TOML); environment variables and flags override it
    #[arg(long, env = "BUCKETRY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write the listening addresses to this file as JSON once the server is ready
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Print the effective settings and exit
    #[arg(long)]
    pub(crate) print_config: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsLayer,
}

#[derive(Debug, Args)]
#[command(mut_args(node_flag))]
pub(crate) struct NodeOptions {
    /// Configuration file (TOML); environment variables and flags override it
    #[arg(long, env = "BUCKETRY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write the listening addresses to this file as JSON once the node is ready
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Print the effective settings and exit
    #[arg(long)]
    pub(crate) print_config: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsLayer,
}

#[derive(Debug, Args)]
pub(crate) struct LoginOptions {
    /// Your e-mail address
    #[arg(long, env = "BUCKETRY_EMAIL")]
    pub(crate) email: Option<String>,
    /// Read the password from standard input instead of prompting for it
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// List the workspaces that you have access to
    #[command(visible_alias = "ls")]
    List,
    /// Create a workspace
    Add {
        /// Name of the workspace
        name: String,
    },
    /// Show a workspace and its members
    Show {
        /// Name or id of the workspace
        #[arg(add = workspaces())]
        workspace: String,
    },
    /// Show the traffic of a workspace by hour
    Stats {
        /// Name or id of the workspace [default: the default workspace, or the only one]
        #[arg(add = workspaces())]
        workspace: Option<String>,
        /// How many of the latest hours to show
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=8_760))]
        hours: u16,
    },
    /// Set the default workspace, which commands use if they need a workspace and none is given
    ///
    /// The default is stored with the context. BUCKETRY_WORKSPACE and --workspace override it. Lists are not restricted
    /// to it.
    Use {
        /// Name or id of the workspace
        #[arg(add = workspaces(), required_unless_present = "unset")]
        workspace: Option<String>,
        /// Unset the default workspace
        #[arg(long, conflicts_with = "workspace")]
        unset: bool,
    },
    /// Rename a workspace
    Rename {
        /// Name or id of the workspace
        #[arg(add = workspaces())]
        workspace: String,
        /// New name
        name: String,
    },
    /// Delete an empty workspace
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the workspace
        #[arg(add = workspaces())]
        workspace: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Add a member to a workspace, or change a member's role
    Grant {
        /// Name or id of the workspace
        #[arg(add = workspaces())]
        workspace: String,
        /// E-mail address or id of the user
        user: String,
        /// Role in the workspace
        role: Role,
    },
    /// Remove a member from a workspace
    Revoke {
        /// Name or id of the workspace
        #[arg(add = workspaces())]
        workspace: String,
        /// E-mail address or id of the user
        user: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List users
    #[command(visible_alias = "ls")]
    List,
    /// Create a user with a one-time password, which is generated and printed unless you provide one
    Add {
        /// E-mail address of the user
        email: String,
        /// First name
        #[arg(long, default_value = "-")]
        first_name: String,
        /// Last name
        #[arg(long, default_value = "-")]
        last_name: String,
        /// Role in the organization
        #[arg(long, default_value = "user")]
        role: OrgRole,
        /// Read the one-time password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change a user's role in the organization
    Role {
        /// E-mail address or id of the user
        user: String,
        /// New role in the organization
        role: OrgRole,
    },
    /// Change your password and end your other sessions
    Password {
        /// Read the current and the new password from standard input, one per line
        #[arg(long)]
        password_stdin: bool,
    },
    /// Replace the password of a user with a one-time password, which is printed once
    ResetPassword {
        /// E-mail address or id of the user
        user: String,
    },
    /// Remove a user from the organization
    #[command(visible_alias = "delete")]
    Rm {
        /// E-mail address or id of the user
        user: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Replace a user's password with a one-time password, such as that of an owner who lost it; it is printed once
    ResetPassword(AdminResetOptions),
}

#[derive(Debug, Args)]
pub(crate) struct AdminResetOptions {
    /// E-mail address of the user
    pub(crate) email: String,
    /// Data directory of the server, which must be stopped
    #[arg(long, env = "BUCKETRY_DATA_DIR", default_value = "./data", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// PostgreSQL database, if the registry is in one; servers may be running
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// List your sessions and API tokens
    #[command(visible_alias = "ls")]
    List,
    /// Create an API token; it is printed once
    Add {
        /// Name to recognise the token by
        name: String,
        /// Restrict the token to this workspace (name or id)
        #[arg(long, add = workspaces())]
        workspace: Option<String>,
        /// Highest role that the token can use in a workspace
        #[arg(long)]
        role: Option<Role>,
        /// Expiry time: a date (2030-01-31, at its beginning in UTC), a time, or a length of time (90d)
        #[arg(long, visible_alias = "expires", value_name = "TIME", value_parser = future)]
        expires_at: Option<String>,
    },
    /// Revoke an API token or end a session, effective immediately
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the token or session
        token: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// The formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFile {
    /// One JSON object per line
    Jsonl,
    /// CSV with a header line
    Csv,
}

fn kinds() -> PossibleValuesParser {
    AuditKind::ALL.iter().map(|kind| kind.as_str()).into()
}

fn actions() -> PossibleValuesParser {
    AuditAction::ALL.iter().map(|action| action.as_str()).into()
}

#[derive(Debug, Args)]
pub(crate) struct AuditOptions {
    /// Only this kind of resource
    #[arg(long, value_parser = kinds(), ignore_case = true)]
    pub(crate) kind: Option<String>,
    /// Only this action
    #[arg(long, value_parser = actions(), ignore_case = true)]
    pub(crate) action: Option<String>,
    /// Only what this user did (e-mail address or id)
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Only the resource with this id
    #[arg(long, value_name = "ID")]
    pub(crate) target: Option<String>,
    /// Only resources of this workspace (name or id)
    #[arg(long, add = workspaces())]
    pub(crate) workspace: Option<String>,
    /// Only what was done, or only what was refused
    #[arg(long, value_parser = ["done", "refused"])]
    pub(crate) result: Option<String>,
    /// Start of the range: a date (2026-01-31), a time, `yesterday`, or how long ago (30d, 2 hours ago)
    #[arg(long, visible_alias = "from", value_name = "TIME", value_parser = past)]
    pub(crate) since: Option<String>,
    /// End of the range, which is not included, in the same formats
    #[arg(long, visible_alias = "to", value_name = "TIME", value_parser = past)]
    pub(crate) until: Option<String>,
    /// Show at most this many records
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000), conflicts_with = "export")]
    pub(crate) limit: u32,
    /// Write all records to standard output in this format
    #[arg(long, value_name = "FORMAT")]
    pub(crate) export: Option<ExportFile>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodesCommand {
    /// List nodes
    #[command(visible_alias = "ls")]
    List,
    /// Show a node
    Show {
        /// Name or id of the node
        node: String,
    },
    /// Let a node open secrets: stored ones are sealed again by nodes that can open them
    Approve {
        /// Name or id of the node
        node: String,
        /// Public key (age1…) that the node must have in use, as its log shows it
        #[arg(long, value_name = "AGE_KEY", value_parser = recipient)]
        recipient: Option<Recipient>,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Remove a node that serves all organizations: stored secrets are sealed again without it
    Rm {
        /// Name or id of the node
        node: String,
        /// Remove the node even if no other one opens the stored secrets
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Replace the nodes' keys and seal every secret to the new ones, without downtime
    Rotate {
        /// Start the rotation and exit without waiting for it to finish
        #[arg(long)]
        no_wait: bool,
    },
    /// Print the public keys (age recipients) that secrets are sealed to
    ExportRecipients {
        /// Data directory of the server
        #[arg(long, env = "BUCKETRY_DATA_DIR", default_value = "./data")]
        data_dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BackupOptions {
    /// File to write; it must not exist
    #[arg(required_unless_present = "record")]
    pub(crate) file: Option<PathBuf>,
    /// Write nothing: only record that another program made a backup
    #[arg(long, conflicts_with = "file")]
    pub(crate) record: bool,
    /// Also include vault.key, node.pem and token.key, encrypted to this age public key (age1…); may be repeated
    #[arg(long, value_name = "AGE_KEY", conflicts_with = "record", value_parser = recipient)]
    pub(crate) recipient: Vec<Recipient>,
    /// Data directory of the server
    #[arg(long, env = "BUCKETRY_DATA_DIR", default_value = "./data", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// PostgreSQL database, if the registry is in one; the keys and the spool are in the data directory
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreOptions {
    /// Backup to restore
    pub(crate) file: PathBuf,
    /// Data directory to restore into; no server may be using it
    #[arg(long, env = "BUCKETRY_DATA_DIR", default_value = "./data", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Empty PostgreSQL database to restore the registry into, instead of the data directory
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
    /// File with the private key (AGE-SECRET-KEY-1…) that opens the key files in the backup
    #[arg(long, value_name = "FILE", conflicts_with = "without_keys")]
    pub(crate) identity: Option<PathBuf>,
    /// Restore although vault.key is missing; every secret must be entered again
    #[arg(long)]
    pub(crate) without_keys: bool,
    /// Restore although there are files in the data directory, which are moved into a new directory in it
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Only check whether the backup can be restored, and write nothing
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) check: bool,
}

fn recipient(text: &str) -> Result<Recipient, VaultError> {
    text.parse()
}

#[derive(Debug, Args)]
pub(crate) struct MigrateOptions {
    /// Current location: sqlite:DATA_DIR or postgres://user:password@host/database
    #[arg(long, env = "BUCKETRY_MIGRATE_FROM", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) from: DatabaseUrl,
    /// New location, in the same format; it must be empty or contain an unfinished migration from the same source
    #[arg(long, env = "BUCKETRY_MIGRATE_TO", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) to: DatabaseUrl,
}

#[derive(Debug, Args)]
pub(crate) struct HealthOptions {
    /// Only check that the server answers, even if it isn't ready because, for example, its database is unavailable
    #[arg(long)]
    pub(crate) live: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// Also check this data directory
    #[arg(long, env = "BUCKETRY_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Also check this PostgreSQL database
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
}
