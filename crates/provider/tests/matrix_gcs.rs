//! Google Cloud Storage: kinds of credentials × outcomes. The emulator checks no credentials, so stubs that refuse
//! requests stand in for Google's token service and API.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]
#![expect(non_snake_case, reason = "names are cells of a matrix: provider__credential__outcome")]

mod cells;
mod gcs_server;
mod gcs_target;
mod stub;
mod token_services;

use std::time::Duration;

use bucketry_faults::{Answer, Fault};
use bucketry_model::bucket::BucketTarget;
use bucketry_model::diagnosis::CheckCode as C;
use bucketry_model::diagnosis::CheckName as N;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::connection::Connections;
use bucketry_provider::identity::TokenServices;
use bucketry_provider::policy::EndpointPolicy;
use serde_json::json;

use crate::cells::{
    answering, endpoint, failing, healthy, impatient, nobody, plain_https, private, tells, with,
};
use crate::gcs_server::{new_bucket, target};
use crate::gcs_target::{connections, target_at};
use crate::stub::{Asked, Protocol, answer};
use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;

use crate::token_services::{PEM, grant_error, identity, key_file, token};

const EMAIL: &str = "robot@customer.iam.gserviceaccount.com";

/// Both APIs of Cloud Storage.
struct Google;

impl Protocol for Google {
    fn asked(&self, method: &Method, path: &str, _: &str) -> Asked {
        match (method.as_str(), path) {
            ("DELETE", _) => Asked::Delete,
            ("POST", path) if path.starts_with("/upload/") => Asked::Write,
            ("GET", path) if path.ends_with("/o") => Asked::List,
            ("GET", path) if path.starts_with("/storage/v1/b/") => Asked::Bucket,
            _ => Asked::Read,
        }
    }

    fn denied(&self) -> Response<Full<Bytes>> {
        let body = serde_json::json!({ "error": { "code": 403, "message": "text of the remote side",
            "errors": [{ "domain": "global", "reason": "forbidden" }] } });
        answer(403, &[("content-type", "application/json")], body.to_string())
    }

    fn granted(&self, asked: Asked, content: &Bytes) -> Response<Full<Bytes>> {
        match asked {
            Asked::Read => answer(200, &[("x-goog-generation", "1")], content.clone()),
            Asked::Delete => answer(204, &[], Bytes::new()),
            _ => {
                answer(200, &[("content-type", "application/json")], "{\"name\":\"x\",\"generation\":\"1\"}")
            }
        }
    }

    /// The second part of a `multipart/related` body.
    fn content(&self, body: &Bytes) -> Bytes {
        let text = String::from_utf8_lossy(body);
        let media = text.split("\r\n\r\n").nth(2).unwrap_or_default();
        Bytes::from(media.split("\r\n--").next().unwrap_or_default().to_owned())
    }
}

fn at(endpoint: &Endpoint, key: Option<&str>, secret: Option<&str>) -> BucketTarget {
    let mut target = target_at(&endpoint.to_string(), "photos");
    target.location.key = key.map(str::to_owned);
    target.secret = secret.map(Secret::new);
    target
}

fn google() -> Endpoint {
    Endpoint::parse("https://storage.googleapis.com").unwrap()
}

/// An error in the form of the JSON API.
fn google_error(status: u16, reason: &str) -> Answer {
    let errors = json!([{ "domain": "global", "reason": reason }]);
    token_services::json(
        status,
        &json!({ "error": { "code": status, "message": "text of the remote side", "errors": errors } }),
    )
}

/// Connections that use `tokens` as the token service.
fn asking(tokens: Endpoint) -> Connections {
    with(|settings| {
        settings.token_services = TokenServices { google_token: Some(tokens), ..Default::default() };
        settings.answer_timeout = Duration::from_secs(2);
    })
}

/// Tests a service account with this response of the API.
async fn account_meets(answer: Answer, expected: (N, C), words: &str) {
    let tokens = answering(token("ya29.token")).await;
    let server = answering(answer).await;
    let target = at(&endpoint(&server), Some(EMAIL), Some(&PEM));
    tells(&target, &asking(endpoint(&tokens)), expected, words).await;
}

