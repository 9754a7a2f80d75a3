//! The command-line arguments for inventories.

use clap::Args;

use crate::argument_values::{interval_hours, requests_per_second, window};
use crate::completion::buckets;

/// When lists of buckets are walked, and how fast.
#[derive(Debug, Args)]
pub(crate) struct ScheduleArguments {
    /// Take an inventory this often, such as 24h, 7d or "2 days"
    #[arg(long, help_heading = "Schedule", value_name = "TIME", value_parser = interval_hours)]
    pub(crate) every: Option<i64>,
    /// Maximum number of requests per second at the provider [default: 5]
    #[arg(long, help_heading = "Schedule", value_name = "NUMBER", value_parser = requests_per_second, requires = "every")]
    pub(crate) requests_per_second: Option<i64>,
    /// Work only in this part of each day, in UTC, such as 01:00-05:00 [default: always]
    #[arg(long, help_heading = "Schedule", value_name = "FROM-UNTIL", value_parser = window, requires = "every")]
    pub(crate) window: Option<String>,
    /// Don't take inventories on a schedule
    #[arg(long, help_heading = "Schedule", conflicts_with = "every")]
    pub(crate) off: bool,
}

/// What to do about the inventories of a bucket. Without a flag, they are shown.
#[derive(Debug, Args)]
pub(crate) struct InventoryArguments {
    /// Name or id of the bucket
    #[arg(add = buckets())]
    pub(crate) bucket: String,
    /// Start an inventory now
    #[arg(long)]
    pub(crate) start: bool,
    #[command(flatten)]
    pub(crate) schedule: ScheduleArguments,
    /// Follow the organization's schedule
    #[arg(long, help_heading = "Schedule", conflicts_with_all = ["every", "off"])]
    pub(crate) follow_organization: bool,
}
