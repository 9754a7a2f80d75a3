//! Signing and verifying node messages. `docs/nodes.md` has a worked example.

use bucketry_model::canonical_text::{CanonicalObject, Limits, Refused, read_object};
use bucketry_model::node_protocol::{REGISTER_PATH, UNREGISTER_PATH, signing_input};
use jiff::Timestamp;
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
    /// `timestamp` is in seconds, as in the installer's form, which can't have recipients.
    #[error(
        "timestamp is in seconds, and a signature of that form doesn't cover the recipients: send milliseconds and sign \
         the whole message"
    )]
    InstallerRecipients,
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

/// What the signature of a message covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureCoverage {
    /// Method, path and the whole message as canonical JSON.
    WholeMessage,
    /// Only `ip|region|timestamp`, with Unix seconds, as the public contract's installer of nodes signs registrations.
    /// Callers must accept this form only from keys of organizations.
    Installer,
}

/// Whole numbers below this one are times in seconds, larger ones in milliseconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

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
    /// What the signature covers.
    pub coverage: SignatureCoverage,
    /// The bytes that the signature must cover.
    signed: Vec<u8>,
}

impl UnverifiedMessage {
    /// Parses a message's text without building a tree, because its sender isn't proven yet.
    pub fn read(method: &str, path: &str, text: &[u8], limits: &Limits) -> Result<Self, InvalidMessage> {
        let wanted = ["timestamp", "signature", "ip", "id_org", "region"];
        let CanonicalObject { text, members } = read_object(text, limits, "signature", wanted)?;
        let member = |text: &Option<String>| serde_json::from_str::<Value>(text.as_deref()?).ok();
        let string = |text: &Option<String>| serde_json::from_str::<String>(text.as_deref()?).ok();
        let [sent_at, signature, ip, id_org, region] = &members;
        let sent_at = member(sent_at).ok_or(InvalidMessage::Timestamp)?;
        let signature = string(signature).ok_or(InvalidMessage::NoSignature)?;
        let ip = string(ip).unwrap_or_default();
        let id_org = string(id_org).filter(|text| !text.is_empty());
        if let Some(seconds) = installer_seconds(method, path, &sent_at) {
            // In canonical text, this is a member's name and nothing else.
            if text.contains("\"recipients\":") {
                return Err(InvalidMessage::InstallerRecipients);
            }
            let sent_at = Timestamp::from_second(seconds).map_err(|_| InvalidMessage::Timestamp)?;
            let region = string(region).unwrap_or_default();
            let signed = format!("{ip}|{region}|{seconds}").into_bytes();
            return Ok(Self {
                ip,
                id_org,
                sent_at,
                signature,
                coverage: SignatureCoverage::Installer,
                signed,
            });
        }
        let sent_at = read_time(&sent_at).ok_or(InvalidMessage::Timestamp)?;
        let signed = format!("{method}\n{path}\n{text}").into_bytes();
        Ok(Self { ip, id_org, sent_at, signature, coverage: SignatureCoverage::WholeMessage, signed })
    }

    /// Finds the key that signed the message. The caller must also check that the message is recent and not a repetition.
    pub fn verify(&self, keys: &[NodeVerifyingKey]) -> Result<Verified, InvalidMessage> {
        let is_signer = |key: &NodeVerifyingKey| key.verifies(&self.signed, &self.signature);
        let key_index = keys.iter().position(is_signer).ok_or(InvalidMessage::Signature)?;
        Ok(Verified { key_index, sent_at: self.sent_at })
    }
}

/// The time of a message in the installer's form: a number of seconds, in a registration or its end.
fn installer_seconds(method: &str, path: &str, sent_at: &Value) -> Option<i64> {
    let is_call = method == "POST" && [REGISTER_PATH, UNREGISTER_PATH].contains(&path);
    sent_at.as_i64().filter(|seconds| is_call && (0..SECONDS_BELOW).contains(seconds))
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

    /// A message in the installer's form, signed.
    fn installed(key: &NodeSigningKey, seconds: i64) -> Value {
        let signature = key.sign(format!("203.0.113.7|eu-1|{seconds}").as_bytes()).unwrap();
        json!({
            "ip": "203.0.113.7", "region": "eu-1", "timestamp": seconds, "status": "running", "signature": signature,
        })
    }

    #[test]
    fn the_installers_form_covers_name_region_and_seconds_of_a_registration() {
        let key = NodeSigningKey::generate().unwrap();
        let keys = [key.verifying_key().unwrap()];
        let message = installed(&key, now().as_second());
        for path in ["/register", "/unregister"] {
            let text = message.to_string();
            let read = UnverifiedMessage::read("POST", path, text.as_bytes(), &LIMITS).unwrap();
            assert_eq!(read.coverage, SignatureCoverage::Installer);
            assert_eq!(read.verify(&keys).unwrap().sent_at.as_second(), now().as_second());
        }
        for (member, value) in [
            ("ip", json!("203.0.113.8")),
            ("region", json!("eu-2")),
            ("timestamp", json!(now().as_second() + 1)),
        ] {
            let mut changed = message.clone();
            changed[member] = value;
            let refused = verify_message(&keys, "POST", "/register", &changed);
            assert_eq!(refused, Err(InvalidMessage::Signature), "{member}");
        }
    }

    #[test]
    fn the_installers_form_is_for_nothing_else() {
        let key = NodeSigningKey::generate().unwrap();
        let keys = [key.verifying_key().unwrap()];
        let message = installed(&key, now().as_second());
        for (method, path) in [("POST", "/node/status"), ("GET", "/register")] {
            assert_eq!(
                verify_message(&keys, method, path, &message),
                Err(InvalidMessage::Signature),
                "{path}"
            );
        }
        let mut with_milliseconds = message.clone();
        with_milliseconds["timestamp"] = now().as_millisecond().into();
        let refused = verify_message(&keys, "POST", "/register", &with_milliseconds);
        assert_eq!(
            refused,
            Err(InvalidMessage::Signature),
            "a time in milliseconds means that all is signed"
        );
        for recipients in
            [json!([]), json!(["age1"]), json!(null), json!("x".repeat(2 << 10)), json!(["x".repeat(3_000)])]
        {
            let mut sealed = message.clone();
            sealed["recipients"] = recipients;
            let refused = verify_message(&keys, "POST", "/register", &sealed);
            assert_eq!(refused, Err(InvalidMessage::InstallerRecipients));
        }
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