/// Tests a service account that lacks a role.
async fn account_without(denied: &'static [Asked], expected: (N, C), words: &str) {
    let tokens = answering(token("ya29.token")).await;
    let target = at(&stub::serve(Google, denied).await, Some(EMAIL), Some(&PEM));
    tells(&target, &asking(endpoint(&tokens)), expected, words).await;
}

/// Tests a service account while the token service has a fault.
async fn token_service_meets(fault: Fault, expected: C, words: &str) {
    let tokens = failing(fault).await;
    let target = at(&stub::serve(Google, &[]).await, Some(EMAIL), Some(&PEM));
    tells(&target, &asking(endpoint(&tokens)), (N::Authenticate, expected), words).await;
}

/// Tests a secret that is refused before anything is sent.
async fn unusable(key: Option<&str>, secret: &str, expected: C, words: &str) {
    let target = at(&nobody().await, key, Some(secret));
    tells(&target, &private(), (N::Authenticate, expected), words).await;
}

#[tokio::test]
async fn gcs__network__dns_failed() {
    let nowhere = Endpoint::parse("http://no-such-host.invalid").unwrap();
    tells(&at(&nowhere, None, None), &private(), (N::Dns, C::DnsFailed), "typos").await;
}

#[tokio::test]
async fn gcs__network__connection_refused() {
    let target = at(&nobody().await, None, None);
    tells(&target, &private(), (N::Connect, C::ConnectionRefused), "port").await;
}

#[tokio::test]
async fn gcs__network__connect_timeout() {
    let server = failing(Fault::StallBeforeHeaders).await;
    let target = at(&endpoint(&server), None, None);
    tells(&target, &impatient(), (N::Authenticate, C::ConnectTimeout), "in time").await;
}

#[tokio::test]
async fn gcs__network__tls_failed() {
    let https = plain_https().await;
    tells(&at(&https, None, None), &private(), (N::Tls, C::TlsFailed), "http://").await;
}

#[tokio::test]
async fn gcs__network__endpoint_blocked() {
    let public = with(|settings| settings.policy = EndpointPolicy::default());
    let target = at(&nobody().await, None, None);
    tells(&target, &public, (N::Dns, C::EndpointBlocked), "BUCKETRY_ENDPOINT_POLICY").await;
}

#[tokio::test]
async fn gcs__service_account__healthy() {
    let tokens = answering(token("ya29.token")).await;
    let mut target = new_bucket("healthy").await;
    (target.location.key, target.secret) = (Some(EMAIL.to_owned()), Some(Secret::new(PEM.as_str())));
    healthy(&target, &asking(endpoint(&tokens))).await;
}

#[tokio::test]
async fn gcs__service_account__key_unknown() {
    let answer = grant_error("Invalid grant: account not found");
    token_service_meets(Fault::Answer(answer), C::KeyUnknown, "e-mail").await;
}

#[tokio::test]
async fn gcs__service_account__key_unknown__not_an_address() {
    unusable(Some("robot"), &PEM, C::KeyUnknown, "e-mail address").await;
}

#[tokio::test]
async fn gcs__service_account__secret_wrong() {
    let answer = grant_error("Invalid JWT Signature.");
    token_service_meets(Fault::Answer(answer), C::SecretWrong, "keys create").await;
}

#[tokio::test]
async fn gcs__service_account__secret_wrong__no_pem() {
    unusable(Some(EMAIL), "hunter2", C::SecretWrong, "-----BEGIN PRIVATE KEY-----").await;
}

#[tokio::test]
async fn gcs__service_account__secret_wrong__truncated_pem() {
    unusable(Some(EMAIL), &PEM[..600], C::SecretWrong, "truncated").await;
}

#[tokio::test]
async fn gcs__service_account__secret_wrong__encrypted_pem() {
    let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
    unusable(Some(EMAIL), pem, C::SecretWrong, "without a passphrase").await;
}

#[tokio::test]
async fn gcs__service_account__secret_wrong__elliptic_pem() {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    unusable(Some(EMAIL), &pem, C::SecretWrong, "RSA").await;
}

#[tokio::test]
async fn gcs__service_account__clock_skew() {
    let frame = "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe.";
    token_service_meets(Fault::Answer(grant_error(frame)), C::ClockSkew, "NTP").await;
}

