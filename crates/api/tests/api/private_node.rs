//! A node of an organization, which sends its messages to the router as over the network.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use bucketry_model::secret::Secret;
use bucketry_model::time::Clock as _;
use bucketry_vault::message::{sign_message, sign_query};
use bucketry_vault::{Identities, NodeSigningKey};
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment};

/// A node that signs with an organization's key.
pub(crate) struct PrivateNode<'d> {
    deployment: &'d Deployment,
    key: NodeSigningKey,
    org_id: String,
    pub(crate) name: String,
    pub(crate) identities: Identities,
    /// How far its clock is ahead of the control plane's.
    pub(crate) clock_ahead: SignedDuration,
    sent: AtomicU64,
}

impl<'d> PrivateNode<'d> {
    /// A node with a new key of the organization of this token's user. It isn't registered yet.
    pub(crate) async fn with_new_key(deployment: &'d Deployment, token: &str, name: &str) -> Self {
        let org_id = deployment.control.authenticate(token).await.unwrap().org_id.to_string();
        let path = format!("/organization/{org_id}/key");
        let made = deployment.ask_as(Some(token), Method::POST, &path, None).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let key = NodeSigningKey::from_pem(&Secret::new(made.body.as_str().unwrap())).unwrap();
        let (identities, sent) = (Identities::generate(), AtomicU64::new(0));
        let clock_ahead = SignedDuration::ZERO;
        Self { deployment, key, org_id, name: name.to_owned(), identities, clock_ahead, sent }
    }

    fn now(&self) -> Timestamp {
        self.deployment.clock.now() + self.clock_ahead
    }

    /// The message with its signature. Every message differs, although the test's clock stands still.
    pub(crate) fn signed(&self, path: &str, mut message: Value) -> Value {
        if message.get("ip").is_none() {
            message["ip"] = self.name.as_str().into();
        }
        if message.get("id_org").is_none() {
            message["id_org"] = self.org_id.as_str().into();
        }
        message["nonce"] = self.sent.fetch_add(1, Ordering::SeqCst).into();
        sign_message(&self.key, "POST", path, &mut message, self.now()).unwrap();
        message
    }

    /// Signs and sends a message.
    pub(crate) async fn post(&self, path: &str, message: Value) -> Answer {
        let message = self.signed(path, message);
        self.deployment.ask_as(None, Method::POST, path, Some(message)).await
    }

    /// The fields of a registration.
    pub(crate) fn registration(&self) -> Value {
        let recipients: Vec<_> = self.identities.recipients().iter().map(ToString::to_string).collect();
        json!({
            "provider": "AWS", "status": "active", "region": "eu", "version": "1", "recipients": recipients,
        })
    }

    /// Registers the node as one that needs no approval.
    pub(crate) async fn register(&self) -> Answer {
        let keys = self.identities.recipients();
        self.deployment.control.trust_vault_keys(keys.iter().map(ToString::to_string));
        self.post("/register", self.registration()).await
    }

    /// Sends a heartbeat with a probe of each of these buckets.
    pub(crate) async fn beat(&self, probes: &[(&str, &str)]) -> Answer {
        let at = self.deployment.clock.now().to_string();
        let probe = |(bucket, status): &(&str, &str)| json!({ "bucketId": bucket, "status": status, "latencyMs": 7, "createdAt": at });
        let buckets: Vec<_> = probes.iter().map(probe).collect();
        let census = json!({ "online": buckets.len(), "offline": 0, "unknown": 0 });
        let beat = json!({ "region": "eu", "probeIntervalMs": 60_000, "buckets": buckets, "census": census });
        self.post("/node/status", beat).await
    }

    /// Fetches the snapshot.
    pub(crate) async fn sync(&self) -> Answer {
        let mut query: Vec<(String, String)> = [
            ("ip", self.name.clone()),
            ("id_org", self.org_id.clone()),
            ("nonce", self.sent.fetch_add(1, Ordering::SeqCst).to_string()),
            ("wait", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        sign_query(&self.key, "GET", "/node/sync", &mut query, self.now()).unwrap();
        let encode =
            |text: &str| text.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let uri = format!("/node/sync?{}", query.join("&"));
        self.deployment.send(Request::builder().uri(uri).body(Body::empty()).unwrap()).await
    }
}
