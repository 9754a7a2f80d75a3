//! Notifications: channels and silences, the watch that stores messages when conditions begin and end, and what
//! becomes of the messages. The crate `notify` sends them.

mod channel_input;
mod channels;
mod deliveries;
mod plan;
mod silences;
mod source;
mod watch;

pub use channel_input::{ChannelInput, RuleInput};
pub use silences::SilenceInput;
pub(crate) use watch::ConditionWatch;
