//! The arguments of `bucketry bucket list`, `bucketry repo list` and `bucketry events`.

use bucketry_client::api::bucket::ListSort;
use bucketry_client::api::history::StatusEventSelection;
use bucketry_model::bucket::{StorageType, UnknownStorageType};
use bucketry_model::provider::Provider;
use bucketry_model::status::Status;
use clap::{Args, ValueEnum};

use crate::argument_values::past;
use crate::completion::workspaces;

/// The order of a list.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SortBy {
    /// The newest first
    Newest,
    /// By name
    Name,
}

impl From<SortBy> for ListSort {
    fn from(sort: SortBy) -> Self {
        match sort {
            SortBy::Newest => Self::Newest,
            SortBy::Name => Self::Name,
        }
    }
}

/// Which changes of the status of buckets to show.
#[derive(Debug, Clone, Args)]
pub(crate) struct EventArguments {
    /// Start of the range: a date (2026-01-31), a time, `yesterday`, or how long ago (30d, 2 hours ago)
    #[arg(long, visible_alias = "from", value_name = "TIME", value_parser = past, help_heading = "List")]
    since: Option<String>,
    /// End of the range, in the same formats
    #[arg(long, visible_alias = "to", value_name = "TIME", value_parser = past, help_heading = "List")]
    until: Option<String>,
    /// How many changes to show, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000), help_heading = "List")]
    limit: u32,
}

impl From<EventArguments> for StatusEventSelection {
    fn from(EventArguments { since, until, limit }: EventArguments) -> Self {
        Self { since, until, limit }
    }
}

/// How often a list is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WatchOptions {
    /// Refresh the list every SECONDS until you press Ctrl-C [default: 2]
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=3_600),
        help_heading = "List"
    )]
    pub(crate) watch: Option<u64>,
}

/// Which buckets to list.
#[derive(Debug, Clone, Args)]
pub(crate) struct BucketListArguments {
    /// Show only the buckets of this workspace (name or id)
    #[arg(long, add = workspaces(), help_heading = "List")]
    pub(crate) workspace: Option<String>,
    /// Show only buckets with this status: online, offline or disconnected; several separated by commas
    #[arg(long, value_delimiter = ',', help_heading = "List")]
    pub(crate) status: Vec<Status>,
    /// Show only buckets at this provider, such as aws, r2, google, azure, minio or other; several separated by commas
    #[arg(long, value_delimiter = ',', help_heading = "List")]
    pub(crate) provider: Vec<Provider>,
    /// Show only buckets of this type: S3, GCS or BLOB; several separated by commas
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_delimiter = ',',
        value_parser = storage_type,
        help_heading = "List"
    )]
    pub(crate) storage_type: Vec<StorageType>,
    /// Show only buckets whose names contain words that begin with each of these words
    #[arg(long, value_name = "WORDS", help_heading = "List")]
    pub(crate) search: Option<String>,
    /// Order of the list [default: newest, or with --search the order of the words found]
    #[arg(long, value_name = "ORDER", help_heading = "List")]
    pub(crate) sort: Option<SortBy>,
    #[command(flatten)]
    pub(crate) watch: WatchOptions,
}

fn storage_type(text: &str) -> Result<StorageType, UnknownStorageType> {
    text.to_ascii_uppercase().parse()
}

/// Which repositories to list.
#[derive(Debug, Clone, Args)]
pub(crate) struct RepositoryListArguments {
    /// Show only the repositories of this workspace (name or id)
    #[arg(long, add = workspaces(), help_heading = "List")]
    pub(crate) workspace: Option<String>,
    /// Show only repositories whose names contain words that begin with each of these words
    #[arg(long, value_name = "WORDS", help_heading = "List")]
    pub(crate) search: Option<String>,
    /// Order of the list [default: newest, or with --search the order of the words found]
    #[arg(long, value_name = "ORDER", help_heading = "List")]
    pub(crate) sort: Option<SortBy>,
    #[command(flatten)]
    pub(crate) watch: WatchOptions,
}
