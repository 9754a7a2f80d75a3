//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::database::DatabaseUrl;
use crate::demo_clouds::Cloud;
use crate::repository_arguments::{KeyCommand, RepositoryCommand};
use crate::settings::ServeSettings;

/// The bucket registry: every bucket at every provider, who may use it, whether it answers, how much goes through.
#[derive(Debug, Parser)]
#[command(name = "bucketry", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the API is and who asks: flags, or the environment, or what `bucketry login` kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct Remote {
    /// The API's address
    #[arg(long, global = true, env = "BUCKETRY_URL", value_name = "URL", help_heading = "Connection")]
    pub(crate) url: Option<String>,
    /// Certificates (PEM) to trust besides the system's, for the API's address
    #[arg(
        long,
        global = true,
        env = "BUCKETRY_API_CA_FILE",
        value_name = "FILE",
        help_heading = "Connection"
    )]
    pub(crate) api_ca_file: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the control plane, with an embedded node
    Serve(Box<ServeOptions>),
    /// Try it: a throwaway deployment with a sample bucket on an embedded S3 server
    Demo(DemoOptions),
    /// Log in and keep the session for the commands below
    Login(LoginOptions),
    /// End the session that `login` kept
    Logout,
    /// Registered buckets
    Bucket {
        #[command(subcommand)]
        command: BucketCommand,
    },
    /// Repositories: buckets that applications read and write through the gateway
    Repo {
        #[command(subcommand)]
        command: RepositoryCommand,
    },
    /// Access keys of repositories
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Workspaces and their members
    Workspace {
        #[command(subcommand)]
        command: WorkspaceCommand,
    },
    /// Your organization
    Organization {
        #[command(subcommand)]
        command: OrganizationCommand,
    },
    /// Users of the organization
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Personal API tokens and sessions
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Nodes
    Node {
        #[command(subcommand)]
        command: NodeCommand,
    },
    /// The keys that provider secrets are sealed to
    Vault {
        #[command(subcommand)]
        command: VaultCommand,
    },
    /// For the operator, at the database itself: without signing in
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Write a consistent copy of the database, also while the server runs
    Backup(BackupOptions),
    /// Move the registry between the embedded database and PostgreSQL, with every server stopped
    Migrate(MigrateOptions),
    /// Look for what is wrong with this deployment
    Doctor(DoctorOptions),
    /// Print the OpenAPI document
    Openapi,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// A configuration file (TOML); environment and flags win over it
    #[arg(long, env = "BUCKETRY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write the addresses as JSON to this file when ready
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Print the settings that would be in force, and end
    #[arg(long)]
    pub(crate) print_config: bool,
    #[command(flatten)]
    pub(crate) settings: ServeSettings,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Where the API listens; a free port is taken if this one is in use
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Where the gateway takes S3 requests; a free port is taken if this one is in use
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS")]
    pub(crate) gateway_listen: SocketAddr,
    /// Keep the registry in this PostgreSQL database, in a schema of its own that goes with the demo
    // Not from the environment: what is set there is somebody's real registry.
    #[arg(long, value_name = "URL", value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
    /// Bring other clouds along, with a sample bucket each: their emulators must be installed
    #[arg(long, value_name = "CLOUDS", value_delimiter = ',')]
    pub(crate) with: Vec<Cloud>,
    /// Write the addresses and credentials as JSON to this file when ready
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LoginOptions {
    /// The e-mail address
    #[arg(long, env = "BUCKETRY_EMAIL")]
    pub(crate) email: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// The fields of a bucket.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BucketFields {
    /// Its name at the provider
    #[arg(long)]
    pub(crate) bucket: Option<String>,
    /// The provider's protocol: S3, GCS or BLOB
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) storage_type: Option<String>,
    /// Access key id, role ARN, client e-mail or account name
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Read the secret from this file; `-` is standard input. BUCKETRY_BUCKET_SECRET gives it directly
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The provider's address, where it isn't the public one of the type
    #[arg(long)]
    pub(crate) endpoint: Option<String>,
    /// The provider's region
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The workspace, by name or id
    #[arg(long)]
    pub(crate) workspace: Option<String>,
    /// Leave out the checks that write and delete
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Store it without asking a node whether it can be reached
    #[arg(long)]
    pub(crate) skip_validation: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// List buckets
    #[command(visible_alias = "ls")]
    List {
        /// Only those of this workspace, by name or id
        #[arg(long)]
        workspace: Option<String>,
    },
    /// Register a bucket
    Add {
        /// What to call it
        name: String,
        #[command(flatten)]
        fields: Box<BucketFields>,
    },
    /// Show one bucket
    Show {
        /// Name or id
        bucket: String,
    },
    /// Change a bucket
    Update {
        /// Name or id
        bucket_ref: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        fields: Box<BucketFields>,
    },
    /// Delete a bucket from the registry; the provider's bucket stays as it is
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id
        bucket: String,
    },
    /// Check a bucket now and tell what is wrong
    Validate {
        /// Name or id
        bucket_ref: String,
        #[command(flatten)]
        fields: Box<BucketFields>,
    },
    /// What each node says of a bucket
    Status {
        /// Name or id
        bucket: String,
    },
    /// A bucket's traffic, and its uptime and latency on a day
    Stats {
        /// Name or id; all buckets' traffic without it
        bucket: Option<String>,
        /// The UTC day, YYYY-MM-DD [default: today]
        #[arg(long)]
        day: Option<String>,
    },
}

