//! Signing and verifying node messages. `docs/nodes.md` has a worked example.

use bucketry_model::canonical_text::{CanonicalObject, Limits, Refused, read_object};
use bucketry_model::node_protocol::{CLOCK_TOLERANCE_SECONDS, signing_input};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::{NodeSigningKey, NodeVerifyingKey, VaultError};

/// Why a message doesn't prove its sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// The message isn't a JSON object, or it exceeds the limits.
    #[error("{0}")]
    Unreadable(#[from] Refused),
    /// `timestamp` is missing, or is neither RFC 3339 text nor Unix milliseconds.
    #[error("timestamp must be an RFC 3339 date-time or Unix milliseconds")]
    Timestamp,
    /// `signature` is missing or is not a string.
    #[error("signature must be base64 text")]
    NoSignature,
    /// The signature is not one of the given keys'.
    #[error("the signature doesn't verify with any of the keys")]
    Signature,
}

/// The result of a successful verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The index of the key that made the signature.
    pub key_index: usize,
    /// The message's `timestamp`, by the sender's clock.
    pub sent_at: Timestamp,
}

/// Adds `timestamp` (Unix milliseconds) and `signature` to a message. Fails if the message isn't a JSON object.
pub fn sign_message(
    key: &NodeSigningKey,
    method: &str,
    path: &str,
    message: &mut Value,
    timestamp: Timestamp,
) -> Result<(), VaultError> {
    let members = message.as_object_mut().ok_or(VaultError::Cryptography)?;
    members.insert("timestamp".into(), timestamp.as_millisecond().into());
    let signature = key.sign(&input(method, path, message)?)?;
    if let Some(members) = message.as_object_mut() {
        members.insert("signature".into(), signature.into());
    }
    Ok(())
}

/// Adds `timestamp` and `signature` to the query parameters of a request without a body. The parameters are signed
/// as a JSON object whose values are all strings.
pub fn sign_query(
    key: &NodeSigningKey,
    method: &str,
    path: &str,
    parameters: &mut Vec<(String, String)>,
    timestamp: Timestamp,
) -> Result<(), VaultError> {
    parameters.push(("timestamp".into(), timestamp.as_millisecond().to_string()));
    let signature = key.sign(&input(method, path, &query_message(parameters))?)?;
    parameters.push(("signature".into(), signature));
    Ok(())
}

fn input(method: &str, path: &str, message: &Value) -> Result<Vec<u8>, VaultError> {
    signing_input(method, path, message).map_err(|_| VaultError::Cryptography)
}

/// Converts query parameters to the message that is signed. If a name repeats, its last value counts.
pub fn query_message<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)]) -> Value {
    let members: Map<String, Value> =
        parameters.iter().map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().into())).collect();
    Value::Object(members)
}

/// The parts of a received message that are needed to find out who sent it.
///
/// It takes about as much memory as the message has bytes, whatever they contain.
#[derive(Debug)]
pub struct UnverifiedMessage {
    /// The name that the sender gives itself; empty if it gives none.
    pub ip: String,
    /// The organization that the sender claims to belong to. `None` if it names none.
    pub id_org: Option<String>,
    /// The message's `timestamp`, by the sender's clock.
    pub sent_at: Timestamp,
    /// The signature in base64.
    pub signature: String,
    /// The bytes that the signature must cover.
    signed: Vec<u8>,
}

impl UnverifiedMessage {
    /// Parses a message's text without building a tree, because its sender isn't proven yet.
    pub fn read(method: &str, path: &str, text: &[u8], limits: &Limits) -> Result<Self, InvalidMessage> {
        let wanted = ["timestamp", "signature", "ip", "id_org"];
        let CanonicalObject { text, members } = read_object(text, limits, "signature", wanted)?;
        let member = |text: &Option<String>| serde_json::from_str::<Value>(text.as_deref()?).ok();
        let string = |text: &Option<String>| serde_json::from_str::<String>(text.as_deref()?).ok();
        let [sent_at, signature, ip, id_org] = &members;
        Ok(Self {
            sent_at: member(sent_at).as_ref().and_then(read_time).ok_or(InvalidMessage::Timestamp)?,
            signature: string(signature).ok_or(InvalidMessage::NoSignature)?,
            ip: string(ip).unwrap_or_default(),
            id_org: string(id_org).filter(|text| !text.is_empty()),
            signed: format!("{method}\n{path}\n{text}").into_bytes(),
        })
    }

