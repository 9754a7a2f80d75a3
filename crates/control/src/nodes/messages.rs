//! Whether a node's message is what it says: signed by a known key, recent, and new.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bucketry_model::id::{NodeKeyId, OrgId};
use bucketry_model::node_protocol::{CLOCK_TOLERANCE_SECONDS, MAX_MESSAGE_BYTES, limits};
use bucketry_vault::NodeVerifyingKey;
use bucketry_vault::message::{UnverifiedMessage, is_fresh};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use crate::{Control, Error, Result};

/// The most signatures that are remembered: a flood of messages of known keys is refused rather than forgotten.
const REMEMBERED_AT_MOST: usize = 200_000;

/// How long a signature is remembered. Twice the tolerance: a message from the future's edge stays acceptable for that
/// long.
const KEEP: SignedDuration = SignedDuration::from_secs(2 * CLOCK_TOLERANCE_SECONDS + 1);

/// Large messages that are verified at the same time.
pub(crate) const LARGE_AT_ONCE: usize = 2;

/// Remembers the signatures of accepted messages for as long as their time would let them be accepted again.
#[derive(Default)]
pub(crate) struct ReplayGuard {
    seen: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl ReplayGuard {
    /// Takes note of a signature. Whether it is new.
    fn is_new(&self, signature: &str, now: Timestamp) -> bool {
        let mut hash = [0; 32];
        hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, signature.as_bytes()).as_ref());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED_AT_MOST {
            // Those from a time to which the clock was set for a while go too: until time gets there, their messages are
            // not accepted for their time.
            seen.retain(|_, until| *until > now && *until <= now + 2 * KEEP);
        }
        if seen.len() >= REMEMBERED_AT_MOST || seen.get(&hash).is_some_and(|until| *until > now) {
            return false;
        }
        seen.insert(hash, now + KEEP);
        true
    }

    /// Forgets what can't be accepted any more.
    pub(crate) fn tidy(&self, now: Timestamp) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
    }
}

/// A message as a node sent it. Nothing of it is believed, and no more of it read than that takes, before its signature
/// was verified.
pub struct NodeMessage {
    text: Bytes,
    lease: Option<Box<dyn Send>>,
}

impl NodeMessage {
    /// A message that came over the network. `lease` is what stands for the memory of senders who have not proven who
    /// they are: it is dropped as soon as this one has.
    pub fn new(text: Bytes, lease: impl Send + 'static) -> Self {
        Self { text, lease: Some(Box::new(lease)) }
    }
}

impl From<Bytes> for NodeMessage {
    fn from(text: Bytes) -> Self {
        Self { text, lease: None }
    }
}

/// A message whose signature was verified.
pub(super) struct VerifiedMessage {
    text: Bytes,
    /// The name that the sender gives itself.
    pub(super) ip: String,
    pub(super) key_id: NodeKeyId,
    /// Whose key signed it.
    pub(super) org_id: Option<OrgId>,
}

impl VerifiedMessage {
    /// What it says.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.text)
            .map_err(|error| Error::NodeMessage(format!("the message can't be read: {error}")))
    }
}

impl Control {
    /// Verifies a message's time, signature and newness.
    pub(super) async fn verify(
        &self,
        method: &'static str,
        path: &'static str,
        message: NodeMessage,
    ) -> Result<VerifiedMessage> {
        let NodeMessage { text, lease } = message;
        // Large ones take milliseconds of a core and as much memory again: few at once, and none of them in the way of
        // what else goes on.
        let turn = if text.len() > MAX_MESSAGE_BYTES {
            Some(self.inner.large_messages.acquire().await.map_err(Error::internal)?)
        } else {
            None
        };
        let is_large = turn.is_some();
        let message = {
            let text = text.clone();
            run(is_large, move || UnverifiedMessage::read(method, path, &text, &limits(path)))
                .await?
                .map_err(refused)?
        };
        let now = self.inner.environment.now();
        if !is_fresh(message.sent_at, now) {
            return Err(refused(format_args!(
                "its timestamp is more than {CLOCK_TOLERANCE_SECONDS} seconds off: check the clocks of node and control plane"
            )));
        }
        let id_org = match &message.id_org {
            None => None,
            Some(text) => Some(
                text.parse::<OrgId>()
                    .map_err(|_| Error::field("id_org", "is not the id of an organization"))?,
            ),
        };
        let known = self.keys_for(id_org).await?;
        let mut keys = Vec::with_capacity(known.len());
        for key in &known {
            keys.push(NodeVerifyingKey::from_pem(&key.public_key).map_err(Error::internal)?);
        }
        let (message, verified) = run(is_large, move || {
            let verified = message.verify(&keys);
            (message, verified)
        })
        .await?;
        let verified = verified.map_err(refused)?;
        if !self.inner.replays.is_new(&message.signature, now) {
            return Err(refused("it was received before"));
        }
        drop((turn, lease));
        let key = known.get(verified.key_index).ok_or_else(|| refused("its key is gone"))?;
        Ok(VerifiedMessage { text, ip: message.ip, key_id: key.id, org_id: key.org_id })
    }
}

fn refused(why: impl std::fmt::Display) -> Error {
    Error::NodeMessage(format!("the message was refused: {why}"))
}

/// Runs something here, or in a thread that may take its time.
async fn run<T: Send + 'static>(takes_time: bool, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    if takes_time { tokio::task::spawn_blocking(work).await.map_err(Error::internal) } else { Ok(work()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_accepted_once_until_it_could_not_be_accepted_anyway() {
        let guard = ReplayGuard::default();
        let start = Timestamp::UNIX_EPOCH;
        assert!(guard.is_new("a", start));
        assert!(!guard.is_new("a", start + SignedDuration::from_secs(600)));
        assert!(guard.is_new("b", start));
        let later = start + SignedDuration::from_secs(602);
        guard.tidy(later);
        assert!(guard.seen.lock().unwrap().is_empty());
        assert!(guard.is_new("a", later));
    }

    #[test]
    fn signatures_of_the_future_make_room_and_are_refused_when_their_time_comes() {
        let guard = ReplayGuard::default();
        let now = Timestamp::UNIX_EPOCH;
        let ahead = now + SignedDuration::from_hours(48);
        assert!(guard.is_new("ahead", ahead));
        guard.tidy(now);
        assert!(!guard.is_new("ahead", ahead), "whoever recorded it can't send it again two days later");
        let mut seen = guard.seen.lock().unwrap();
        for number in 0..REMEMBERED_AT_MOST {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            seen.insert(hash, ahead + KEEP);
        }
        drop(seen);
        assert!(guard.is_new("now", now), "nodes are not refused until time has caught up");
        assert!(!guard.is_new("now", now));
    }
}
