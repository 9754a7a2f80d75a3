//! The command line of repositories and their access keys.

use clap::{Args, Subcommand, ValueEnum};

use crate::arguments::Role;

/// How a repository's requests find a bucket.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// Independent buckets, each addressed by its provider's name
    Normal,
    /// One master bucket and its replicas
    Mirror,
}

/// A program whose settings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// The AWS command line
    Aws,
    /// boto3, for Python
    Boto3,
    /// @aws-sdk/client-s3, for JavaScript
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
    List {
        /// Only those of this workspace, by name or id
        #[arg(long)]
        workspace: Option<String>,
    },
    /// Make a repository
    Add {
        /// What to call it
        name: String,
        /// A bucket, by name or id, with the folder of it that the repository's objects lie in; several times for more
        #[arg(long = "bucket", value_name = "BUCKET[:FOLDER]", required = true)]
        buckets: Vec<String>,
        /// How requests find a bucket
        #[arg(long, default_value = "normal")]
        mode: Mode,
        /// The bucket that a mirror reads and writes first, by name or id
        #[arg(long, value_name = "BUCKET")]
        master: Option<String>,
        /// The workspace, by name or id
        #[arg(long)]
        workspace: Option<String>,
        /// Only tell whether it could be made
        #[arg(long)]
        dry_run: bool,
    },
    /// Show one repository
    Show {
        /// Name or id
        repo: String,
    },
    /// Change a repository
    Update {
        /// Name or id
        repo: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Another bucket for it; several times for more
        #[arg(long, value_name = "BUCKET[:FOLDER]")]
        attach: Vec<String>,
        /// A bucket that it shall not have any more; its objects stay where they are
        #[arg(long, value_name = "BUCKET")]
        detach: Vec<String>,
        /// How requests find a bucket
        #[arg(long)]
        mode: Option<Mode>,
        /// The bucket that a mirror reads and writes first, by name or id
        #[arg(long, value_name = "BUCKET")]
        master: Option<String>,
    },
    /// Delete a repository and revoke its keys; buckets and objects stay as they are
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id
        repo: String,
    },
    /// Check whether a repository's buckets still fit together
    Validate {
        /// Name or id
        repo: String,
    },
    /// Traffic that went through a repository
    Stats {
        /// Name or id; all repositories without it
        repo: Option<String>,
    },
    /// Print ready-to-paste settings for a program
    Connect(ConnectOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ConnectOptions {
    /// Name or id
    pub(crate) repo: String,
    /// The program
    #[arg(long, default_value = "aws")]
    pub(crate) tool: Tool,
    /// The access key id to name; the newest key of the repository without it
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Make an access key of this name for it, and print its secret, this once
    #[arg(long, value_name = "NAME", conflicts_with = "key")]
    pub(crate) new_key: Option<String>,
    /// What a new key may do
    #[arg(long, default_value = "write", requires = "new_key")]
    pub(crate) access: Role,
    /// The gateway's address; the first one that a connected node tells without it
    #[arg(long, env = "BUCKETRY_GATEWAY_URL", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the access keys of a repository
    #[command(visible_alias = "ls")]
    List {
        /// The repository, by name or id
        #[arg(long)]
        repo: String,
    },
    /// Make an access key; its secret is printed this once
    Add {
        /// A name to recognise it by
        name: String,
        /// The repository, by name or id
        #[arg(long)]
        repo: String,
        /// What it may do: read objects and list them, write and delete them too, or all that the gateway offers
        #[arg(long, default_value = "write")]
        access: Role,
    },
    /// Rename an access key, or change what it may do
    Update {
        /// Name, access key id, or id
        key: String,
        /// The repository, by name or id
        #[arg(long)]
        repo: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// What it may do: read objects and list them, write and delete them too, or all that the gateway offers
        #[arg(long)]
        access: Option<Role>,
    },
    /// Revoke an access key: nodes refuse it within seconds
    Rm {
        /// Name, access key id, or id
        key: String,
        /// The repository, by name or id
        #[arg(long)]
        repo: String,
    },
}
