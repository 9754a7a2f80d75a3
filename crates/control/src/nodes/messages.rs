//! Whether a node's message is what it says: signed by a known key, recent, and new.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bucketry_model::id::{NodeKeyId, OrgId};
use bucketry_model::node_protocol::CLOCK_TOLERANCE_SECONDS;
use bucketry_vault::NodeVerifyingKey;
use bucketry_vault::message::verify_message;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{Control, Error, Result};

/// The most signatures that are remembered: a flood of messages of known keys is refused rather than forgotten.
const REMEMBERED_AT_MOST: usize = 200_000;

/// How long a signature is remembered. Twice the tolerance: a message from the future's edge stays acceptable for that
/// long.
const KEEP: SignedDuration = SignedDuration::from_secs(2 * CLOCK_TOLERANCE_SECONDS + 1);

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

/// Whose key signed a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    pub(super) key_id: NodeKeyId,
    pub(super) org_id: Option<OrgId>,
}

impl Control {
    /// Verifies a message's signature, time and newness.
    pub(super) async fn verify(&self, method: &str, path: &str, message: &Value) -> Result<Sender> {
        let id_org = match message.get("id_org").and_then(Value::as_str).filter(|text| !text.is_empty()) {
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
        let refused =
            |why: &dyn std::fmt::Display| Error::NodeMessage(format!("the message was refused: {why}"));
        let verified = verify_message(&keys, method, path, message).map_err(|why| refused(&why))?;
        let now = self.inner.environment.now();
        if !verified.is_fresh(now) {
            return Err(refused(&format!(
                "its timestamp is more than {CLOCK_TOLERANCE_SECONDS} seconds off: check the clocks of node and control plane"
            )));
        }
        let signature = message.get("signature").and_then(Value::as_str).unwrap_or_default();
        if !self.inner.replays.is_new(signature, now) {
            return Err(refused(&"it was received before"));
        }
        let key = known.get(verified.key_index).ok_or_else(|| refused(&"its key is gone"))?;
        Ok(Sender { key_id: key.id, org_id: key.org_id })
    }
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
