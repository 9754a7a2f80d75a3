//! Notifications: the channels that they are sent to, the rules and silences that decide what is sent, and the
//! messages.
//!
//! What is wrong in a deployment is a [`Finding`](crate::finding::Finding). A channel is notified when a finding
//! becomes *alerting* for it, and when it is *resolved*.

mod channel;
mod message;
mod rule;
mod silence;
mod url;

pub use channel::{
    ChannelKind, ChannelSecret, ChannelTarget, InvalidMailAddress, MailSecurity, MailTarget,
    UnknownChannelKind, check_mail_address,
};
pub use message::{
    DeliveryState, MAX_ITEMS, Notification, NotificationItem, NotificationKind, UnknownDeliveryState,
    UnknownNotificationKind, clean,
};
pub use rule::{
    ChannelRule, ChannelRules, InvalidRule, MAX_AFTER_MINUTES, MAX_WITHIN_DAYS, UnknownFindingCode, code_of,
    code_text,
};
pub use silence::{NotificationSilence, SilencedPart};
pub use url::{ChannelUrl, InvalidChannelUrl};

/// How many channels an organization may have.
pub const MAX_CHANNELS: u32 = 50;
/// How many silences an organization may have that haven't ended.
pub const MAX_SILENCES: u32 = 200;
