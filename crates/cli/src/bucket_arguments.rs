//! The command-line arguments for buckets.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::argument_values::{day, past};
use crate::bucket_pins::{NODES, PinFields};
use crate::completion::{buckets, repositories, workspaces};
use crate::confirmation::Confirmation;
use crate::content_arguments::{CleanArguments, FreshnessCommand};
use crate::credential_help::credential_help;
use crate::inventory_arguments::InventoryArguments;
use crate::list_arguments::{BucketListArguments, EventArguments};

/// Where a bucket is.
const AT_PROVIDER: &str = "Bucket at the provider";
/// How a bucket is opened.
const CREDENTIAL: &str = "Credential";
/// How a bucket is registered.
const REGISTRATION: &str = "Registration";

/// The flags that describe a bucket.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BucketFields {
    /// Name of the bucket at the provider
    #[arg(long, help_heading = AT_PROVIDER)]
    pub(crate) bucket: Option<String>,
    /// Protocol (S3, GCS, BLOB) or provider (aws, r2, google, azure, minio, …)
    #[arg(long = "type", value_name = "TYPE", help_heading = AT_PROVIDER)]
    pub(crate) storage_type: Option<String>,
    /// URL of the provider; required unless the bucket is at AWS, at Google or in Azure's public cloud
    #[arg(long, value_name = "URL", help_heading = AT_PROVIDER)]
    pub(crate) endpoint: Option<String>,
    /// Region of the bucket at the provider
    #[arg(long, help_heading = AT_PROVIDER)]
    pub(crate) region: Option<String>,
    /// Access key id, role ARN, e-mail address of a service account, or name of a storage account
    #[arg(long, help_heading = CREDENTIAL)]
    pub(crate) key: Option<String>,
    /// Read the secret from this file, or from standard input if it is `-`; or set BUCKETRY_BUCKET_SECRET. At a
    /// terminal, the command otherwise prompts for it
    #[arg(long, value_name = "FILE", help_heading = CREDENTIAL)]
    pub(crate) secret_file: Option<PathBuf>,
    /// Read copied text from this file, or from standard input if it is `-`: an address, a credential, or both
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file", help_heading = CREDENTIAL)]
    pub(crate) paste: Option<PathBuf>,
    /// Skip the checks that write and delete objects
    #[arg(long, help_heading = REGISTRATION)]
    pub(crate) read_only: bool,
}

/// The flags for what the registry stores about a bucket, beside its location.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RegistrationFields {
    /// Name or id of the workspace
    #[arg(long, add = workspaces(), help_heading = REGISTRATION)]
    pub(crate) workspace: Option<String>,
    /// Store the bucket without validating it
    #[arg(long, help_heading = REGISTRATION)]
    pub(crate) skip_validation: bool,
    #[command(flatten)]
    pub(crate) pins: PinFields,
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
        #[command(flatten)]
        registration: RegistrationFields,
    },
    /// Show the details of a bucket, its repositories and its last validation
    Show {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
    },
    /// Change the settings or credentials of a bucket
    #[command(after_long_help = credential_help())]
    Update {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket_ref: String,
        /// New name in the registry
        #[arg(long, help_heading = REGISTRATION)]
        name: Option<String>,
        #[command(flatten)]
        fields: Box<BucketFields>,
        #[command(flatten)]
        registration: RegistrationFields,
        /// Remove all pins: all nodes of the organization serve the bucket
        #[arg(long, conflicts_with_all = ["pin_nodes", "pin_regions"], help_heading = NODES)]
        unpin: bool,
    },
    /// Remove a bucket from the registry; the provider's bucket is not touched
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Validate a bucket now, and report what to fix
    Validate {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket_ref: String,
        #[command(flatten)]
        fields: Box<BucketFields>,
    },
    /// Show the status of a bucket as each node reports it
    Status {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
    },
    /// Show when the status of a bucket changed, at each node
    Events {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
        #[command(flatten)]
        selection: EventArguments,
    },
    /// Show the outages of a bucket: when no node reached it
    Outages {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
    },
    /// Show availability and latency of a bucket by hour, at each node, for up to seven days
    Hours {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
        /// How many of the latest hours to show
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u8).range(1..=168))]
        hours: u8,
    },
    /// Show what a node found when it last validated a bucket
    Diagnosis {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
    },
    /// Show how full a bucket is, and set the schedule of its inventories
    Inventory(InventoryArguments),
    /// Manage freshness rules: how old the newest object, such as a backup, may be
    Freshness {
        #[command(subcommand)]
        command: FreshnessCommand,
    },
    /// Abort multipart uploads of a bucket that nobody completed
    Clean(CleanArguments),
    /// Show the traffic of buckets, of all time or on one day; with a bucket and a day, also its uptime and latency
    Stats {
        /// Name or id of the bucket; without it, all buckets
        #[arg(add = buckets())]
        bucket: Option<String>,
        /// Day in UTC, such as 2026-01-31, today, yesterday or 3d
        #[arg(long, value_parser = day)]
        day: Option<String>,
    },
    /// Show the traffic of buckets by day, hour or minute, with its estimated cost if the operator has set prices
    Usage(UsageArguments),
}

/// The length of the periods that traffic is summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Period {
    /// Days in UTC, which are retained permanently
    Day,
    /// Hours
    Hour,
    /// Minutes
    Minute,
}

/// Which traffic to show.
#[derive(Debug, Clone, Args)]
pub(crate) struct UsageArguments {
    /// Names or ids of buckets; without them, all buckets
    #[arg(value_name = "BUCKET", add = buckets())]
    pub(crate) buckets: Vec<String>,
    /// Length of the periods
    #[arg(long, default_value = "day", value_name = "PERIOD", help_heading = "List")]
    pub(crate) by: Period,
    /// Start of the range: a date (2026-01-31), a time, `yesterday`, or how long ago (30d, 2 hours ago) [default: 30 days
    /// ago; by hour and by minute, 24 hours ago]
    #[arg(long, visible_alias = "since", value_name = "TIME", value_parser = past, help_heading = "List")]
    pub(crate) from: Option<String>,
    /// End of the range, in the same formats [default: now]
    #[arg(long, visible_alias = "until", value_name = "TIME", value_parser = past, help_heading = "List")]
    pub(crate) to: Option<String>,
    /// Show only the buckets of this workspace (name or id)
    #[arg(long, add = workspaces(), help_heading = "List")]
    pub(crate) workspace: Option<String>,
    /// Show only the traffic through this repository (name or id)
    #[arg(long, add = repositories(), help_heading = "List")]
    pub(crate) repo: Option<String>,
}