#[tokio::test]
async fn gcs__service_account__token_expired() {
    let refused = google_error(401, "authError");
    account_meets(refused, (N::Authenticate, C::TokenExpired), "enabled").await;
}

#[tokio::test]
async fn gcs__service_account__bucket_not_found() {
    let tokens = answering(token("ya29.token")).await;
    let mut target = target("no-such-bucket");
    (target.location.key, target.secret) = (Some(EMAIL.to_owned()), Some(Secret::new(PEM.as_str())));
    tells(&target, &asking(endpoint(&tokens)), (N::Bucket, C::BucketNotFound), "bucket's name").await;
}

#[tokio::test]
async fn gcs__service_account__access_denied_list() {
    let denied = &[Asked::Bucket, Asked::List, Asked::Write, Asked::Read];
    account_without(denied, (N::List, C::AccessDeniedList), "storage.objects.list").await;
}

#[tokio::test]
async fn gcs__service_account__access_denied_write() {
    account_without(&[Asked::Write], (N::Write, C::AccessDeniedWrite), "storage.objects.create").await;
}

#[tokio::test]
async fn gcs__service_account__access_denied_read() {
    account_without(&[Asked::Read], (N::Read, C::AccessDeniedRead), "storage.objects.get").await;
}

#[tokio::test]
async fn gcs__service_account__access_denied_delete() {
    account_without(&[Asked::Delete], (N::Delete, C::AccessDeniedDelete), "storage.objects.delete").await;
}

#[tokio::test]
async fn gcs__service_account__account_not_found() {
    let closed = google_error(403, "accountDisabled");
    account_meets(closed, (N::Authenticate, C::AccountNotFound), "billing").await;
}

#[tokio::test]
async fn gcs__service_account__provider_throttled() {
    let answer = google_error(429, "rateLimitExceeded");
    account_meets(answer, (N::Authenticate, C::ProviderThrottled), "Try again later").await;
}

#[tokio::test]
async fn gcs__service_account__provider_error() {
    account_meets(google_error(503, "backendError"), (N::Authenticate, C::ProviderError), "Try again").await;
}

#[tokio::test]
async fn gcs__service_account__provider_error__requester_pays() {
    let answer = google_error(400, "userProjectMissing");
    account_meets(answer, (N::Authenticate, C::ProviderError), "Requester Pays").await;
}

#[tokio::test]
async fn gcs__service_account__provider_error__token_service_garbage() {
    token_service_meets(Fault::Answer(Answer::html_page()), C::ProviderError, "Try again").await;
}

#[tokio::test]
async fn gcs__service_account__connect_timeout__token_service_stalls() {
    token_service_meets(Fault::StallBeforeHeaders, C::ConnectTimeout, "Google's token service").await;
}

#[tokio::test]
async fn gcs__service_account__not_an_object_store__web_page() {
    account_meets(Answer::html_page(), (N::Authenticate, C::NotAnObjectStore), "storage API").await;
}

#[tokio::test]
async fn gcs__service_account__not_an_object_store__redirect() {
    let elsewhere = Answer::redirect_to("http://127.0.0.1:1/");
    account_meets(elsewhere, (N::Authenticate, C::NotAnObjectStore), "not followed").await;
}

#[tokio::test]
async fn gcs__json_key__healthy() {
    let tokens = answering(token("ya29.token")).await;
    let mut target = new_bucket("json").await;
    target.secret = Some(Secret::new(key_file(EMAIL)));
    healthy(&target, &asking(endpoint(&tokens))).await;
}

#[tokio::test]
async fn gcs__json_key__secret_wrong__authorized_user() {
    let json = json!({ "type": "authorized_user", "refresh_token": "hunter2", "client_id": "x" });
    unusable(None, &json.to_string(), C::SecretWrong, "service_account").await;
}

/// Workload identity federation names a URL to request, a file to read or a program to run. None of it happens.
async fn federation(source: serde_json::Value) {
    let json = json!({ "type": "external_account", "token_url": "http://169.254.169.254/",
        "credential_source": source });
    unusable(None, &json.to_string(), C::SecretWrong, "workload identity federation").await;
}

