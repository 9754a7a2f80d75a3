//! Azure Blob Storage: kinds of credentials × outcomes. Tests use the real server for outcomes that it can produce,
//! and otherwise a stub that responds as the service does.
#![expect(non_snake_case, reason = "names are cells of a matrix: provider__credential__outcome")]

mod azure_sas;
mod azure_server;
mod cells;
mod stub;
mod token_services;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_faults::{Answer, Fault};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::diagnosis::CheckCode as C;
use bucketry_model::diagnosis::CheckName as N;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::connection::Connections;
use bucketry_provider::identity::TokenServices;
use bucketry_provider::policy::EndpointPolicy;

use crate::azure_sas::{LATER, azure_error, sas};
use crate::azure_server::{new_container, target};
use crate::cells::{
    answering, endpoint, failing, healthy, impatient, nobody, plain_https, private, tells, with,
};
use crate::stub::{Asked, Protocol, answer};
use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;

use crate::token_services::{entra_error, token};

const APPLICATION: &str = r#"{"appId":"11-aa","displayName":"x","password":"hunter2","tenant":"22-bb"}"#;

/// The protocol of the Blob service.
struct Azure;

impl Protocol for Azure {
    fn asked(&self, method: &Method, _: &str, query: &str) -> Asked {
        match method.as_str() {
            "DELETE" => Asked::Delete,
            "PUT" => Asked::Write,
            "GET" if query.contains("comp=list") => Asked::List,
            _ if query.contains("restype=container") => Asked::Bucket,
            _ => Asked::Read,
        }
    }

    fn denied(&self) -> Response<Full<Bytes>> {
        let headers = [("x-ms-error-code", "AuthorizationPermissionMismatch"), ("x-ms-request-id", "0")];
        answer(403, &headers, Bytes::new())
    }

    fn granted(&self, asked: Asked, content: &Bytes) -> Response<Full<Bytes>> {
        let id = [("x-ms-request-id", "0"), ("etag", "\"0x1\"")];
        match asked {
            Asked::List => answer(200, &id, "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>"),
            Asked::Write => answer(201, &id, Bytes::new()),
            Asked::Read => answer(200, &id, content.clone()),
            Asked::Delete => answer(202, &id, Bytes::new()),
            Asked::Bucket => answer(200, &id, Bytes::new()),
        }
    }

    fn content(&self, body: &Bytes) -> Bytes {
        body.clone()
    }
}

fn at(endpoint: Endpoint, secret: &str) -> BucketTarget {
    let location = BucketLocation {
        storage_type: StorageType::Blob,
        bucket: "photos".to_owned(),
        key: Some("acct".to_owned()),
        endpoint: Some(endpoint),
        region: None,
    };
    BucketTarget { location, secret: Some(Secret::new(secret)) }
}

fn key() -> String {
    STANDARD.encode("hunter2-the-key")
}

async fn account_key_meets(answer: Answer, expected: (N, C), words: &str) {
    let server = answering(answer).await;
    tells(&at(endpoint(&server), &key()), &private(), expected, words).await;
}

#[tokio::test]
async fn azure__network__dns_failed() {
    let nowhere = Endpoint::parse("http://files.invalid").unwrap();
    tells(&at(nowhere, &key()), &private(), (N::Dns, C::DnsFailed), "typos").await;
}

#[tokio::test]
async fn azure__network__connection_refused() {
    tells(&at(nobody().await, &key()), &private(), (N::Connect, C::ConnectionRefused), "port").await;
}

#[tokio::test]
async fn azure__network__connect_timeout() {
    let server = failing(Fault::StallBeforeHeaders).await;
    let target = at(endpoint(&server), &key());
    tells(&target, &impatient(), (N::Authenticate, C::ConnectTimeout), "in time").await;
}

#[tokio::test]
async fn azure__network__tls_failed() {
    let https = plain_https().await;
    tells(&at(https, &key()), &private(), (N::Tls, C::TlsFailed), "http://").await;
}

