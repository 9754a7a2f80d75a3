//! Verifies that a node's message was signed by a known key, is recent, and was not received before.

use std::collections::HashMap;

use bucketry_model::id::{NodeKeyId, OrgId};
use bucketry_model::json_error;
use bucketry_model::node_clock::{ClockDisagreement, ClockOffset};
use bucketry_model::node_protocol::{
    CLOCK_TOLERANCE_SECONDS, FromNewer, MAX_MESSAGE_BYTES, REGISTER_PATH, UNREGISTER_PATH, limits, read_known,
};
use bucketry_vault::NodeVerifyingKey;
use bucketry_vault::message::{SignatureCoverage, UnverifiedMessage};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use crate::{Control, Error, Result};

/// The maximum number of remembered signatures of the deployment's nodes. Beyond it, messages are refused rather than
/// signatures forgotten.
const REMEMBERED_AT_MOST: usize = 200_000;
/// The same for the nodes of one organization, so that they can't use up the memory for the messages of others.
const REMEMBERED_OF_ORGANIZATION: usize = 50_000;

/// How long a signature is remembered: twice the tolerance, because a message from the far end of the tolerated
/// future stays acceptable for that long.
const KEEP: SignedDuration = SignedDuration::from_secs(2 * CLOCK_TOLERANCE_SECONDS + 1);

/// How many large messages are verified at the same time.
pub(crate) const LARGE_AT_ONCE: usize = 2;

/// Remembers the signatures of accepted messages for as long as the messages would be accepted again.
#[derive(Default)]
pub(crate) struct ReplayGuard {
    /// By the organization whose key signed; `None` for keys of the deployment.
    seen: Mutex<HashMap<Option<OrgId>, Signatures>>,
}

/// Hashes of signatures, each with the time until which it is remembered.
type Signatures = HashMap<[u8; 32], Timestamp>;

impl ReplayGuard {
    /// Remembers a signature made with a key of this organization. Returns whether it is new.
    fn is_new(&self, org_id: Option<OrgId>, hash: [u8; 32], now: Timestamp) -> bool {
        let at_most = if org_id.is_some() { REMEMBERED_OF_ORGANIZATION } else { REMEMBERED_AT_MOST };
        let mut all = self.seen.lock();
        let seen = all.entry(org_id).or_default();
        if seen.len() >= at_most {
            // Also forgets signatures from a time when the clock was ahead. Their messages are not accepted until
            // that time comes.
            seen.retain(|_, until| *until > now && *until <= now + 2 * KEEP);
        }
        if seen.len() >= at_most || seen.get(&hash).is_some_and(|until| *until > now) {
            return false;
        }
        seen.insert(hash, now + KEEP);
        true
    }

    /// Forgets signatures whose messages are no longer acceptable.
    pub(crate) fn tidy(&self, now: Timestamp) {
        self.seen.lock().retain(|_, seen| {
            seen.retain(|_, until| *until > now);
            !seen.is_empty()
        });
    }
}

fn hash_of(signature: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, signature.as_bytes()).as_ref());
    hash
}

/// A message as received from a node. Until its signature is verified, nothing in it is trusted, and only as much
/// of it is parsed as the verification needs.
pub struct NodeMessage {
    text: Bytes,
    lease: Option<Box<dyn Send>>,
}

impl NodeMessage {
    /// A message from the network. `lease` represents memory that is reserved for unauthenticated senders. It is
    /// dropped once the sender is authenticated.
    pub fn new(text: Bytes, lease: impl Send + 'static) -> Self {
        Self { text, lease: Some(Box::new(lease)) }
    }
}

impl From<Bytes> for NodeMessage {
    fn from(text: Bytes) -> Self {
        Self { text, lease: None }
    }
}

/// A message whose signature has been verified.
pub(super) struct VerifiedMessage {
    text: Bytes,
    /// The name that the sender claims.
    pub(super) ip: String,
    pub(super) key_id: NodeKeyId,
    /// The organization whose key signed the message; `None` for a key of the deployment.
    pub(super) org_id: Option<OrgId>,
}

impl VerifiedMessage {
    /// Parses the message.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.text).map_err(|error| unreadable(&error))
    }

    /// Parses the message of a node that may have a newer version, without what has values that this version doesn't know.
    pub(super) fn read_known<T: FromNewer>(&self) -> Result<T> {
        read_known(&self.text).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    let (expected, line, column) = (json_error::expectation(error), error.line(), error.column());
    Error::NodeMessage(format!(
        "the message does not fit this call: {expected} (line {line}, column {column})"
    ))
}

