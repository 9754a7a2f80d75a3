//! AWS Signature Version 4 ("Authenticating Requests: Using the Authorization Header", Amazon S3 API reference).

use std::fmt;
use std::sync::Arc;

use bucketry_model::hex;
use bucketry_model::secret::Secret;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use jiff::Timestamp;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ring::{digest, hmac};

use crate::payload::sha256;

/// The SHA-256 of an empty payload.
pub(crate) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// Replaces the hash of a payload that isn't part of the signature.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

static X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
static X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

static X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// An access key and its secret, with a session token if the key is temporary.
pub(crate) struct Credentials {
    pub(crate) key: Box<str>,
    secret: Secret,
    fingerprint: [u8; 32],
    /// The session token. Sent with each request of a temporary key.
    token: Option<HeaderValue>,
    /// When a temporary key expires, if known.
    pub(crate) expires: Option<Timestamp>,
    /// The signing key that was used last. It is the one for today nearly always.
    latest: Mutex<Option<LatestKey>>,
}

struct LatestKey {
    date: [u8; 8],
    region: Box<str>,
    service: &'static str,
    key: Arc<hmac::Key>,
}

impl LatestKey {
    fn fits(&self, scope: &CredentialScope<'_>) -> bool {
        self.date == scope.date() && *self.region == *scope.region && self.service == scope.service
    }
}

impl Credentials {
    pub(crate) fn new(key: &str, secret: Secret) -> Self {
        let fingerprint = sha256(secret.expose().as_bytes());
        Self { key: key.into(), secret, fingerprint, token: None, expires: None, latest: Mutex::default() }
    }

    /// Whether both are the same access key with the same secret and session token.
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        self.key == other.key && self.fingerprint == other.fingerprint && self.token == other.token
    }

    /// Adds a session token and its expiry to these credentials. `None` if the token can't be sent.
    pub(crate) fn with_session(self, token: &Secret, expires: Option<Timestamp>) -> Option<Self> {
        let text = token.expose().trim();
        let mut token = HeaderValue::from_str(text)
            .ok()
            .filter(|_| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()))?;
        token.set_sensitive(true);
        Some(Self { token: Some(token), expires, ..self })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A cache of signing keys by hash of the secret, day, region and service. Deriving a key takes four HMACs, more
/// than the rest of a signature. Limited in size; an evicted key is derived again.
pub(crate) struct SigningKeys(Cache<KeyId, Arc<hmac::Key>>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct KeyId {
    fingerprint: [u8; 32],
    date: [u8; 8],
    region: Box<str>,
    service: &'static str,
}

const CACHED_KEYS: usize = 4_096;

impl SigningKeys {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CACHED_KEYS))
    }

    fn get(&self, credentials: &Credentials, scope: &CredentialScope<'_>) -> Arc<hmac::Key> {
        if let Some(latest) = &*credentials.latest.lock()
            && latest.fits(scope)
        {
            return Arc::clone(&latest.key);
        }
        let key = self.cached(credentials, scope);
        *credentials.latest.lock() = Some(LatestKey {
            date: scope.date(),
            region: scope.region.into(),
            service: scope.service,
            key: Arc::clone(&key),
        });
        key
    }

    fn cached(&self, credentials: &Credentials, scope: &CredentialScope<'_>) -> Arc<hmac::Key> {
        let id = KeyId {
            fingerprint: credentials.fingerprint,
            date: scope.date(),
            region: scope.region.into(),
            service: scope.service,
        };
        if let Some(key) = self.0.get(&id) {
            return key;
        }
        let key = Arc::new(derive(credentials.secret.expose(), scope));
        self.0.insert(id, Arc::clone(&key));
        key
    }
}

/// The region, service and time for which a signature is valid.
pub(crate) struct CredentialScope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'static str,
    /// The time in the form `YYYYMMDDThhmmssZ`.
    time: [u8; 16],
}

impl<'a> CredentialScope<'a> {
    pub(crate) fn new(region: &'a str, service: &'static str, now: Timestamp) -> Self {
        Self { region, service, time: basic_time(now) }
    }

    fn time(&self) -> &str {
        std::str::from_utf8(&self.time).unwrap_or_default()
    }