#[tokio::test]
async fn azure__network__endpoint_blocked() {
    let public = with(|settings| settings.policy = EndpointPolicy::default());
    let target = at(nobody().await, &key());
    tells(&target, &public, (N::Dns, C::EndpointBlocked), "BUCKETRY_ENDPOINT_POLICY").await;
}

#[tokio::test]
async fn azure__account_key__healthy() {
    healthy(&new_container("healthy").await, &private()).await;
}

#[tokio::test]
async fn azure__account_key__secret_wrong() {
    let mut target = new_container("wrong").await;
    target.secret = Some(Secret::new(key()));
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "Access keys").await;
}

#[tokio::test]
async fn azure__account_key__secret_wrong__not_base64() {
    let target = at(nobody().await, "hunter2 is no base64");
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "not base64").await;
}

#[tokio::test]
async fn azure__account_key__secret_wrong__connection_string() {
    let text = "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=aHVudGVyMg==";
    let target = at(nobody().await, text);
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "connection string").await;
}

#[tokio::test]
async fn azure__account_key__clock_skew() {
    let old = azure_error(403, "AuthenticationFailed").header("date", "Thu, 01 Jan 2015 00:00:00 GMT");
    account_key_meets(old, (N::Authenticate, C::ClockSkew), "NTP").await;
}

#[tokio::test]
async fn azure__account_key__bucket_not_found() {
    let target = target("no-such-container");
    tells(&target, &private(), (N::Bucket, C::BucketNotFound), "container's name").await;
}

#[tokio::test]
async fn azure__account_key__bucket_not_found__capitals() {
    tells(&target("Photos"), &private(), (N::Bucket, C::BucketNotFound), "lower-case").await;
}

#[tokio::test]
async fn azure__account_key__bucket_not_found__being_deleted() {
    let answer = azure_error(409, "ContainerBeingDeleted");
    account_key_meets(answer, (N::Bucket, C::BucketNotFound), "container").await;
}

#[tokio::test]
async fn azure__account_key__account_not_found() {
    let mut target = target("photos");
    target.location.key = Some("nobody123".to_owned());
    tells(&target, &private(), (N::Authenticate, C::AccountNotFound), "account's name").await;
}

#[tokio::test]
async fn azure__account_key__account_not_found__no_such_host() {
    let target = at(Endpoint::parse("http://blob.core.invalid").unwrap(), &key());
    tells(&target, &private(), (N::Dns, C::AccountNotFound), "account's name").await;
}

#[tokio::test]
async fn azure__account_key__account_not_found__not_a_name() {
    let mut target = target("photos");
    target.location.key = Some("Not An Account".to_owned());
    tells(&target, &private(), (N::Authenticate, C::AccountNotFound), "lower-case").await;
}

#[tokio::test]
async fn azure__account_key__account_not_found__disabled() {
    let answer = azure_error(403, "AccountIsDisabled");
    account_key_meets(answer, (N::Authenticate, C::AccountNotFound), "disabled").await;
}

#[tokio::test]
async fn azure__account_key__access_denied_list__key_access_disabled() {
    let answer = azure_error(403, "KeyBasedAuthenticationNotPermitted");
    account_key_meets(answer, (N::List, C::AccessDeniedList), "storage account key access").await;
}

#[tokio::test]
async fn azure__account_key__access_denied_list__firewall() {
    let answer = azure_error(403, "AuthorizationFailure");
    account_key_meets(answer, (N::List, C::AccessDeniedList), "Networking").await;
}

#[tokio::test]
async fn azure__account_key__provider_throttled() {
    let answer = azure_error(503, "ServerBusy").header("retry-after", "1");
    account_key_meets(answer, (N::Authenticate, C::ProviderThrottled), "Try again later").await;
}

#[tokio::test]
async fn azure__account_key__provider_error() {
    account_key_meets(azure_error(500, "InternalError"), (N::Authenticate, C::ProviderError), "Try again")
        .await;
}

#[tokio::test]
async fn azure__account_key__provider_error__requires_https() {
    let answer = azure_error(400, "AccountRequiresHttps");
    account_key_meets(answer, (N::Authenticate, C::ProviderError), "https endpoint").await;
}