/// A role in a workspace.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    Read,
    Write,
    Admin,
}

/// A role in the organization.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OrgRole {
    User,
    Billing,
    Workspaces,
    Administrators,
    Owner,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// List the workspaces that you can enter
    #[command(visible_alias = "ls")]
    List,
    /// Make a workspace
    Add {
        /// Its name
        name: String,
    },
    /// Show a workspace and its members
    Show {
        /// Name or id
        workspace: String,
    },
    /// Rename a workspace
    Rename {
        /// Name or id
        workspace: String,
        /// The new name
        name: String,
    },
    /// Delete an empty workspace
    Rm {
        /// Name or id
        workspace: String,
    },
    /// Add a member, or change a member's role
    Grant {
        /// Name or id
        workspace: String,
        /// E-mail address or id
        user: String,
        /// The role
        role: Role,
    },
    /// Remove a member
    Revoke {
        /// Name or id
        workspace: String,
        /// E-mail address or id
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Show it, with the external id that roles at AWS must ask for
    Show,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List users
    #[command(visible_alias = "ls")]
    List,
    /// Make a user, with a one-time password from standard input, or one that is made up and printed
    Add {
        /// The e-mail address
        email: String,
        /// First name
        #[arg(long, default_value = "-")]
        first_name: String,
        /// Last name
        #[arg(long, default_value = "-")]
        last_name: String,
        /// The role in the organization
        #[arg(long, default_value = "user")]
        role: OrgRole,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change a user's role in the organization
    Role {
        /// E-mail address or id
        user: String,
        /// The role
        role: OrgRole,
    },
    /// Change your own password; your other sessions end
    Password {
        /// Read the current password and the new one from standard input, a line each
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user who lost the password a one-time password, which is printed once
    ResetPassword {
        /// E-mail address or id
        user: String,
    },
    /// Remove a user
    Rm {
        /// E-mail address or id
        user: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Give a user a one-time password, which is printed once: for an owner who lost the password
    ResetPassword(AdminResetOptions),
}

#[derive(Debug, Args)]
pub(crate) struct AdminResetOptions {
    /// The user's e-mail address
    pub(crate) email: String,
    /// The data directory; its server must be stopped
    #[arg(long, env = "BUCKETRY_DATA_DIR", default_value = "./data", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The PostgreSQL database, if the registry is kept in one; servers may run
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// List your sessions and API tokens
    #[command(visible_alias = "ls")]
    List,
    /// Make an API token; it is printed this once
    Add {
        /// A name to recognise it by
        name: String,
        /// Only for this workspace, by name or id
        #[arg(long)]
        workspace: Option<String>,
        /// The highest role that it may use
        #[arg(long)]
        role: Option<Role>,
        /// When it ends, as RFC 3339
        #[arg(long)]
        expires_at: Option<String>,
    },
    /// End a session or an API token at once
    Rm {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// List nodes
    #[command(visible_alias = "ls")]
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Make new keys and seal every secret anew, while everything stays in use
    Rotate {
        /// Start it and end, without waiting
        #[arg(long)]
        no_wait: bool,
    },
    /// Print the public keys that secrets are sealed to
    ExportRecipients {
        /// The data directory
        #[arg(long, env = "BUCKETRY_DATA_DIR", default_value = "./data")]
        data_dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BackupOptions {
    /// The file to write; it must not exist
    pub(crate) file: PathBuf,
    /// The data directory
    #[arg(long, env = "BUCKETRY_DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
    /// The PostgreSQL database, if the registry is kept in one
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateOptions {
    /// Where the registry is: sqlite:DATA_DIR or postgres://user:password@host/database
    #[arg(long, env = "BUCKETRY_MIGRATE_FROM", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) from: DatabaseUrl,
    /// Where it is to be, likewise; it must be empty, or where an earlier call broke off
    #[arg(long, env = "BUCKETRY_MIGRATE_TO", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) to: DatabaseUrl,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// Look at this data directory too
    #[arg(long, env = "BUCKETRY_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Look at this PostgreSQL database too
    #[arg(long, env = "BUCKETRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
}
