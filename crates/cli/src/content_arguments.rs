//! The command-line arguments for the content of buckets: freshness rules, and abandoned uploads.

use clap::{Args, Subcommand};

use crate::completion::buckets;

/// What to do about the freshness rules of a bucket.
#[derive(Debug, Subcommand)]
pub(crate) enum FreshnessCommand {
    /// List the rules, with the age of the newest objects
    #[command(visible_alias = "ls")]
    List {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
    },
    /// Set how old the newest object under a prefix may be
    Add(FreshnessArguments),
    /// Remove the rule for a prefix
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the bucket
        #[arg(add = buckets())]
        bucket: String,
        /// Prefix of the rule
        #[arg(long, default_value = "")]
        prefix: String,
    },
}

impl FreshnessCommand {
    /// The bucket that the command is about.
    pub(crate) fn bucket(&self) -> &str {
        match self {
            Self::List { bucket } | Self::Rm { bucket, .. } => bucket,
            Self::Add(arguments) => &arguments.bucket,
        }
    }
}

/// A freshness rule.
#[derive(Debug, Args)]
pub(crate) struct FreshnessArguments {
    /// Name or id of the bucket
    #[arg(add = buckets())]
    pub(crate) bucket: String,
    /// Only objects whose keys begin with this text count [default: all objects]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// How old the newest object may be, such as 90m, 26h or 8d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) max_age: i64,
    /// Size below which objects don't count, such as 500k or 10M [default: 1 byte]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) min_size: Option<i64>,
}

/// What to remove from a bucket at its provider.
#[derive(Debug, Args)]
pub(crate) struct CleanArguments {
    /// Name or id of the bucket
    #[arg(add = buckets())]
    pub(crate) bucket: String,
    /// Abort multipart uploads that are older than this, such as 7d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) uploads_older_than: i64,
    /// Only show what would be aborted
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A length of time in minutes (m), hours (h), days (d) or weeks (w), in seconds.
fn seconds(text: &str) -> Result<i64, &'static str> {
    let expected = "must be a number of minutes, hours, days or weeks, such as 90m, 26h, 8d or 2w";
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(expected)?;
    let unit = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(expected),
    };
    let number: u32 = number.parse().map_err(|_| expected)?;
    Ok(i64::from(number) * unit)
}

/// A number of bytes, with k, M, G or T for binary multiples.
fn bytes(text: &str) -> Result<i64, &'static str> {
    let expected = "must be a number of bytes, or of KiB, MiB, GiB or TiB, such as 500k, 10M or 1G";
    let shift = match text.chars().last() {
        Some('k' | 'K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        Some('T') => 40,
        _ => 0,
    };
    let number = if shift == 0 { text } else { text.get(..text.len() - 1).unwrap_or_default() };
    let number: u32 = number.parse().map_err(|_| expected)?;
    i64::from(number).checked_mul(1 << shift).ok_or(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_as_people_write_them() {
        let times = ["90m", "26h", "8d", "2w"].map(seconds);
        assert_eq!(times, [5_400, 93_600, 691_200, 1_209_600].map(Ok));
        for wrong in ["", "h", "7", "1.5h", "-1d", "7y", "7 d", "ä", "99999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        let sizes = ["0", "1", "500k", "10M", "1G", "2T"].map(bytes);
        assert_eq!(sizes, [0, 1, 512_000, 10 << 20, 1 << 30, 2 << 40].map(Ok));
        for wrong in ["", "M", "-1", "1.5M", "10X", "ä"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