#[tokio::test]
async fn gcs__json_key__secret_wrong__external_account_url() {
    federation(json!({ "url": "http://169.254.169.254/latest/meta-data" })).await;
}

#[tokio::test]
async fn gcs__json_key__secret_wrong__external_account_file() {
    federation(json!({ "file": "/etc/passwd" })).await;
}

#[tokio::test]
async fn gcs__json_key__secret_wrong__external_account_executable() {
    federation(json!({ "executable": { "command": "/bin/true" } })).await;
}

#[tokio::test]
async fn gcs__json_key__secret_wrong__foreign_token_service() {
    let json = json!({ "type": "service_account", "client_email": EMAIL, "private_key": *PEM,
        "token_uri": "http://169.254.169.254/token" });
    unusable(None, &json.to_string(), C::SecretWrong, "other than Google's own").await;
}

#[tokio::test]
async fn gcs__json_key__secret_wrong__cut_off() {
    let json = key_file(EMAIL);
    unusable(None, &json[..json.len() / 2], C::SecretWrong, "complete service account key").await;
}

#[tokio::test]
async fn gcs__json_key__key_unknown__other_account_entered() {
    let other = Some("other@customer.iam.gserviceaccount.com");
    unusable(other, &key_file(EMAIL), C::KeyUnknown, "leave the address out").await;
}

/// Tests an HMAC key with this response of the server.
async fn hmac_meets(answer: Answer, expected: (N, C), words: &str) {
    let server = answering(answer).await;
    let target = at(&endpoint(&server), Some("GOOG1EXAMPLE"), Some("hunter2"));
    tells(&target, &private(), expected, words).await;
}

#[tokio::test]
async fn gcs__hmac__key_unknown() {
    let answer = Answer::s3_error(403, "InvalidSecurity", "");
    hmac_meets(answer, (N::Authenticate, C::KeyUnknown), "Interoperability").await;
}

#[tokio::test]
async fn gcs__hmac__secret_wrong() {
    let answer = Answer::s3_error(403, "SignatureDoesNotMatch", "");
    hmac_meets(answer, (N::Authenticate, C::SecretWrong), "HMAC key's secret").await;
}

#[tokio::test]
async fn gcs__hmac__clock_skew() {
    hmac_meets(Answer::clock_skew(), (N::Authenticate, C::ClockSkew), "NTP").await;
}

#[tokio::test]
async fn gcs__hmac__bucket_not_found() {
    let answer = Answer::s3_error(404, "NoSuchBucket", "");
    hmac_meets(answer, (N::Bucket, C::BucketNotFound), "bucket's name").await;
}

#[tokio::test]
async fn gcs__hmac__access_denied_list() {
    let answer = Answer::s3_error(403, "AccessDenied", "");
    hmac_meets(answer, (N::List, C::AccessDeniedList), "storage.objects.list").await;
}

#[tokio::test]
async fn gcs__hmac__account_not_found() {
    let answer = Answer::s3_error(403, "AccountProblem", "");
    hmac_meets(answer, (N::Authenticate, C::AccountNotFound), "billing").await;
}

#[tokio::test]
async fn gcs__hmac__provider_throttled() {
    hmac_meets(Answer::slow_down(1), (N::Authenticate, C::ProviderThrottled), "Try again later").await;
}

#[tokio::test]
async fn gcs__hmac__not_an_object_store__web_page() {
    hmac_meets(Answer::html_page(), (N::Authenticate, C::NotAnObjectStore), "storage API").await;
}

#[tokio::test]
async fn gcs__anonymous__healthy() {
    healthy(&new_bucket("public").await, &connections()).await;
}

#[tokio::test]
async fn gcs__anonymous__access_denied_list() {
    let server = answering(google_error(401, "required")).await;
    let target = at(&endpoint(&server), None, None);
    tells(&target, &private(), (N::List, C::AccessDeniedList), "not public").await;
}

/// Connections of a node that impersonates, with these services.
fn impersonating(tokens: Endpoint, iam: Endpoint) -> Connections {
    with(|settings| {
        settings.identity = identity();
        settings.token_services =
            TokenServices { google_token: Some(tokens), google_iam: Some(iam), ..Default::default() };
        settings.answer_timeout = Duration::from_secs(2);
    })
}

