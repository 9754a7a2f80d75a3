//! The arguments of `bucketry notify`.

use std::path::PathBuf;

use bucketry_model::id::SilenceId;
use bucketry_model::notification::MailSecurity;
use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::argument_values::{future, window};
use crate::completion::{buckets, workspaces};
use crate::confirmation::Confirmation;

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// List notification channels
    #[command(visible_alias = "ls")]
    List {
        /// Show only the channels of this workspace (name or id)
        #[arg(long, add = workspaces())]
        workspace: Option<String>,
    },
    /// Add a channel: a webhook, a Slack-compatible webhook, a mail server or an Alertmanager
    #[command(after_long_help = ADD_EXAMPLES)]
    Add {
        /// Name for the channel
        name: String,
        /// Kind of receiver
        #[arg(long)]
        kind: KindArgument,
        /// Send the findings of this workspace (name or id) [default: those of the whole organization]
        #[arg(long, add = workspaces())]
        workspace: Option<String>,
        #[command(flatten)]
        fields: Box<ChannelArguments>,
    },
    /// Change a channel
    Update {
        /// Name or id of the channel
        channel: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// Enable the channel
        #[arg(long, conflicts_with = "disable")]
        enable: bool,
        /// Disable the channel: it gets no messages until it is enabled again
        #[arg(long)]
        disable: bool,
        #[command(flatten)]
        fields: Box<ChannelArguments>,
    },
    /// Send a test message, and show whether the receiver accepted it
    Test {
        /// Name or id of the channel
        channel: String,
    },
    /// Delete a channel, and drop its messages that have not been delivered yet
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the channel
        channel: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Show the messages of a channel, and whether they were delivered
    Log {
        /// Name or id of the channel
        channel: String,
        /// How many messages to show, newest first
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Manage silences: periods in which channels aren't notified
    Silence {
        #[command(subcommand)]
        command: SilenceCommand,
    },
}

const ADD_EXAMPLES: &str = "Examples:
  BUCKETRY_CHANNEL_URL=https://hooks.slack.com/services/… bucketry notify add Slack --kind slack
  BUCKETRY_CHANNEL_SECRET=… bucketry notify add Pager --kind webhook --channel-url https://pager.example.com/bucketry
  bucketry notify add Alerts --kind alertmanager --channel-url http://alertmanager:9093
  BUCKETRY_CHANNEL_SECRET=… bucketry notify add Mail --kind email --host mail.example.com --username bucketry \\
      --from bucketry@example.com --to on-call@example.com";

/// The kind of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArgument {
    Webhook,
    Slack,
    Email,
    Alertmanager,
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecurityArgument {
    Starttls,
    Tls,
    None,
}

impl From<SecurityArgument> for MailSecurity {
    fn from(argument: SecurityArgument) -> Self {
        match argument {
            SecurityArgument::Starttls => Self::Starttls,
            SecurityArgument::Tls => Self::Tls,
            SecurityArgument::None => Self::None,
        }
    }
}

/// The flags that describe a channel.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ChannelArguments {
    /// URL to post to, which other programs on this machine can see; if it is a secret, set BUCKETRY_CHANNEL_URL
    // Not `--url`, which is the API's, and where the caller's token goes.
    #[arg(long = "channel-url", id = "channel_url", value_name = "URL", conflicts_with = "url_file")]
    pub(crate) url: Option<String>,
    /// Read the URL from this file, or from standard input if it is `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) url_file: Option<PathBuf>,
    /// Read the key for signatures, the password or the token from this file, or from standard input if it is `-`; or
    /// set BUCKETRY_CHANNEL_SECRET
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Name to sign in with at the mail server or the Alertmanager
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// Mail server
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Port of the mail server [default: 587 for starttls, 465 for tls, 25 for none]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// How the connection to the mail server is encrypted [default: starttls]
    #[arg(long)]
    pub(crate) security: Option<SecurityArgument>,
    /// Sender of mails
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,
    /// Recipient of mails; several separated by commas
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) to: Vec<String>,
    /// Notify about this kind of finding after it has lasted this many minutes, such as bucket-offline:5; for
    /// credential-expiring, this many days before the expiry, such as credential-expiring:7d. Can be given several times
    /// [default: the default rules]
    #[arg(long = "rule", value_name = "CODE[:TIME]")]
    pub(crate) rules: Vec<RuleArgument>,
    /// Restore the default rules
    #[arg(long, conflicts_with = "rules")]
    pub(crate) usual_rules: bool,
    /// Whether to send a message when a condition ends
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    pub(crate) resolved: Option<bool>,
}