#[tokio::test]
async fn azure__account_key__not_an_object_store__web_page() {
    let page = Answer::html_page();
    account_key_meets(page, (N::Authenticate, C::NotAnObjectStore), "storage API").await;
}

#[tokio::test]
async fn azure__account_key__not_an_object_store__redirect() {
    let elsewhere = Answer::redirect_to("http://127.0.0.1:1/");
    account_key_meets(elsewhere, (N::Authenticate, C::NotAnObjectStore), "not followed").await;
}

/// Tests a SAS with these permissions for a new container.
async fn sas_of(permissions: &str, expected: (N, C), words: &str) {
    let mut target = new_container("sas").await;
    target.secret = Some(sas(&target.location.bucket, permissions, LATER, &[]));
    tells(&target, &private(), expected, words).await;
}

#[tokio::test]
async fn azure__sas__healthy() {
    let mut target = new_container("sas").await;
    target.secret = Some(sas(&target.location.bucket, "rwdlc", LATER, &[]));
    healthy(&target, &private()).await;
}

#[tokio::test]
async fn azure__sas__access_denied_list() {
    sas_of("rwdc", (N::List, C::AccessDeniedList), "List (l)").await;
}

#[tokio::test]
async fn azure__sas__access_denied_write() {
    sas_of("rl", (N::Write, C::AccessDeniedWrite), "Write (w)").await;
}

#[tokio::test]
async fn azure__sas__access_denied_read() {
    sas_of("wlcd", (N::Read, C::AccessDeniedRead), "Read (r)").await;
}

#[tokio::test]
async fn azure__sas__access_denied_delete() {
    sas_of("rwlc", (N::Delete, C::AccessDeniedDelete), "Delete (d)").await;
}

#[tokio::test]
async fn azure__sas__token_expired() {
    let mut target = new_container("sas").await;
    target.secret = Some(sas(&target.location.bucket, "rwdlc", "2020-01-01T00:00:00Z", &[]));
    tells(&target, &private(), (N::Authenticate, C::TokenExpired), "later expiry").await;
}

#[tokio::test]
async fn azure__sas__secret_wrong__other_container() {
    let mut target = new_container("sas").await;
    target.secret = Some(sas("another", "rwdlc", LATER, &[]));
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "for this container").await;
}

#[tokio::test]
async fn azure__sas__secret_wrong__no_signature() {
    let target = at(nobody().await, "sv=2023-11-03&sp=rl&sig=");
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "whole query string").await;
}

#[tokio::test]
async fn azure__sas__access_denied_list__other_address() {
    let server = answering(azure_error(403, "AuthorizationSourceIPMismatch")).await;
    let target = at(endpoint(&server), "sip=192.0.2.1&sp=rwdl&sig=hunter2");
    tells(&target, &private(), (N::List, C::AccessDeniedList), "(sip)").await;
}

#[tokio::test]
async fn azure__sas__access_denied_list__https_only() {
    let server = answering(azure_error(403, "AuthorizationProtocolMismatch")).await;
    let target = at(endpoint(&server), "spr=https&sp=rwdl&sig=hunter2");
    tells(&target, &private(), (N::List, C::AccessDeniedList), "(spr)").await;
}

/// Connections that use `entra` as Microsoft Entra.
fn asking(entra: Endpoint) -> Connections {
    with(|settings| {
        settings.token_services = TokenServices { entra: Some(entra), ..Default::default() };
        settings.answer_timeout = Duration::from_secs(2);
    })
}

/// Tests an application while Entra has a fault. The store itself is healthy.
async fn entra_meets(fault: Fault, expected: C, words: &str) {
    let entra = failing(fault).await;
    let target = at(stub::serve(Azure, &[]).await, APPLICATION);
    tells(&target, &asking(endpoint(&entra)), (N::Authenticate, expected), words).await;
}

/// Tests an application that lacks a role.
async fn application_without(denied: &'static [Asked], expected: (N, C), words: &str) {
    let entra = answering(token("eyJ.token")).await;
    let target = at(stub::serve(Azure, denied).await, APPLICATION);
    tells(&target, &asking(endpoint(&entra)), expected, words).await;
}

