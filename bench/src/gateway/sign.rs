//! AWS Signature Version 4 in the `Authorization` header, as clients send it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_model::hex;
use bucketry_model::time::{Clock as _, SystemClock};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde_json::json;

use crate::Result;

/// How the signature covers the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadHash {
    /// Not at all: `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// By its SHA-256, which the server has to verify.
    Signed,
}

/// Where the signature is, and what else is in the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SignatureForm {
    /// In the header `Authorization`, with the three headers that every signature needs.
    #[default]
    Header,
    /// In the query.
    Presigned,
    /// In the header, with the other headers that boto3 sends.
    Sdk,
}

/// A request line's target and the headers.
#[derive(Debug, Clone)]
pub(crate) struct SignedHead {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
}

/// A key pair, and the host that requests are signed for.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) host: String,
    form: SignatureForm,
    made: RefCell<SignedRequest>,
}

/// The headers of the current second. Equal requests within a second have equal signatures, so that the load
/// generator needs little CPU.
#[derive(Debug, Clone, Default)]
struct SignedRequest {
    second: i64,
    by_request: HashMap<(Method, String, String), SignedHead>,
}

impl Signer {
    pub(crate) fn new(key: String, secret: String, host: String) -> Self {
        Self { key, secret, host, form: SignatureForm::Header, made: RefCell::default() }
    }

    /// The same key, with signatures in another form.
    pub(crate) fn in_form(self, form: SignatureForm) -> Self {
        Self { form, made: RefCell::default(), ..self }
    }

    /// The same key, for another host.
    pub(crate) fn for_host(self, host: &str) -> Self {
        Self { host: host.to_owned(), made: RefCell::default(), ..self }
    }

    /// The head of a request. The path must need no escaping, and a query must be in canonical form.
    pub(crate) fn sign(&self, method: &Method, target: &str, payload: &str) -> Result<SignedHead> {
        let mut made = self.made.borrow_mut();
        let now = SystemClock.now();
        if made.second != now.as_second() {
            *made = SignedRequest { second: now.as_second(), ..SignedRequest::default() };
        }
        let request = (method.clone(), target.to_owned(), payload.to_owned());
        if let Some(head) = made.by_request.get(&request) {
            return Ok(head.clone());
        }
        let now = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let head = match self.form {
            SignatureForm::Header => self.in_header(method, target, payload, &now, &[])?,
            SignatureForm::Sdk => {
                self.in_header(method, target, payload, &now, &[("x-amz-checksum-mode", "ENABLED")])?
            }
            SignatureForm::Presigned => self.presigned(method, target, &now)?,
        };
        made.by_request.insert(request, head.clone());
        Ok(head)
    }

    /// Signs in the header. `more` are further signed headers, whose names sort before the usual ones of Amazon.
    fn in_header(
        &self,
        method: &Method,
        target: &str,
        payload: &str,
        now: &str,
        more: &[(&'static str, &str)],
    ) -> Result<SignedHead> {
        let mut named = vec![("host", self.host.as_str())];
        named.extend_from_slice(more);
        named.extend([("x-amz-content-sha256", payload), ("x-amz-date", now)]);
        let signed = named.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut lines = String::new();
        for (name, value) in &named {
            lines.extend([*name, ":", *value, "\n"]);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}");
        let (scope, signature) = self.signature(&canonical, now);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            self.key
        );
        let mut headers = HeaderMap::new();
        for (name, value) in named {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        }
        headers.insert("authorization", HeaderValue::from_str(&authorization)?);
        if self.form == SignatureForm::Sdk {
            for (name, value) in [
                ("user-agent", "Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux lang/python#3.11.2"),
                ("accept-encoding", "identity"),
                ("amz-sdk-invocation-id", "c1f53fd5-8ab6-4d33-8a0e-2f4a7d1f3c55"),
                ("amz-sdk-request", "attempt=1"),
            ] {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
        }
        Ok(SignedHead { target: target.to_owned(), headers })
    }

    /// Signs in the query, as `generate_presigned_url` does. The target must have no query.
    fn presigned(&self, method: &Method, path: &str, now: &str) -> Result<SignedHead> {
        let credential = format!("{}/{}/us-east-1/s3/aws4_request", self.key, date(now)).replace('/', "%2F");
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={now}\
             &X-Amz-Expires=3600&X-Amz-SignedHeaders=host"
        );
        let canonical = format!("{method}\n{path}\n{query}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", self.host);
        let (_, signature) = self.signature(&canonical, now);
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(&self.host)?);
        Ok(SignedHead { target: format!("{path}?{query}&X-Amz-Signature={signature}"), headers })
    }

    /// The fields that sign a form, besides those that the conditions name. The policy is valid for an hour.
    pub(crate) fn form_fields(&self, conditions: &[(&str, &str)]) -> Result<Vec<(&'static str, String)>> {
        let now = SystemClock.now();
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = scope(&time);
        let mut fields = vec![
            ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("x-amz-credential", format!("{}/{scope}", self.key)),
            ("x-amz-date", time),
        ];
        let known = conditions.iter().map(|(name, value)| json!({ *name: value }));
        let conditions: Vec<_> =
            known.chain(fields.iter().map(|(name, value)| json!({ *name: value }))).collect();
        let expiration = now.checked_add(Duration::from_hours(1))?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let policy = json!({ "expiration": expiration, "conditions": conditions }).to_string();
        let policy = STANDARD.encode(policy);
        let signature = self.mac_in(&scope, &policy);
        fields.extend([("policy", policy), ("x-amz-signature", signature)]);
        Ok(fields)
    }

    /// The scope and the signature of a canonical request.
    fn signature(&self, canonical: &str, now: &str) -> (String, String) {
        let scope = scope(now);
        let hash = hex::encode(digest(&SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{hash}");
        let signature = self.mac_in(&scope, &to_sign);
        (scope, signature)
    }

    /// The signature of a text with the key of a scope.
    fn mac_in(&self, scope: &str, text: &str) -> String {
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in scope.split('/') {
            key = mac(&key, part);
        }
        hex::encode(&mac(&key, text))
    }
}

/// The scope of signatures at a time in the form of AWS.
fn scope(now: &str) -> String {
    format!("{}/us-east-1/s3/aws4_request", date(now))
}

/// The day of a time in the form of AWS.
fn date(now: &str) -> &str {
    now.split('T').next().unwrap_or(now)
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
