//! Notification channels, the log of deliveries, and silences.

use bucketry_model::id::{BucketId, ChannelId, NotificationId, SilenceId, WorkspaceId};
use bucketry_model::inventory::DailyWindow;
use bucketry_model::notification::{ChannelKind, DeliveryState, MailSecurity, NotificationKind};
use bucketry_model::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::secret::expose_optional;

/// A kind of finding that a channel is notified about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RuleInfo {
    /// The code of the finding.
    #[cfg_attr(feature = "openapi", schema(example = "BUCKET_OFFLINE"))]
    pub code: String,
    /// How many minutes the condition must last until it is sent, 0 to 10080. In a request, 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 10_080, example = 5))]
    pub after_minutes: Option<i64>,
    /// Only for CREDENTIAL_EXPIRING: how many days before the end of the credential, 1 to 14.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 14))]
    pub within_days: Option<i64>,
}

/// A notification channel. Its URL and its secret are never returned.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChannelInfo {
    /// The id of the channel.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: ChannelId,
    /// The display name.
    #[cfg_attr(feature = "openapi", schema(example = "on call"))]
    pub name: String,
    /// The kind of receiver.
    pub kind: ChannelKind,
    /// The workspace whose findings it gets; `null` for those of the whole organization.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub workspace_id: Option<WorkspaceId>,
    /// Whether the channel is enabled. Messages of a disabled channel wait until it is enabled, for up to 24 hours.
    pub enabled: bool,
    /// Scheme, host and port of the URL. Absent for EMAIL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "https://hooks.example.com"))]
    pub origin: Option<String>,
    /// The name to sign in with. Only for EMAIL and ALERTMANAGER.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The mail server. Only for EMAIL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port of the mail server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection to the mail server is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<MailSecurity>,
    /// The sender of mails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The recipients of mails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<String>>,
    /// Whether a URL or a secret is stored.
    pub has_secret: bool,
    /// What the channel is notified about.
    pub rules: Vec<RuleInfo>,
    /// Whether the channel has the default rules, which later versions may change.
    pub usual_rules: bool,
    /// Whether a message is sent when a condition ends.
    pub send_resolved: bool,
    /// When the channel was created.
    pub created_at: Moment,
    /// When the channel was last changed.
    pub updated_at: Moment,
}

/// The fields of a channel. In a change, absent fields stay unchanged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChannelFields {
    /// The display name. Required for a new channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, example = "on call"))]
    pub name: Option<String>,
    /// WEBHOOK, SLACK, EMAIL or ALERTMANAGER. Required for a new channel, and can't be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ChannelKind>))]
    pub kind: Option<String>,
    /// Only in `POST`: the workspace whose findings the channel gets. Without it, those of the whole organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub workspace_id: Option<String>,
    /// Whether the channel is enabled. True for a new channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The URL that messages are posted to; for ALERTMANAGER, the URL of the server. Stored sealed.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "https://hooks.example.com/x"))]
    pub url: Option<Secret>,
    /// The key for the signatures of a WEBHOOK (at least 16 characters), the password of EMAIL, or the password or bearer
    /// token of ALERTMANAGER. Stored sealed. It is sent together with the `url`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub secret: Option<Secret>,
    /// The name to sign in with, for EMAIL and ALERTMANAGER. For EMAIL, an empty text removes the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The mail server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "mail.example.com"))]
    pub host: Option<String>,
    /// The port of the mail server. The default is 587 for STARTTLS, 465 for TLS and 25 for NONE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 65_535))]
    pub port: Option<i64>,
    /// How the connection to the mail server is encrypted. The default is STARTTLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<MailSecurity>,
    /// The sender of mails.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "bucketry@example.com"))]
    pub from: Option<String>,
    /// The recipients of mails, 1 to 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<String>>,
    /// What the channel is notified about. An empty list restores the default rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<RuleInfo>>,
    /// Whether a message is sent when a condition ends. True for a new channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_resolved: Option<bool>,
}

/// A channel as it was stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChannelStored {
    /// Always true.
    pub success: bool,
    /// The channel.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub channel: ChannelInfo,
}

/// Notification channels.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChannelList {
    /// Always true.
    pub success: bool,
    /// The channels, newest first.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub channels: Vec<ChannelInfo>,
    /// Where the next page begins. Only in pages; `null` on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A message and the state of its delivery.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryInfo {
    /// The id of the event, which the receiver gets with every attempt.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: NotificationId,
    /// Whether the message reports conditions that began or ended, or is a test.
    pub kind: NotificationKind,
    /// The message in one line.
    pub title: String,
    /// The state of its delivery.
    pub state: DeliveryState,
    /// How many attempts have ended.
    pub attempts: u32,
    /// The receiver's last status: of HTTP, or of SMTP for EMAIL. `null` if it didn't answer.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When the message was written.
    pub created_at: Moment,
    /// When the last attempt ended.
    pub tried_at: Option<Moment>,
    /// When the next attempt is due. `null` when there is none.
    pub next_at: Option<Moment>,
}

/// The log of a channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryList {
    /// Always true.
    pub success: bool,
    /// The messages, newest first.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub deliveries: Vec<DeliveryInfo>,
    /// Where the next page begins. Only in pages; `null` on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The result of a test.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChannelTested {
    /// Always true: the test was carried out. `delivery.state` says whether the receiver accepted it.
    pub success: bool,
    /// The test message. Its state is PENDING if the attempt takes more than 10 seconds, or if no server with a node is
    /// running.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub delivery: DeliveryInfo,
}

/// A period in which channels aren't notified.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SilenceInfo {
    /// The id of the silence.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: SilenceId,
    /// Only findings of this workspace.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub workspace_id: Option<WorkspaceId>,
    /// Only this channel.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub channel_id: Option<ChannelId>,
    /// Only findings with this code.
    pub code: Option<String>,
    /// Only findings about this bucket.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub bucket_id: Option<BucketId>,
    /// When it begins.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// Only in this part of each day, in UTC.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "01:00-05:00"))]
    pub window: Option<DailyWindow>,
    /// The reason for the silence.
    pub comment: String,
    /// The e-mail address of the user who created the silence.
    pub created_by: String,
    /// When the silence was created.
    pub created_at: Moment,
}

/// The fields of a silence. The ids and `code` restrict what is silenced.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewSilence {
    /// Only findings of this workspace. The default is the workspace of the bucket or channel, if one is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub workspace_id: Option<String>,
    /// Only this channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub channel_id: Option<String>,
    /// Only findings with this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "BUCKET_OFFLINE"))]
    pub code: Option<String>,
    /// Only findings about this bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub bucket_id: Option<String>,
    /// When it begins, as RFC 3339. Without it, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub starts_at: Option<String>,
    /// When it ends, as RFC 3339. At most 366 days after the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, format = DateTime))]
    pub ends_at: Option<String>,
    /// Only in this part of each day, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "01:00-05:00"))]
    pub window: Option<String>,
    /// The reason for the silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub comment: Option<String>,
}

/// A silence as it was stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SilenceStored {
    /// Always true.
    pub success: bool,
    /// The silence.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub silence: SilenceInfo,
}

/// Silences.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SilenceList {
    /// Always true.
    pub success: bool,
    /// The silences that haven't ended, newest first.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub silences: Vec<SilenceInfo>,
    /// Where the next page begins. Only in pages; `null` on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
