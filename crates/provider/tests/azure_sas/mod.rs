//! Shared access signatures and errors in Azure's own form.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_faults::Answer;
use bucketry_model::secret::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

use crate::azure_server::setting;

/// A container SAS as the portal creates it ("Create a service SAS", version 2020-12-06).
pub(crate) fn sas(container: &str, permissions: &str, expiry: &str, more: &[(&str, &str)]) -> Secret {
    let account = setting("BUCKETRY_TEST_AZURE_ACCOUNT");
    let version = "2020-12-06";
    let of = |name: &str| more.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value);
    let resource = format!("/blob/{account}/{container}");
    let to_sign = [
        permissions,
        "",
        expiry,
        &resource,
        "",
        of("sip"),
        of("spr"),
        version,
        "c",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ]
    .join("\n");
    let key = STANDARD.decode(setting("BUCKETRY_TEST_AZURE_KEY")).unwrap();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), to_sign.as_bytes());
    let mut query = format!("sv={version}&sr=c&sp={permissions}&se={}", expiry.replace(':', "%3A"));
    for (name, value) in more {
        query.extend(["&", name, "=", value]);
    }
    let signature = STANDARD.encode(signature);
    Secret::new(format!("{query}&sig={}", utf8_percent_encode(&signature, NON_ALPHANUMERIC)))
}

/// A time long after this test.
pub(crate) const LATER: &str = "2099-01-01T00:00:00Z";

/// An error in the service's own form.
pub(crate) fn azure_error(status: u16, code: &str) -> Answer {
    let document = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code>\
         <Message>text of the remote side</Message>\
         </Error>"
    );
    Answer::new(status)
        .header("content-type", "application/xml")
        .header("x-ms-request-id", "0")
        .header("x-ms-error-code", code)
        .body(&document)
}