#[tokio::test]
async fn azure__application__healthy() {
    let entra = answering(token("eyJ.token")).await;
    let target = at(stub::serve(Azure, &[]).await, APPLICATION);
    healthy(&target, &asking(endpoint(&entra))).await;
}

#[tokio::test]
async fn azure__application__key_unknown__no_such_tenant() {
    entra_meets(Fault::Answer(entra_error(400, 90_002)), C::KeyUnknown, "Check tenant").await;
}

#[tokio::test]
async fn azure__application__key_unknown__no_such_application() {
    entra_meets(Fault::Answer(entra_error(400, 700_016)), C::KeyUnknown, "Check appId").await;
}

#[tokio::test]
async fn azure__application__key_unknown__disabled() {
    let answer = entra_error(401, 7_000_112);
    entra_meets(Fault::Answer(answer), C::KeyUnknown, "Enterprise applications").await;
}

#[tokio::test]
async fn azure__application__key_unknown__conditional_access() {
    entra_meets(Fault::Answer(entra_error(400, 53_003)), C::KeyUnknown, "Conditional Access").await;
}

#[tokio::test]
async fn azure__application__secret_wrong() {
    entra_meets(Fault::Answer(entra_error(401, 7_000_215)), C::SecretWrong, "not its id").await;
}

#[tokio::test]
async fn azure__application__secret_wrong__incomplete_json() {
    let target = at(nobody().await, r#"{"appId":"11-aa","password":"hunter2"}"#);
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "create-for-rbac").await;
}

#[tokio::test]
async fn azure__application__token_expired() {
    entra_meets(Fault::Answer(entra_error(401, 7_000_222)), C::TokenExpired, "credential reset").await;
}

#[tokio::test]
async fn azure__application__clock_skew() {
    let old = entra_error(401, 50_013).header("date", "Thu, 01 Jan 2015 00:00:00 GMT");
    entra_meets(Fault::Answer(old), C::ClockSkew, "NTP").await;
}

#[tokio::test]
async fn azure__application__secret_wrong__other_tenant() {
    let entra = answering(token("eyJ.token")).await;
    let store = answering(azure_error(401, "InvalidAuthenticationInfo")).await;
    let target = at(endpoint(&store), APPLICATION);
    let connections = asking(endpoint(&entra));
    tells(&target, &connections, (N::Authenticate, C::SecretWrong), "directory (tenant)").await;
}

#[tokio::test]
async fn azure__application__access_denied_list() {
    let all = &[Asked::Bucket, Asked::List, Asked::Write, Asked::Read];
    application_without(all, (N::List, C::AccessDeniedList), "Storage Blob Data Reader").await;
}

#[tokio::test]
async fn azure__application__access_denied_write() {
    let denied = &[Asked::Write, Asked::Delete];
    application_without(denied, (N::Write, C::AccessDeniedWrite), "Storage Blob Data Contributor").await;
}

#[tokio::test]
async fn azure__application__access_denied_delete() {
    let denied = &[Asked::Delete];
    application_without(denied, (N::Delete, C::AccessDeniedDelete), "Storage Blob Data Contributor").await;
}

#[tokio::test]
async fn azure__application__access_denied_read() {
    application_without(&[Asked::Read], (N::Read, C::AccessDeniedRead), "Storage Blob Data Reader").await;
}

#[tokio::test]
async fn azure__application__tls_failed__plain_http() {
    let target = at(Endpoint::parse("http://blob.core.windows.net").unwrap(), APPLICATION);
    tells(&target, &private(), (N::Tls, C::TlsFailed), "https").await;
}

#[tokio::test]
async fn azure__application__provider_throttled() {
    entra_meets(Fault::Answer(Answer::too_many_requests(1)), C::ProviderThrottled, "Try again later").await;
}

#[tokio::test]
async fn azure__application__provider_error__garbage() {
    entra_meets(Fault::Answer(Answer::html_page()), C::ProviderError, "Try again").await;
}

#[tokio::test]
async fn azure__application__connect_timeout() {
    entra_meets(Fault::StallBeforeHeaders, C::ConnectTimeout, "Microsoft Entra").await;
}
