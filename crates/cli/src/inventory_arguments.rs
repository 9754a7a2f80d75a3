//! The command-line arguments for inventories.

use clap::Args;

/// What to do about the inventories of a bucket. Without a flag, they are shown.
#[derive(Debug, Args)]
pub(crate) struct InventoryArguments {
    /// Name or id of the bucket
    pub(crate) bucket: String,
    /// Start a walk through the bucket's list now
    #[arg(long)]
    pub(crate) start: bool,
    /// Walk the list this often, in hours (h) or days (d), such as 24h
    #[arg(long, value_name = "TIME", value_parser = hours)]
    pub(crate) every: Option<i64>,
    /// Maximum number of requests per second at the provider [default: 5]
    #[arg(long, value_name = "NUMBER", requires = "every")]
    pub(crate) requests_per_second: Option<i64>,
    /// Walk only at these times, in UTC, such as 01:00-05:00 [default: always]
    #[arg(long, value_name = "FROM-UNTIL", requires = "every")]
    pub(crate) window: Option<String>,
    /// Don't walk the list on a schedule
    #[arg(long, conflicts_with_all = ["every", "follow_organization"])]
    pub(crate) off: bool,
    /// Follow the organization's schedule
    #[arg(long, conflicts_with = "every")]
    pub(crate) follow_organization: bool,
}

fn hours(text: &str) -> Result<i64, &'static str> {
    let expected = "must be a number of hours or days, such as 24h or 7d";
    let (number, hours) = match text.strip_suffix('d') {
        Some(days) => (days, 24),
        None => (text.strip_suffix('h').unwrap_or(text), 1),
    };
    let number: u16 = number.parse().map_err(|_| expected)?;
    Ok(i64::from(number) * hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_hours_or_days() {
        assert_eq!([hours("24h"), hours("24"), hours("7d")], [Ok(24), Ok(24), Ok(168)]);
        for wrong in ["", "h", "1m", "-1h", "1.5h", "99999d"] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }
}