    fn date(&self) -> [u8; 8] {
        let mut date = [0; 8];
        date.copy_from_slice(&self.time[..8]);
        date
    }

    /// Appends the scope, such as `20130524/us-east-1/s3/aws4_request`.
    fn push_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.time[..8]);
        for part in ["/", self.region, "/", self.service, "/aws4_request"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// Formats a time in ISO 8601 basic format. Hand-written for speed, because every request needs it.
fn basic_time(now: Timestamp) -> [u8; 16] {
    let utc = jiff::tz::Offset::UTC.to_datetime(now);
    let mut text = *b"YYYYMMDDThhmmssZ";
    let mut put = |at: usize, digits: usize, value: i32| {
        let mut rest = value.unsigned_abs();
        for position in (at..at + digits).rev() {
            text[position] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
    };
    put(0, 4, utc.year().into());
    put(4, 2, utc.month().into());
    put(6, 2, utc.day().into());
    put(9, 2, utc.hour().into());
    put(11, 2, utc.minute().into());
    put(13, 2, utc.second().into());
    text
}

fn derive(secret: &str, scope: &CredentialScope<'_>) -> hmac::Key {
    let mut key = zeroize::Zeroizing::new(Vec::with_capacity(secret.len() + 4));
    key.extend_from_slice(b"AWS4");
    key.extend_from_slice(secret.as_bytes());
    let date = scope.date();
    let steps = [date.as_slice(), scope.region.as_bytes(), scope.service.as_bytes(), b"aws4_request"];
    steps.into_iter().fold(hmac::Key::new(hmac::HMAC_SHA256, &key), |key, step| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step).as_ref())
    })
}

/// The parts of a request that are signed in addition to the headers.
pub(crate) struct SigningTarget<'a> {
    pub(crate) method: &'a str,
    /// The path as it is sent, escaped once.
    pub(crate) path: &'a str,
    /// The canonical query, which is also the query that is sent.
    pub(crate) query: &'a str,
    /// The lower-case hexadecimal SHA-256 of the payload, or [`UNSIGNED_PAYLOAD`].
    pub(crate) payload: &'a str,
}

/// Adds the date, the payload hash and the signature. All headers are signed, except those that may change on the
/// way. `host` must be present.
pub(crate) fn sign(
    headers: &mut HeaderMap,
    target: &SigningTarget<'_>,
    credentials: &Credentials,
    keys: &SigningKeys,
    scope: &CredentialScope<'_>,
) -> Result<(), http::header::InvalidHeaderValue> {
    headers.insert(&X_AMZ_DATE, HeaderValue::from_str(scope.time())?);
    let payload = match target.payload {
        EMPTY_SHA256 => HeaderValue::from_static(EMPTY_SHA256),
        UNSIGNED_PAYLOAD => HeaderValue::from_static(UNSIGNED_PAYLOAD),
        hash => HeaderValue::from_str(hash)?,
    };
    headers.insert(&X_AMZ_CONTENT_SHA256, payload);
    if let Some(token) = &credentials.token {
        headers.insert(&X_AMZ_SECURITY_TOKEN, token.clone());
    }
    let mut fields: Vec<Field<'_>> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    let authorization = authorization(&fields, target, credentials, keys, scope);
    let mut authorization = HeaderValue::from_maybe_shared(Bytes::from(authorization))?;
    authorization.set_sensitive(true);
    headers.insert(AUTHORIZATION, authorization);
    Ok(())
}

/// The name and value of a header.
pub(crate) type Field<'a> = (&'a str, &'a [u8]);

/// The headers that signing adds to a request without a body, for one that is written without a [`HeaderMap`].
/// `host` and `authorization` are not among them.
pub(crate) fn signing_fields<'a>(
    credentials: &'a Credentials,
    scope: &'a CredentialScope<'_>,
) -> impl Iterator<Item = Field<'a>> {
    let token = credentials.token.as_ref().map(|token| (X_AMZ_SECURITY_TOKEN.as_str(), token.as_bytes()));
    [(X_AMZ_CONTENT_SHA256.as_str(), EMPTY_SHA256.as_bytes()), (X_AMZ_DATE.as_str(), scope.time.as_slice())]
        .into_iter()
        .chain(token)
}

