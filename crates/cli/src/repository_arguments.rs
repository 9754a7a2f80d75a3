//! The command-line arguments for repositories and their access keys.

use clap::{Args, Subcommand, ValueEnum};

use crate::completion::{buckets, repositories, workspaces};
use crate::confirmation::Confirmation;
use crate::list_arguments::RepositoryListArguments;
use crate::role::Role;

/// How requests are routed to the buckets of a repository.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// Independent buckets, each addressed by its name at the provider
    Normal,
    /// One master bucket and its replicas
    Mirror,
}

/// A program that `repo connect` prints settings for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// AWS command line
    Aws,
    /// boto3 (Python)
    Boto3,
    /// @aws-sdk/client-s3 (JavaScript)
    AwsSdkJs,
    /// rclone
    Rclone,
    /// s5cmd
    S5cmd,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RepositoryCommand {
    /// List repositories
    #[command(visible_alias = "ls")]
    List(RepositoryListArguments),
    /// Create a repository
    Add {
        /// Name of the repository
        name: String,
        /// Bucket (name or id), optionally with the folder in it that the repository uses; can be given several
        /// times
        #[arg(
            long = "bucket",
            visible_alias = "attach",
            value_name = "BUCKET[:FOLDER]",
            required = true,
            add = buckets()
        )]
        buckets: Vec<String>,
        /// How requests are routed to the buckets
        #[arg(long, default_value = "normal")]
        mode: Mode,
        /// Bucket (name or id) that a mirror reads from and writes to first
        #[arg(long, value_name = "BUCKET", add = buckets())]
        master: Option<String>,
        /// Name or id of the workspace [default: that of the buckets]
        #[arg(long, add = workspaces())]
        workspace: Option<String>,
        /// Check whether the repository can be created, without creating it
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the details of a repository
    Show {
        /// Name or id of the repository
        #[arg(add = repositories())]
        repo: String,
    },
    /// Change a repository
    Update {
        /// Name or id of the repository
        #[arg(add = repositories())]
        repo: String,
        #[command(flatten)]
        changes: RepositoryChanges,
    },
    /// Delete a repository and revoke its keys; its buckets and objects are not touched
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the repository
        #[arg(add = repositories())]
        repo: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Check whether the buckets of a repository are still compatible
    Validate {
        /// Name or id of the repository
        #[arg(add = repositories())]
        repo: String,
    },
    /// Show the traffic of a repository
    Stats {
        /// Name or id of the repository; without it, all repositories
        #[arg(add = repositories())]
        repo: Option<String>,
    },
    /// Print ready-to-paste settings that connect a program to a repository
    Connect(ConnectOptions),
}

#[derive(Debug, Args)]
pub(crate) struct RepositoryChanges {
    /// New name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Bucket to attach (name or id), optionally with a folder; can be given several times
    #[arg(long, visible_alias = "bucket", value_name = "BUCKET[:FOLDER]", add = buckets())]
    pub(crate) attach: Vec<String>,
    /// Bucket to detach (name or id); its objects are not touched. Can be given several times
    #[arg(long, value_name = "BUCKET", add = buckets())]
    pub(crate) detach: Vec<String>,
    /// How requests are routed to the buckets
    #[arg(long)]
    pub(crate) mode: Option<Mode>,
    /// Bucket (name or id) that a mirror reads from and writes to first
    #[arg(long, value_name = "BUCKET", add = buckets())]
    pub(crate) master: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectOptions {
    /// Name or id of the repository
    #[arg(add = repositories())]
    pub(crate) repo: String,
    /// Program to print the settings for
    #[arg(long, default_value = "aws")]
    pub(crate) tool: Tool,
    /// Access key id to use; without it, the repository's newest key
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Create an access key with this name, use it, and print its secret once
    #[arg(long, value_name = "NAME", conflicts_with = "key")]
    pub(crate) new_key: Option<String>,
    /// What the new key may do with objects
    #[arg(long, default_value = "write", requires = "new_key")]
    pub(crate) access: Role,
    /// URL of the gateway; without it, the one that the first connected node reports
    #[arg(long, env = "BUCKETRY_GATEWAY_URL", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the access keys of a repository
    #[command(visible_alias = "ls")]
    List {
        /// Name or id of the repository
        #[arg(long, add = repositories())]
        repo: String,
    },
    /// Create an access key and print its secret once
    Add {
        /// Name to recognise the key by
        name: String,
        /// Name or id of the repository
        #[arg(long, add = repositories())]
        repo: String,
        /// What the key may do with objects
        #[arg(long, default_value = "write")]
        access: Role,
    },
    /// Rename an access key, or change its access level
    Update {
        /// Name or id of the key, or its access key id
        key: String,
        /// Name or id of the repository
        #[arg(long, add = repositories())]
        repo: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// What the key may do with objects
        #[arg(long)]
        access: Option<Role>,
    },
    /// Revoke an access key; nodes refuse it within seconds
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the key, or its access key id
        key: String,
        /// Name or id of the repository
        #[arg(long, add = repositories())]
        repo: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}