    /// Finds the key that signed the message. The caller must also check that the message is recent ([`is_fresh`])
    /// and not a repetition.
    pub fn verify(&self, keys: &[NodeVerifyingKey]) -> Result<Verified, InvalidMessage> {
        let is_signer = |key: &NodeVerifyingKey| key.verifies(&self.signed, &self.signature);
        let key_index = keys.iter().position(is_signer).ok_or(InvalidMessage::Signature)?;
        Ok(Verified { key_index, sent_at: self.sent_at })
    }
}

/// Parses a timestamp: RFC 3339 text, or Unix milliseconds as a number or as text.
fn read_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => Timestamp::from_millisecond(number.as_i64()?).ok(),
        Value::String(text) if text.len() > 64 => None,
        Value::String(text) => match text.parse::<i64>() {
            Ok(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
            Err(_) => text.parse().ok(),
        },
        _ => None,
    }
}

/// Whether the sender's time is within [`CLOCK_TOLERANCE_SECONDS`] of `now`.
pub fn is_fresh(sent_at: Timestamp, now: Timestamp) -> bool {
    sent_at.duration_since(now).abs() <= SignedDuration::from_secs(CLOCK_TOLERANCE_SECONDS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 4_096, values: 100, members: 20, depth: 8 };

    fn verify_message(
        keys: &[NodeVerifyingKey],
        method: &str,
        path: &str,
        message: &Value,
    ) -> Result<Verified, InvalidMessage> {
        UnverifiedMessage::read(method, path, message.to_string().as_bytes(), &LIMITS)?.verify(keys)
    }

    fn now() -> Timestamp {
        "2026-03-01T10:00:00.123Z".parse().unwrap()
    }

    #[test]
    fn a_signed_message_verifies_and_tells_its_time_and_key() {
        let [other, key] = [NodeSigningKey::generate().unwrap(), NodeSigningKey::generate().unwrap()];
        let keys = [other.verifying_key().unwrap(), key.verifying_key().unwrap()];
        let mut message = json!({ "ip": "node-1", "buckets": [] });
        sign_message(&key, "POST", "/node/status", &mut message, now()).unwrap();
        let verified = verify_message(&keys, "POST", "/node/status", &message).unwrap();
        assert_eq!(verified, Verified { key_index: 1, sent_at: now() });

        for (method, path) in [("GET", "/node/status"), ("POST", "/node/report")] {
            let elsewhere = verify_message(&keys, method, path, &message);
            assert_eq!(elsewhere, Err(InvalidMessage::Signature), "{method} {path}");
        }
        message["ip"] = "node-2".into();
        let changed = verify_message(&keys, "POST", "/node/status", &message);
        assert_eq!(changed, Err(InvalidMessage::Signature));
    }

    #[test]
    fn a_query_is_signed_as_an_object_of_strings() {
        let key = NodeSigningKey::generate().unwrap();
        let mut parameters =
            vec![("ip".to_owned(), "node-1".to_owned()), ("wait".to_owned(), "25".to_owned())];
        sign_query(&key, "GET", "/node/sync", &mut parameters, now()).unwrap();
        let message = query_message(&parameters);
        assert_eq!(message["timestamp"], "1772359200123");
        let verified =
            verify_message(&[key.verifying_key().unwrap()], "GET", "/node/sync", &message).unwrap();
        assert_eq!(verified.sent_at, now());
    }

    #[test]
    fn times_are_read_in_both_forms_and_nonsense_is_refused() {
        for right in [json!(1_772_359_200_123_i64), json!("1772359200123"), json!("2026-03-01T10:00:00.123Z")]
        {
            assert_eq!(read_time(&right), Some(now()), "{right}");
        }
        let wrong =
            [json!(null), json!(1.5), json!("yesterday"), json!(i64::MAX), json!("9".repeat(100)), json!([])];
        for wrong in wrong {
            assert_eq!(read_time(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn five_minutes_of_difference_are_tolerated_and_no_more() {
        for seconds in [-300, 0, 300] {
            assert!(is_fresh(now(), now() + SignedDuration::from_secs(seconds)));
        }
        for millis in [-300_001, 300_001] {
            assert!(!is_fresh(now(), now() + SignedDuration::from_millis(millis)));
        }
        assert!(!is_fresh(Timestamp::MAX, Timestamp::MIN));
    }

    #[test]
    fn what_is_no_signed_message_is_told_apart() {
        let verify = |message: Value| verify_message(&[], "POST", "/", &message).unwrap_err();
        assert!(matches!(verify(json!([])), InvalidMessage::Unreadable(_)));
        assert_eq!(verify(json!({ "signature": "x" })), InvalidMessage::Timestamp);
        assert_eq!(verify(json!({ "timestamp": 1 })), InvalidMessage::NoSignature);
        assert_eq!(verify(json!({ "timestamp": 1, "signature": "x" })), InvalidMessage::Signature);
    }
}