/// A rule, such as `bucket-offline:5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleArgument {
    pub(crate) code: String,
    pub(crate) after_minutes: Option<i64>,
    pub(crate) within_days: Option<i64>,
}

impl std::str::FromStr for RuleArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be a code, or a code with minutes or days, such as bucket-offline:5 or credential-expiring:7d";
        let (code, time) = text.split_once(':').map_or((text, None), |(code, time)| (code, Some(time)));
        let code = bucketry_model::notification::code_of(code).map_err(|_| wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong);
        let (after_minutes, within_days) = match time {
            None => (None, None),
            Some(time) => match time.strip_suffix('d') {
                Some(days) => (None, Some(number(days)?)),
                None => (Some(number(time.strip_suffix('m').unwrap_or(time))?), None),
            },
        };
        Ok(Self { code: bucketry_model::notification::code_text(code), after_minutes, within_days })
    }
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("must be yes or no"),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum SilenceCommand {
    /// List the silences that haven't ended
    #[command(visible_alias = "ls")]
    List {
        /// Show only silences about this workspace (name or id)
        #[arg(long, add = workspaces())]
        workspace: Option<String>,
    },
    /// Silence channels for a time; conditions that still last at its end are sent then
    Add(SilenceArguments),
    /// End a silence now
    Rm {
        /// Id of the silence, as `notify silence list -o wide` shows it
        silence: SilenceId,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// A silence.
#[derive(Debug, Clone, Args)]
pub(crate) struct SilenceArguments {
    /// Duration in minutes (m), hours (h) or days (d), such as 2h
    #[arg(long = "for", value_name = "TIME", value_parser = duration, required_unless_present = "until", conflicts_with = "until")]
    pub(crate) lasts: Option<SignedDuration>,
    /// End: a date, a time, or a length of time from now, such as 2h
    #[arg(long, value_name = "TIME", value_parser = future)]
    pub(crate) until: Option<String>,
    /// Start, in the same formats [default: now]
    #[arg(long, value_name = "TIME", value_parser = future)]
    pub(crate) from: Option<String>,
    /// Only in this part of each day, in UTC, such as 01:00-05:00
    #[arg(long, value_name = "FROM-UNTIL", value_parser = window)]
    pub(crate) window: Option<String>,
    /// Only findings of this workspace (name or id)
    #[arg(long, add = workspaces())]
    pub(crate) workspace: Option<String>,
    /// Only findings about this bucket (name or id)
    #[arg(long, add = buckets())]
    pub(crate) bucket: Option<String>,
    /// Only this channel (name or id)
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Only this kind of finding, such as bucket-offline
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Reason for the silence
    #[arg(long)]
    pub(crate) comment: Option<String>,
}

/// A length of time, such as `90m`, `2h` or `7d`.
fn duration(text: &str) -> Result<SignedDuration, &'static str> {
    let wrong = "must be a number of minutes, hours or days, such as 30m, 2h or 7d";
    let (number, minutes) = match text.strip_suffix(['m', 'h', 'd']) {
        Some(number) if text.ends_with('m') => (number, 1),
        Some(number) if text.ends_with('h') => (number, 60),
        Some(number) => (number, 24 * 60),
        None => return Err(wrong),
    };
    let number: u32 = number.parse().map_err(|_| wrong)?;
    if number == 0 { Err(wrong) } else { Ok(SignedDuration::from_mins(i64::from(number) * minutes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_a_code_and_a_time() {
        let rule = |text: &str| text.parse::<RuleArgument>();
        let made = |code: &str, after_minutes, within_days| {
            Ok(RuleArgument { code: code.to_owned(), after_minutes, within_days })
        };
        assert_eq!(rule("bucket-offline"), made("BUCKET_OFFLINE", None, None));
        assert_eq!(rule("NODE_SILENT:10"), made("NODE_SILENT", Some(10), None));
        assert_eq!(rule("node-silent:10m"), made("NODE_SILENT", Some(10), None));
        assert_eq!(rule("credential-expiring:7d"), made("CREDENTIAL_EXPIRING", None, Some(7)));
        for wrong in ["", "nothing", "bucket-offline:", "bucket-offline:x", "bucket-offline:1h"] {
            assert!(rule(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn silences_last_minutes_hours_or_days() {
        let minutes = ["90m", "2h", "7d"].map(|text| duration(text).map(|time| time.as_mins()));
        assert_eq!(minutes, [Ok(90), Ok(120), Ok(10_080)]);
        for wrong in ["", "m", "2", "0h", "-1h", "1.5h", "2w"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
