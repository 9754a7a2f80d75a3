//! The command line.

use std::path::PathBuf;

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::{TokenId, UserId};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::argument_values::{date_or_time, day, time};
use crate::credential_help::credential_help;
use crate::database::DatabaseUrl;
#[cfg(feature = "demo")]
use crate::demo_options::DemoOptions;
use crate::inventory_arguments::{InventoryArguments, ScheduleArguments};
use crate::list_arguments::BucketListArguments;
use crate::notify_arguments::NotifyCommand;
use crate::repository_arguments::{KeyCommand, RepositoryCommand};
use crate::role::{OrgRole, Role};
use crate::settings::SettingsLayer;

/// Register the buckets you own at any provider, see which of them work, and serve them through one S3 endpoint
///
/// `bucketry serve` runs the server, and `bucketry demo` shows it with sample data. Commands such as `bucket` and
/// `repo` call the API of a running server: sign in with `bucketry login`, or set BUCKETRY_URL and BUCKETRY_TOKEN.
#[derive(Debug, Parser)]
#[command(name = "bucketry", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The server to call, and how to print the result. Without `url`, the session that `bucketry login` saved decides.
#[derive(Debug, Clone, Args)]
pub(crate) struct Remote {
    /// URL of the API [default: the server that you logged in to, or http://127.0.0.1:8080]
    #[arg(long, global = true, env = "BUCKETRY_URL", value_name = "URL", help_heading = "Connection")]
    pub(crate) url: Option<String>,
    /// PEM file of CA certificates to trust for the API, in addition to the system's
    #[arg(
        long,
        global = true,
        env = "BUCKETRY_API_CA_FILE",
        value_name = "FILE",
        help_heading = "Connection"
    )]
    pub(crate) api_ca_file: Option<PathBuf>,
    /// How to print the result: a table that fits the terminal; all columns in full, with ids; for lists, CSV; or JSON
    #[arg(short, long, global = true, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) output: Option<OutputFormat>,
    /// Print JSON, like `-o json`
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Remote {
    /// The same with `json` set if `-o json` was given.
    pub(crate) fn with_json_of_output(self) -> Self {
        Self { json: self.json || self.output == Some(OutputFormat::Json), ..self }
    }
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    Table,
    Wide,
    Csv,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: the control plane with an embedded node
    Serve(Box<ServeOptions>),
    /// Try Bucketry in a temporary deployment with a sample bucket on an embedded S3 server
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
    /// Manage registered buckets
    Bucket {
        #[command(subcommand)]
        command: BucketCommand,
    },
    /// Show when the status of buckets changed
    Events {
        /// Show only the buckets of this workspace (name or id)
        #[arg(long)]
        workspace: Option<String>,
        /// How many changes to show, newest first
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
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
    /// Show your organization, and set when the lists of its buckets are walked
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
    /// Show who changed what, what was refused, and logins
    Audit(AuditOptions),
    /// Show the nodes of the deployment
    Node {
        #[command(subcommand)]
        command: NodeCommand,
    },
    /// Manage notifications: where they are sent, what became of them, and silences
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
    /// Write a consistent copy of the embedded database, even while the server is running
    Backup(BackupOptions),
    /// Move the registry between the embedded database and PostgreSQL while all servers are stopped
    Migrate(MigrateOptions),
    /// Check this deployment for problems and say how to fix them
    Doctor(DoctorOptions),
    /// Print the OpenAPI document
    Openapi,
    /// Print a shell completion script
    Completions {
        /// Shell to print the script for
        shell: Shell,
    },
}

#[derive(Debug, Args)]
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
pub(crate) struct LoginOptions {
    /// Your e-mail address
    #[arg(long, env = "BUCKETRY_EMAIL")]
    pub(crate) email: Option<String>,
    /// Read the password from standard input instead of prompting for it
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// The flags that describe a bucket.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BucketFields {
    /// Name of the bucket at the provider
    #[arg(long)]
    pub(crate) bucket: Option<String>,
    /// Protocol (S3, GCS, BLOB) or provider (aws, r2, google, azure, minio, …)
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) storage_type: Option<String>,
    /// Access key id, role ARN, client e-mail address or account name
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Read the secret from this file, or from standard input if it is `-`; or set BUCKETRY_BUCKET_SECRET
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Read what you copied from this file, or from standard input if it is `-`: an address, a credential, or both
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file")]
    pub(crate) paste: Option<PathBuf>,
    /// URL of the provider, if it isn't the public one for the type
    #[arg(long)]
    pub(crate) endpoint: Option<String>,
    /// Region of the bucket at the provider
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Name or id of the workspace
    #[arg(long)]
    pub(crate) workspace: Option<String>,
    /// Skip the checks that write and delete objects
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Store the bucket without validating it
    #[arg(long)]
    pub(crate) skip_validation: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// List buckets
    #[command(visible_alias = "ls")]
    List(BucketListArguments),
    /// Register a bucket
    #[command(after_long_help = credential_help())]
    Add {
        /// Name for the bucket in the registry
        name: String,
        #[command(flatten)]
        fields: Box<BucketFields>,
    },
    /// Show the details of a bucket
    Show {
        /// Name or id of the bucket
        bucket: String,
    },
    /// Change the settings or credentials of a bucket
    #[command(after_long_help = credential_help())]
    Update {
        /// Name or id of the bucket
        bucket_ref: String,
        /// New name in the registry
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        fields: Box<BucketFields>,
    },
    /// Remove a bucket from the registry; the provider's bucket is not touched
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the bucket
        bucket: String,
    },
    /// Validate a bucket now, and report what to fix
    Validate {
        /// Name or id of the bucket
        bucket_ref: String,
        #[command(flatten)]
        fields: Box<BucketFields>,
    },
    /// Show the status of a bucket as each node reports it
    Status {
        /// Name or id of the bucket
        bucket: String,
    },
    /// Show when the status of a bucket changed, at each node
    Events {
        /// Name or id of the bucket
        bucket: String,
        /// How many changes to show, newest first
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Show the outages of a bucket: when no node reached it
    Outages {
        /// Name or id of the bucket
        bucket: String,
    },
    /// Show availability and latency of a bucket by hour, at each node, for up to seven days
    Hours {
        /// Name or id of the bucket
        bucket: String,
        /// How many of the latest hours to show
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u8).range(1..=168))]
        hours: u8,
    },
    /// Show what a node found when it last validated a bucket
    Diagnosis {
        /// Name or id of the bucket
        bucket: String,
    },
    /// Show how full a bucket is, and set when its list is walked to find out
    Inventory(InventoryArguments),
    /// Show the traffic of a bucket, and its uptime and latency on one day
    Stats {
        /// Name or id of the bucket; without it, the traffic of all buckets
        bucket: Option<String>,
        /// Day in UTC, as YYYY-MM-DD [default: today]
        #[arg(long, value_parser = day)]
        day: Option<String>,
    },
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
        workspace: String,
    },
    /// Show the traffic of a workspace by hour
    Stats {
        /// Name or id of the workspace
        workspace: String,
        /// How many of the latest hours to show
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=8_760))]
        hours: u16,
    },
    /// Rename a workspace
    Rename {
        /// Name or id of the workspace
        workspace: String,
        /// New name
        name: String,
    },
    /// Delete an empty workspace
    Rm {
        /// Name or id of the workspace
        workspace: String,
    },
    /// Add a member to a workspace, or change a member's role
    Grant {
        /// Name or id of the workspace
        workspace: String,
        /// E-mail address or id of the user
        user: String,
        /// Role in the workspace
        role: Role,
    },
    /// Remove a member from a workspace
    Revoke {
        /// Name or id of the workspace
        workspace: String,
        /// E-mail address or id of the user
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Show the organization, its quota and the external id for roles at AWS
    Show,
    /// Show when the lists of buckets without a setting of their own are walked, or set it
    Inventory(ScheduleArguments),
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
    Rm {
        /// E-mail address or id of the user
        user: String,
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
        #[arg(long)]
        workspace: Option<String>,
        /// Highest role that the token can use in a workspace
        #[arg(long)]
        role: Option<Role>,
        /// Expiry time in RFC 3339 format, such as 2030-01-31T00:00:00Z
        #[arg(long, value_parser = time)]
        expires_at: Option<String>,
    },
    /// Revoke an API token or end a session, effective immediately
    Rm {
        /// Id of the token or session
        id: TokenId,
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
    /// Only what the user with this id did
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<UserId>,
    /// Only the resource with this id
    #[arg(long, value_name = "ID")]
    pub(crate) target: Option<String>,
    /// Only resources of this workspace (name or id)
    #[arg(long)]
    pub(crate) workspace: Option<String>,
    /// Only what was done, or only what was refused
    #[arg(long, value_parser = ["done", "refused"])]
    pub(crate) result: Option<String>,
    /// First time: a date, or a time in RFC 3339 format
    #[arg(long, value_name = "TIME", value_parser = date_or_time)]
    pub(crate) since: Option<String>,
    /// Time after the last one: a date, or a time in RFC 3339 format
    #[arg(long, value_name = "TIME", value_parser = date_or_time)]
    pub(crate) until: Option<String>,
    /// Show at most this many records
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000), conflicts_with = "export")]
    pub(crate) limit: u32,
    /// Write all records to standard output in this format
    #[arg(long, value_name = "FORMAT")]
    pub(crate) export: Option<ExportFile>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// List nodes
    #[command(visible_alias = "ls")]
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Create new keys and seal every secret again, while the deployment stays in use
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
    pub(crate) file: PathBuf,
    /// Data directory of the server
    #[arg(long, env = "BUCKETRY_DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// PostgreSQL database, if the registry is in one; back it up with pg_dump instead
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
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
pub(crate) struct DoctorOptions {
    /// Also check this data directory
    #[arg(long, env = "BUCKETRY_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Also check this PostgreSQL database
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
}
