//! Stubs of the services that issue temporary credentials, and connections that use them.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]
#![expect(dead_code, reason = "each test crate uses some of them")]

use std::sync::LazyLock;

use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::identity::{AwsIdentity, NodeIdentity, TokenServices};
use bucketry_provider::policy::EndpointPolicy;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use rsa::rand_core::OsRng;

/// A private key in the form in which Google issues it. Generated in each run.
pub(crate) static PEM: LazyLock<String> = LazyLock::new(|| {
    RsaPrivateKey::new(&mut OsRng, 2_048).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
});

/// The JSON key of a service account.
pub(crate) fn key_file(email: &str) -> String {
    serde_json::json!({ "type": "service_account", "client_email": email, "private_key": *PEM }).to_string()
}

pub(crate) const NODE_EMAIL: &str = "node@bucketry.iam.gserviceaccount.com";

/// The node's own identities, for delegated access.
pub(crate) fn identity() -> NodeIdentity {
    let aws = AwsIdentity {
        access_key: "AKIANODE".to_owned(),
        secret_key: Secret::new("the node's own"),
        session_token: None,
    };
    NodeIdentity { aws: Some(aws), google: Some(Secret::new(key_file(NODE_EMAIL))) }
}

/// Connections that may reach loopback and use the given token services.
pub(crate) fn connections(identity: NodeIdentity, token_services: TokenServices) -> Connections {
    let policy = EndpointPolicy::private();
    Connections::new(ConnectionSettings { policy, identity, token_services, ..Default::default() }).unwrap()
}

/// A service that gives one response to every request.
pub(crate) async fn service(answer: Answer) -> FaultProxy {
    FaultProxy::alone(Fault::Answer(answer)).await.unwrap()
}

/// The address of a server.
pub(crate) fn endpoint(server: &FaultProxy) -> Endpoint {
    Endpoint::parse(&server.endpoint()).unwrap()
}

/// The response of AWS STS to a successful `AssumeRole`.
pub(crate) fn session(key: &str, secret: &str) -> Answer {
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>the-session-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    Answer::new(200).header("content-type", "text/xml").body(&body)
}

/// A refusal by AWS STS.
pub(crate) fn sts_error(status: u16, code: &str) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>text of the remote side</Message></Error></ErrorResponse>"
    );
    Answer::new(status).header("content-type", "text/xml").body(&body)
}

/// A token response in the form of OAuth 2.0.
pub(crate) fn token(text: &str) -> Answer {
    let body = serde_json::json!({ "access_token": text, "expires_in": 3_599, "token_type": "Bearer" });
    json(200, &body)
}

/// A refusal by Microsoft Entra.
pub(crate) fn entra_error(status: u16, number: u32) -> Answer {
    let words = format!("AADSTS{number}: text of the remote side");
    let body = serde_json::json!({
        "error": "invalid_client", "error_description": words, "error_codes": [number],
    });
    json(status, &body)
}

/// A refusal by Google's token service.
pub(crate) fn grant_error(words: &str) -> Answer {
    let words = format!("{words} text of the remote side");
    json(400, &serde_json::json!({ "error": "invalid_grant", "error_description": words }))
}

/// A JSON response.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Answer {
    Answer::new(status).header("content-type", "application/json").body(&body.to_string())
}