/// Tests impersonation while the IAM Credentials API has a fault.
async fn iam_meets(fault: Fault, expected: C, words: &str) {
    let tokens = answering(token("ya29.node")).await;
    let iam = failing(fault).await;
    let target = at(&stub::serve(Google, &[]).await, Some(EMAIL), None);
    let connections = impersonating(endpoint(&tokens), endpoint(&iam));
    tells(&target, &connections, (N::Authenticate, expected), words).await;
}

fn iam_error(status: u16, name: &str, reason: &str) -> Fault {
    let details = json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason }]);
    let error =
        json!({ "code": status, "message": "text of the remote side", "status": name, "details": details });
    Fault::Answer(token_services::json(status, &json!({ "error": error })))
}

#[tokio::test]
async fn gcs__impersonation__healthy() {
    let tokens = answering(token("ya29.node")).await;
    let iam = answering(token_services::json(200, &json!({ "accessToken": "ya29.customer" }))).await;
    let mut target = new_bucket("impersonated").await;
    target.location.key = Some(EMAIL.to_owned());
    healthy(&target, &impersonating(endpoint(&tokens), endpoint(&iam))).await;
}

#[tokio::test]
async fn gcs__impersonation__key_unknown__not_granted() {
    let denied = iam_error(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED");
    iam_meets(denied, C::KeyUnknown, "roles/iam.serviceAccountTokenCreator").await;
}

#[tokio::test]
async fn gcs__impersonation__key_unknown__no_such_account() {
    let missing = Fault::Answer(token_services::json(404, &json!({ "error": { "status": "NOT_FOUND" } })));
    iam_meets(missing, C::KeyUnknown, "does not exist").await;
}

#[tokio::test]
async fn gcs__impersonation__key_unknown__api_turned_off() {
    let off = iam_error(403, "PERMISSION_DENIED", "SERVICE_DISABLED");
    iam_meets(off, C::KeyUnknown, "gcloud services enable").await;
}

#[tokio::test]
async fn gcs__impersonation__key_unknown__not_a_service_account() {
    let connections = with(|settings| settings.identity = identity());
    let target = at(&google(), Some("somebody@example.com"), None);
    tells(&target, &connections, (N::Authenticate, C::KeyUnknown), "e-mail address").await;
}

#[tokio::test]
async fn gcs__impersonation__key_unknown__custom_endpoint() {
    let connections = with(|settings| settings.identity = identity());
    let elsewhere = at(&Endpoint::parse("https://storage.example.com").unwrap(), Some(EMAIL), None);
    tells(&elsewhere, &connections, (N::Authenticate, C::KeyUnknown), "Google's own endpoints").await;
}

#[tokio::test]
async fn gcs__impersonation__key_unknown__node_without_identity() {
    let target = at(&google(), Some(EMAIL), None);
    let setting = "BUCKETRY_GCP_CREDENTIALS_FILE";
    tells(&target, &private(), (N::Authenticate, C::KeyUnknown), setting).await;
}

#[tokio::test]
async fn gcs__impersonation__secret_wrong__node_key() {
    let tokens = answering(grant_error("Invalid JWT Signature.")).await;
    let iam = answering(Answer::html_page()).await;
    let target = at(&stub::serve(Google, &[]).await, Some(EMAIL), None);
    let connections = impersonating(endpoint(&tokens), endpoint(&iam));
    tells(&target, &connections, (N::Authenticate, C::SecretWrong), "key").await;
}

#[tokio::test]
async fn gcs__impersonation__provider_throttled() {
    let busy = iam_error(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED");
    iam_meets(busy, C::ProviderThrottled, "Try again later").await;
}

#[tokio::test]
async fn gcs__impersonation__provider_error__garbage() {
    iam_meets(Fault::Answer(Answer::html_page()), C::ProviderError, "Try again").await;
}

#[tokio::test]
async fn gcs__impersonation__connect_timeout() {
    iam_meets(Fault::StallBeforeHeaders, C::ConnectTimeout, "IAM Credentials API").await;
}
