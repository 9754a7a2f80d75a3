//! The worked examples in `docs/vault.md` and `docs/nodes.md` are correct to the byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use bucketry_model::canonical_text::Limits;
use bucketry_model::node_protocol::signing_input;
use bucketry_model::secret::{SealedSecret, Secret};
use bucketry_vault::message::{
    SignatureCoverage, UnverifiedMessage, query_message, sign_message, sign_query,
};
use bucketry_vault::{Identities, NodeSigningKey, NodeVerifyingKey, SecretContext, open};
use jiff::Timestamp;
use serde_json::{Value, json};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(here(path)).unwrap()
}

fn signing_key() -> NodeSigningKey {
    NodeSigningKey::from_pem(&Secret::new(read("tests/example/node.pem"))).unwrap()
}

/// Parses a message as the control plane does.
fn received(method: &str, path: &str, message: &Value) -> UnverifiedMessage {
    let limits = Limits { bytes: 4_096, values: 100, members: 20, depth: 8 };
    UnverifiedMessage::read(method, path, message.to_string().as_bytes(), &limits).unwrap()
}

fn assert_documented(page: &str, text: &str) {
    assert!(read(page).contains(text.trim_end()), "{page} doesn't show:\n{text}");
}

#[test]
fn the_sealed_example_opens_with_the_example_key() {
    let (keys, sealed) = (read("tests/example/vault.key"), read("tests/example/sealed.age"));
    assert_documented("../../docs/vault.md", &keys);
    assert_documented("../../docs/vault.md", &sealed);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vault.key");
    drop(Identities::load_or_create(&path).unwrap());
    // Overwrites the existing file, so that its permissions stay owner-only.
    fs::write(&path, keys).unwrap();
    let identities = Identities::load_or_create(&path).unwrap();

    let org = "0197a3b0-0000-7000-8000-0000000000aa".parse().unwrap();
    let bucket = "0197a3b0-0000-7000-8000-0000000000bb".parse().unwrap();
    let secret =
        open(&SealedSecret::from_text(sealed), &SecretContext::of_bucket(org, bucket), &identities).unwrap();
    assert_eq!(secret.expose(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let opened = json!({
        "v": 1, "org": org, "record": format!("bucket:{bucket}"), "field": "secret", "secret": secret.expose(),
    });
    for (name, value) in opened.as_object().unwrap() {
        assert_documented("../../docs/vault.md", &format!("\"{name}\":{value}"));
    }
}

#[test]
fn the_signed_heartbeat_of_the_page_is_what_we_sign_and_verify() {
    let mut message = json!({
        "ip": "node-1.example.com",
        "region": "eu-central-1",
        "probeIntervalMs": 60_000,
        "buckets": [{
            "bucketId": "0197a3b0-0000-7000-8000-0000000000bb",
            "status": "ONLINE",
            "latencyMs": 12,
            "createdAt": "2026-03-01T10:00:00Z",
        }],
        "census": { "online": 1, "offline": 0, "unknown": 0 },
    });
    let sent_at: Timestamp = "2026-03-01T10:00:00.123Z".parse().unwrap();
    sign_message(&signing_key(), "POST", "/node/status", &mut message, sent_at).unwrap();
    let signed = String::from_utf8(signing_input("POST", "/node/status", &message).unwrap()).unwrap();
    assert_documented("../../docs/nodes.md", &signed);
    assert_documented("../../docs/nodes.md", message["signature"].as_str().unwrap());
    assert_documented("../../docs/nodes.md", &read("tests/example/node.pub.pem"));

    let key = NodeVerifyingKey::from_pem(&read("tests/example/node.pub.pem")).unwrap();
    assert_eq!(received("POST", "/node/status", &message).verify(&[key]).unwrap().sent_at, sent_at);
}

#[test]
fn the_installers_signature_of_the_page_is_what_we_verify() {
    let signed = "node-1.example.com|eu-central-1|1772359200";
    let signature = signing_key().sign(signed.as_bytes()).unwrap();
    assert_documented("../../docs/nodes.md", signed);
    assert_documented("../../docs/nodes.md", &signature);
    let message = json!({
        "ip": "node-1.example.com", "region": "eu-central-1", "timestamp": 1_772_359_200, "provider": "AWS",
        "status": "running", "version": "0.0.28", "id_org": "0197a3b0-0000-7000-8000-0000000000aa",
        "signature": signature,
    });
    let received = received("POST", "/register", &message);
    assert_eq!(received.coverage, SignatureCoverage::Installer);
    let verified = received.verify(&[signing_key().verifying_key().unwrap()]).unwrap();
    assert_eq!(verified.sent_at, "2026-03-01T10:00:00Z".parse().unwrap());
}

#[test]
fn the_signed_query_of_the_page_is_what_we_sign_and_verify() {
    let mut parameters = vec![
        ("ip".to_owned(), "node-1.example.com".to_owned()),
        ("cursor".to_owned(), "c-42".to_owned()),
        ("wait".to_owned(), "25".to_owned()),
    ];
    let sent_at = "2026-03-01T10:00:00.123Z".parse().unwrap();
    sign_query(&signing_key(), "GET", "/node/sync", &mut parameters, sent_at).unwrap();
    let message = query_message(&parameters);
    let signed = String::from_utf8(signing_input("GET", "/node/sync", &message).unwrap()).unwrap();
    assert_documented("../../docs/nodes.md", &signed);
    assert_documented("../../docs/nodes.md", message["signature"].as_str().unwrap());
    let key = signing_key().verifying_key().unwrap();
    assert!(received("GET", "/node/sync", &message).verify(&[key]).is_ok());
}
