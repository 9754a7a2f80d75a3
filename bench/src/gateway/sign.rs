//! AWS Signature Version 4 in the `Authorization` header, as clients send it.

use std::cell::RefCell;
use std::collections::HashMap;

use bucketry_model::hex;
use bucketry_model::time::{Clock as _, SystemClock};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::Result;

/// How the signature covers the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadHash {
    /// Not at all: `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// By its SHA-256, which the server has to verify.
    Signed,
}

/// A key pair, and the host that requests are signed for.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) host: String,
    made: RefCell<SignedRequest>,
}

/// The headers of the current second. Equal requests within a second have equal signatures, so that the load
/// generator needs little CPU.
#[derive(Debug, Clone, Default)]
struct SignedRequest {
    second: i64,
    by_request: HashMap<(Method, String, String), HeaderMap>,
}

impl Signer {
    pub(crate) fn new(key: String, secret: String, host: String) -> Self {
        Self { key, secret, host, made: RefCell::default() }
    }

    /// The headers of a request. The path must need no escaping, and a query must be in canonical form.
    pub(crate) fn sign(&self, method: &Method, target: &str, payload: &str) -> Result<HeaderMap> {
        let mut made = self.made.borrow_mut();
        let second = SystemClock.now().as_second();
        if made.second != second {
            *made = SignedRequest { second, ..SignedRequest::default() };
        }
        let request = (method.clone(), target.to_owned(), payload.to_owned());
        if let Some(headers) = made.by_request.get(&request) {
            return Ok(headers.clone());
        }
        let headers = self.signed(method, target, payload)?;
        made.by_request.insert(request, headers.clone());
        Ok(headers)
    }

    fn signed(&self, method: &Method, target: &str, payload: &str) -> Result<HeaderMap> {
        let now = SystemClock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = &now[..8];
        let signed = "host;x-amz-content-sha256;x-amz-date";
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{}\nx-amz-content-sha256:{payload}\nx-amz-date:{now}\n\n{signed}\n{payload}",
            self.host
        );
        let scope = format!("{date}/us-east-1/s3/aws4_request");
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{now}\n{scope}\n{}",
            hex::encode(digest(&SHA256, canonical.as_bytes()).as_ref())
        );
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [date, "us-east-1", "s3", "aws4_request"] {
            key = mac(&key, part);
        }
        let signature = hex::encode(&mac(&key, &to_sign));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            self.key
        );
        let mut headers = HeaderMap::new();
        let named = [("host", &self.host), ("x-amz-date", &now), ("authorization", &authorization)];
        for (name, value) in named {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        }
        headers.insert("x-amz-content-sha256", HeaderValue::from_str(payload)?);
        Ok(headers)
    }
}

/// The value of `x-amz-content-sha256`.
pub(crate) fn payload_hash(how: PayloadHash, content: &[u8]) -> String {
    match how {
        PayloadHash::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
        PayloadHash::Signed => hex::encode(digest(&SHA256, content).as_ref()),
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}
