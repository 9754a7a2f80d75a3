//! Which notification channel a command is about, and the flags of commands on channels.

use bucketry_api_types::notification::ChannelInfo;
use bucketry_client::ApiClient;

use crate::failure::{Failure, Result};
use crate::refusal;

/// What sets each field of channels and silences.
pub(crate) const FLAGS: &refusal::Flags = &[
    ("name", "the name"),
    ("kind", "--kind"),
    ("workspaceId", "--workspace"),
    ("url", "--channel-url (or BUCKETRY_CHANNEL_URL)"),
    ("secret", "--secret-file (or BUCKETRY_CHANNEL_SECRET)"),
    ("username", "--username"),
    ("host", "--host"),
    ("port", "--port"),
    ("security", "--security"),
    ("from", "--from"),
    ("to", "--to"),
    ("rules", "--rule"),
    ("afterMinutes", "minutes"),
    ("withinDays", "days"),
    ("code", "--code"),
    ("startsAt", "--from"),
    ("endsAt", "--until (or --for)"),
    ("window", "--window"),
];

/// Finds a channel by id, or by a name that only one channel has.
pub(crate) async fn find_channel(client: &ApiClient, name_or_id: &str) -> Result<ChannelInfo> {
    let mut channels = client.notification_channels(None).await?;
    if let Some(at) = channels.iter().position(|channel| channel.id.to_string() == name_or_id) {
        return Ok(channels.swap_remove(at));
    }
    channels.retain(|channel| channel.name.to_lowercase() == name_or_id.trim().to_lowercase());
    match (channels.pop(), channels.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            let ids: Vec<String> =
                channels.iter().chain([&last]).map(|channel| channel.id.to_string()).collect();
            Err(Failure::failed(format!(
                "several channels are named {name_or_id:?}: use one of the ids {}",
                ids.join(", ")
            )))
        }
        (None, _) => Err(Failure::failed(format!(
            "there is no channel {name_or_id:?} that you may see: `bucketry notify list` shows them"
        ))),
    }
}