impl Control {
    /// Verifies a message's time and signature, and that it is new.
    pub(super) async fn verify(
        &self,
        method: &'static str,
        path: &'static str,
        message: NodeMessage,
    ) -> Result<VerifiedMessage> {
        let NodeMessage { text, lease } = message;
        // A large message takes milliseconds of a core and as much memory again, so only a few are verified at
        // once, and on other threads.
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
        let id_org = match &message.id_org {
            None => None,
            Some(text) => Some(
                text.parse::<OrgId>()
                    .map_err(|_| Error::field("id_org", "is not the id of an organization"))?,
            ),
        };
        let mut known = self.keys_for(id_org).await?;
        if message.coverage == SignatureCoverage::Installer {
            // A signature that doesn't cover the message must not change nodes that serve every organization.
            known.retain(|key| key.org_id.is_some());
        }
        let mut keys = Vec::with_capacity(known.len());
        for key in &known {
            keys.push(NodeVerifyingKey::from_pem(&key.public_key).map_err(Error::internal)?);
        }
        let (message, verified) = run(is_large, move || {
            let verified = message.verify(&keys);
            (message, verified)
        })
        .await?;
        let offset = ClockOffset::of(message.sent_at, now);
        let verified = match verified {
            Ok(verified) => verified,
            // Nothing in it can be trusted, and a wrong time is the likelier mistake.
            Err(_) if !offset.is_tolerated() => return Err(wrong_time(&ClockDisagreement::of(offset, []))),
            Err(error) => return Err(refused(error)),
        };
        let key = known.get(verified.key_index).ok_or_else(key_is_gone)?;
        // Signatures of other times aren't remembered, so such a message may be a repeated one.
        if offset.is_tolerated() && !self.is_new_message(path, key.org_id, &message.signature, now).await? {
            return Err(refused("it was already received"));
        }
        if let Some(disagreement) = self.note_clock(key.org_id, &message.ip, offset, now).await? {
            return Err(wrong_time(&disagreement));
        }
        drop((turn, lease));
        Ok(VerifiedMessage { text, ip: message.ip, key_id: key.id, org_id: key.org_id })
    }
}

impl Control {
    /// Whether no control plane has accepted a message with this signature. It is then remembered.
    ///
    /// The memory of this process is asked first. It also bounds the number of signatures in the store, because the store
    /// gets only those that are new here. If other processes share the store, all messages are remembered there: a
    /// repeated synchronisation would take the node's jobs and show which buckets it serves, and a repeated heartbeat or
    /// report would show an absent node as present. Otherwise, only the messages that change which nodes there are, so
    /// that they are refused after a restart, too; the others would cost the embedded database a write each.
    async fn is_new_message(
        &self,
        path: &str,
        org_id: Option<OrgId>,
        signature: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let hash = hash_of(signature);
        if !self.inner.replays.is_new(org_id, hash, now) {
            return Ok(false);
        }
        let store = &self.inner.store;
        if store.is_shared() || matches!(path, REGISTER_PATH | UNREGISTER_PATH) {
            return Ok(store.remember_signature(&hash, now, now + KEEP).await?);
        }
        Ok(true)
    }
}

fn refused(why: impl std::fmt::Display) -> Error {
    Error::NodeMessage(format!("the message was refused: {why}"))
}

fn wrong_time(disagreement: &ClockDisagreement) -> Error {
    Error::NodeClock(format!("the message was refused: its timestamp {}", disagreement.explanation()))
}

/// The key that signed a message was deleted before the message was processed.
pub(super) fn key_is_gone() -> Error {
    refused("its key no longer exists")
}

/// Runs work here, or on a blocking thread if it takes time.
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
        assert!(guard.is_new(None, hash_of("a"), start));
        assert!(!guard.is_new(None, hash_of("a"), start + SignedDuration::from_secs(600)));
        assert!(guard.is_new(None, hash_of("b"), start));
        let later = start + SignedDuration::from_secs(602);
        guard.tidy(later);
        assert!(guard.seen.lock().is_empty());
        assert!(guard.is_new(None, hash_of("a"), later));
    }

    #[test]
    fn signatures_of_the_future_make_room_and_are_refused_when_their_time_comes() {
        let guard = ReplayGuard::default();
        let now = Timestamp::UNIX_EPOCH;
        let ahead = now + SignedDuration::from_hours(48);
        assert!(guard.is_new(None, hash_of("ahead"), ahead));
        guard.tidy(now);
        assert!(
            !guard.is_new(None, hash_of("ahead"), ahead),
            "a recorded message can't be replayed two days later"
        );
        let mut all = guard.seen.lock();
        let seen = all.entry(None).or_default();
        for number in 0..REMEMBERED_AT_MOST {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            seen.insert(hash, ahead + KEEP);
        }
        drop(all);
        assert!(guard.is_new(None, hash_of("now"), now), "nodes are not refused until time has caught up");
        assert!(!guard.is_new(None, hash_of("now"), now));
    }

    #[test]
    fn an_organization_that_sends_too_much_is_refused_alone() {
        let guard = ReplayGuard::default();
        let now = Timestamp::UNIX_EPOCH;
        let org = |number| Some(OrgId::new(now, [number; 10]));
        for number in 0..REMEMBERED_OF_ORGANIZATION {
            assert!(guard.is_new(org(1), hash_of(&number.to_string()), now));
        }
        assert!(!guard.is_new(org(1), hash_of("one more"), now));
        assert!(guard.is_new(org(2), hash_of("one more"), now));
        assert!(guard.is_new(None, hash_of("one more"), now));
    }
}