/// The `Authorization` value. `fields` are the headers, sorted by name.
fn authorization(
    fields: &[Field<'_>],
    target: &SigningTarget<'_>,
    credentials: &Credentials,
    keys: &SigningKeys,
    scope: &CredentialScope<'_>,
) -> Vec<u8> {
    let mut value = Vec::with_capacity(USUAL_AUTHORIZATION);
    push_authorization(&mut value, fields, target, credentials, keys, scope);
    value
}

const USUAL_AUTHORIZATION: usize = 320;

/// Appends the `Authorization` value piece by piece in few buffers, because every request needs it. `fields` are
/// the headers, sorted by name.
pub(crate) fn push_authorization(
    out: &mut Vec<u8>,
    fields: &[Field<'_>],
    target: &SigningTarget<'_>,
    credentials: &Credentials,
    keys: &SigningKeys,
    scope: &CredentialScope<'_>,
) {
    let is_signed = |(name, _): &&Field<'_>| {
        *name != USER_AGENT.as_str() && *name != CONTENT_LENGTH.as_str() && *name != AUTHORIZATION.as_str()
    };
    let mut canonical = Vec::with_capacity(1024);
    for part in [target.method, target.path, target.query] {
        canonical.extend_from_slice(part.as_bytes());
        canonical.push(b'\n');
    }
    for (name, value) in fields.iter().filter(is_signed) {
        canonical.extend_from_slice(name.as_bytes());
        canonical.push(b':');
        push_canonical_value(&mut canonical, value);
        canonical.push(b'\n');
    }
    canonical.push(b'\n');
    let names_at = canonical.len();
    for (at, (name, _)) in fields.iter().filter(is_signed).enumerate() {
        if at > 0 {
            canonical.push(b';');
        }
        canonical.extend_from_slice(name.as_bytes());
    }
    let names = names_at..canonical.len();
    canonical.push(b'\n');
    canonical.extend_from_slice(target.payload.as_bytes());

    let hash = digest::digest(&digest::SHA256, &canonical);
    // The text to sign follows in the same buffer.
    let mut buffer = canonical;
    let to_sign_at = buffer.len();
    buffer.extend_from_slice(b"AWS4-HMAC-SHA256\n");
    buffer.extend_from_slice(&scope.time);
    buffer.push(b'\n');
    let scope_at = buffer.len();
    scope.push_text(&mut buffer);
    let scope_text = scope_at..buffer.len();
    buffer.push(b'\n');
    hex::append(&mut buffer, hash.as_ref());
    let signature = hmac::sign(&keys.get(credentials, scope), &buffer[to_sign_at..]);

    for part in [
        b"AWS4-HMAC-SHA256 Credential=",
        credentials.key.as_bytes(),
        b"/",
        &buffer[scope_text],
        b", SignedHeaders=",
        &buffer[names],
        b", Signature=",
    ] {
        out.extend_from_slice(part);
    }
    hex::append(out, signature.as_ref());
}

/// Appends a header value, trimmed and with runs of spaces collapsed.
fn push_canonical_value(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.trim_ascii();
    if !value.contains(&b' ') {
        out.extend_from_slice(value);
        return;
    }
    let start = out.len();
    for byte in value {
        if !(*byte == b' ' && out.len() > start && out.last() == Some(&b' ')) {
            out.push(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = EMPTY_SHA256;

    fn signature(
        (key, secret): (&str, &str),
        service: &'static str,
        time: &str,
        target: &SigningTarget<'_>,
        headers: &[(&'static str, &str)],
    ) -> String {
        let credentials = Credentials::new(key, Secret::new(secret));
        let scope = CredentialScope::new("us-east-1", service, time.parse().unwrap());
        let mut fields: Vec<Field<'_>> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        fields.sort_unstable();
        let text = authorization(&fields, target, &credentials, &SigningKeys::new(), &scope);
        let text = String::from_utf8(text).unwrap();
        text.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// The published examples of the Amazon S3 API reference, "Signature Calculations for the Authorization Header:
    /// Transferring Payload in a Single Chunk".
    #[test]
    fn the_examples_of_the_s3_reference_are_reproduced() {
        let pair = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let host = ("host", "examplebucket.s3.amazonaws.com");
        let date = ("x-amz-date", "20130524T000000Z");
        let sign = |method, path, query, payload, extra: &[(&'static str, &str)]| {
            let mut headers = vec![host, date, ("x-amz-content-sha256", payload)];
            headers.extend_from_slice(extra);
            let target = SigningTarget { method, path, query, payload };
            signature(pair, "s3", "2013-05-24T00:00:00Z", &target, &headers)
        };
        assert_eq!(
            sign("GET", "/test.txt", "", EMPTY, &[("range", "bytes=0-9")]),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!(
            sign(
                "PUT",
                "/test%24file.text",
                "",
                "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            ),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            sign("GET", "/", "lifecycle=", EMPTY, &[]),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        assert_eq!(
            sign("GET", "/", "max-keys=2&prefix=J", EMPTY, &[]),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    /// Cases of the published "aws-sig-v4-test-suite".
    #[test]
    fn cases_of_the_signature_test_suite_are_reproduced() {
        let pair = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let base = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let sign = |method, query, headers: &[(&'static str, &str)]| {
            let target = SigningTarget { method, path: "/", query, payload: EMPTY };
            signature(pair, "service", "2015-08-30T12:36:00Z", &target, headers)
        };
        assert_eq!(
            sign("GET", "", &base),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            "get-vanilla"
        );
        assert_eq!(
            sign("GET", "Param1=value1&Param2=value2", &base),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            "get-vanilla-query-order-key-case"
        );
        assert_eq!(
            sign("GET", "", &[base[0], ("my-header1", "value1"), ("my-header2", "\"a   b   c\""), base[1]]),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            "get-header-value-trim"
        );
        assert_eq!(
            sign("POST", "", &base),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            "post-vanilla"
        );
    }

    #[test]
    fn signing_keys_are_kept_apart_by_secret_day_and_region() {
        let keys = SigningKeys::new();
        let day = |text: &str| text.parse::<Timestamp>().unwrap();
        let one = Credentials::new("k", Secret::new("one"));
        let other = Credentials::new("k", Secret::new("other"));
        let today = CredentialScope::new("us-east-1", "s3", day("2026-01-01T00:00:00Z"));
        let first = keys.get(&one, &today);
        assert!(Arc::ptr_eq(
            &first,
            &keys.get(&one, &CredentialScope::new("us-east-1", "s3", day("2026-01-01T23:59:59Z")))
        ));
        for (credentials, scope) in [
            (&other, today),
            (&one, CredentialScope::new("eu-west-1", "s3", day("2026-01-01T00:00:00Z"))),
            (&one, CredentialScope::new("us-east-1", "s3", day("2026-01-02T00:00:00Z"))),
            (&one, CredentialScope::new("us-east-1", "sts", day("2026-01-01T00:00:00Z"))),
        ] {
            assert!(!Arc::ptr_eq(&first, &keys.get(credentials, &scope)));
        }
    }

    #[test]
    fn the_signature_and_the_secret_stay_out_of_debug_output() {
        let credentials = Credentials::new("AKID", Secret::new("hunter2secret"));
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("h"));
        let target = SigningTarget { method: "GET", path: "/", query: "", payload: EMPTY };
        let scope = CredentialScope::new("us-east-1", "s3", Timestamp::UNIX_EPOCH);
        sign(&mut headers, &target, &credentials, &SigningKeys::new(), &scope).unwrap();
        assert_eq!(headers["x-amz-date"], "19700101T000000Z");
        assert!(!headers.contains_key("x-amz-security-token"));
        let credentials = credentials.with_session(&Secret::new("hunter2token"), None).unwrap();
        sign(&mut headers, &target, &credentials, &SigningKeys::new(), &scope).unwrap();
        assert!(headers[AUTHORIZATION].to_str().unwrap().contains(";x-amz-security-token,"));
        let shown = format!("{headers:?} {credentials:?}");
        assert!(!shown.contains("Signature=") && !shown.contains("hunter2"), "{shown}");
    }
}
