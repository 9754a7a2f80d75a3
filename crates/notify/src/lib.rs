//! Sends notifications: takes messages over from the store, opens the channel's secret, and posts or mails them.
//!
//! **Invariants:**
//! - Every connection goes through the endpoint policy of `provider`, and no redirect is followed.
//! - A message is sent with the same id and content until its receiver has accepted it, or for 24 hours. It may be
//!   sent more than once, because a process can end between sending and storing that.
//! - The text of a receiver's response is never stored or logged, only its status.

mod alertmanager;
mod attempt;
mod email;
mod failure;
mod sender;
mod slack;
mod smtp;
mod text;
mod webhook;

pub use sender::{NotificationSender, SenderSettings, UNOPENED};
pub use webhook::{EVENT_ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
