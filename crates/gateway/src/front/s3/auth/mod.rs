//! Authentication with AWS Signature Version 4 ("Authenticating Requests" in the Amazon S3 API reference), in the
//! `Authorization` header or in the query of a presigned URL.
//!
//! The same rules apply to both. `host` and every `x-amz-*` header must be signed, so that nobody on the way can
//! add a header that changes the request. Comparisons take constant time. A request with an unknown key costs the
//! same work as any other and is refused at the same step.
//!
//! As in S3, the codes differ (`InvalidAccessKeyId`, `SignatureDoesNotMatch`), so they reveal whether a key id
//! exists. A key id is no secret: it is sent in plain text, too long to guess, and useless without its secret.
//! Clients with a mistyped or revoked key benefit from the precise code.

mod authorization;
mod canonical;
mod chunks;
mod credential;
mod declared;
mod form;
mod headers;
mod keys;
mod presigned;
mod proxy_change;
mod remembered;
mod signed_headers;
mod window;

use std::sync::Arc;

use bucketry_model::secret::Secret;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use ring::hmac;

use authorization::Authorization;
use canonical::CanonicalQuery;
pub(crate) use chunks::ChunkSignatures;
use credential::SignatureCredential;
pub(crate) use declared::Declared;
pub use form::FormSignature;
use headers::SignatureHeaders;
use presigned::{Presigned, QueryForm};
use proxy_change::reported_changes;
pub use remembered::RememberedAuthorization;
use signed_headers::SignedHeaders;
use window::SignatureTime;

use crate::credential::SigningSecret;
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::headers::X_AMZ_CONTENT_SHA256;

/// Finds access keys by their id.
pub trait KeySource {
    /// A key. Cheap to clone, for instance an `Arc`.
    type Key: AccessKey;

    /// The key with this access key id. `None` if there is none now.
    fn find(&self, access_key_id: &str) -> Option<Self::Key>;
}

/// An access key as the verifier needs it.
pub trait AccessKey {
    /// The secret that requests are signed with.
    fn signing_secret(&self) -> &SigningSecret;
}

impl<T: AccessKey + ?Sized> AccessKey for Arc<T> {
    fn signing_secret(&self) -> &SigningSecret {
        (**self).signing_secret()
    }
}

/// A verified request: the key, and what the signature says about the payload.
#[derive(Debug)]
pub struct Verified<K> {
    /// The key that signed the request.
    pub key: K,
    /// Whether the request is a presigned URL, which anyone who has it can use.
    pub presigned: bool,
    /// How the payload is protected.
    pub(crate) declared: Declared,
    /// Checks the signatures of the chunks. `None` for payloads without them.
    pub(crate) chunks: Option<ChunkSignatures>,
}

impl<K> Verified<K> {
    /// The key, and the rest.
    pub(crate) fn split(self) -> (K, Verified<()>) {
        let Self { key, presigned, declared, chunks } = self;
        (key, Verified { key: (), presigned, declared, chunks })
    }
}

/// Verifies signatures. One verifier serves all requests of a process.
#[derive(Debug)]
pub struct Verifier {
    /// Requests with unknown keys are checked against this, so that they take as long as others.
    nobody: SigningSecret,
}

/// The head of a request whose signature is verified.
struct SigningHead<'a> {
    request: &'a Parts,
    headers: SignatureHeaders<'a>,
    query: &'a CanonicalQuery,
}

/// The signature of a request, from the header or the query.
struct Claim<'a> {
    credential: SignatureCredential<'a>,
    signed_headers: SignedHeaders<'a>,
    time: &'a SignatureTime,
    signature: [u8; 32],
}

impl Verifier {
    /// Creates a verifier without cached state.
    pub fn new() -> Self {
        Self { nobody: SigningSecret::new(Secret::new("")) }
    }

    /// Finds the key that signed the request, or refuses the request. Doesn't read the body and doesn't wait.
    pub fn verify<S: KeySource + ?Sized>(
        &self,
        request: &Parts,
        keys: &S,
        now: Timestamp,
    ) -> Result<Verified<S::Key>> {
        self.verify_next(request, keys, now, &RememberedAuthorization::default())
    }

    /// Like [`Self::verify`], for a request on a connection that may have carried others. What is remembered of them
    /// saves parsing. It decides nothing: keys are looked up and signatures calculated for each request.
    pub fn verify_next<S: KeySource + ?Sized>(
        &self,
        request: &Parts,
        keys: &S,
        now: Timestamp,
        remembered: &RememberedAuthorization,
    ) -> Result<Verified<S::Key>> {
        let query = CanonicalQuery::of(request.uri.query().unwrap_or_default());
        let signing = SigningHead { request, headers: SignatureHeaders::of(&request.headers), query: &query };
        match (signing.headers.authorization.value(&AUTHORIZATION)?, presigned::form(&query)) {
            (None, QueryForm::None) => Err(anonymous()),
            (Some(header), QueryForm::Version2 | QueryForm::Version4) => {
                visible(header, &AUTHORIZATION)?;
                Err(S3Error::new(
                    Code::InvalidArgument,
                    "Only one authentication mechanism is allowed: the Authorization header, or the parameters of a \
                     presigned URL.",
                ))
            }
            (None, QueryForm::Version2) => Err(authorization::version_2()),
            (Some(header), QueryForm::None) => self.by_header(&signing, header, keys, now, remembered),
            (None, QueryForm::Version4) => self.by_query(&signing, keys, now),
        }
    }

    fn by_header<S: KeySource + ?Sized>(
        &self,
        signing: &SigningHead<'_>,
        header: &HeaderValue,
        keys: &S,
        now: Timestamp,
        remembered: &RememberedAuthorization,
    ) -> Result<Verified<S::Key>> {
        let mut remembered = remembered.lock();
        let Authorization { credential, signed_headers, signature } = remembered.parse(header)?;
        let (time, time_header) = SignatureTime::of_headers(&signing.headers)?;
        if !signed_headers.contains(time_header) {
            return Err(not_signed(&[time_header]));
        }
        if credential.date != time.date() {
            return Err(S3Error::new(
                Code::AuthorizationHeaderMalformed,
                "The authorization header is malformed: the date of the credential is not that of the request.",
            ));
        }
        time.check_now(now)?;
        let Some(content) = signing.headers.content_sha256.text(&X_AMZ_CONTENT_SHA256)? else {
            return Err(S3Error::new(
                Code::InvalidRequest,
                "Missing required header for this request: x-amz-content-sha256.",
            ));
        };
        let claim = Claim { credential, signed_headers, time: &time, signature };
        self.check(signing, &claim, content, false, keys)
    }

    fn by_query<S: KeySource + ?Sized>(
        &self,
        signing: &SigningHead<'_>,
        keys: &S,
        now: Timestamp,
    ) -> Result<Verified<S::Key>> {
        let presigned = Presigned::parse(signing.query)?;
        let credential = presigned.credential()?;
        if credential.date != presigned.time.date() {
            return Err(S3Error::new(
                Code::AuthorizationQueryParametersError,
                "The presigned URL is malformed: the date of the credential is not that of 'X-Amz-Date'.",
            ));
        }
        presigned.time.check_lifetime(presigned.lifetime, now)?;
        let content = match &presigned.content {
            Some(content) => content,
            None => signing.headers.content_sha256.text(&X_AMZ_CONTENT_SHA256)?.unwrap_or(Declared::UNSIGNED),
        };
        let claim = Claim {
            credential,
            signed_headers: presigned.signed_headers()?,
            time: &presigned.time,
            signature: presigned.signature,
        };
        self.check(signing, &claim, content, true, keys)
    }

    fn check<S: KeySource + ?Sized>(
        &self,
        signing: &SigningHead<'_>,
        claim: &Claim<'_>,
        content: &str,
        presigned: bool,
        keys: &S,
    ) -> Result<Verified<S::Key>> {
        let SigningHead { request, headers, query } = signing;
        if headers.has_session_token {
            return Err(session_token());
        }
        if headers.host.is_repeated() {
            return Err(S3Error::new(Code::InvalidRequest, "The request has more than one Host header."));
        }
        let unsigned = canonical::unsigned_amazon_headers(&request.headers, &claim.signed_headers);
        if !unsigned.is_empty() {
            return Err(not_signed(&unsigned));
        }
        let declared = Declared::parse(content)?;
        let canonical =
            canonical::request(request, headers, query, &claim.signed_headers, content).map_err(|missing| {
                S3Error::new(
                    Code::SignatureDoesNotMatch,
                    format!(
                        "The header '{missing}' was signed but is missing in the request. A proxy may have removed it."
                    ),
                )
            })?;
        let (time, scope) = (claim.time.text(), claim.credential.scope);
        let text = canonical::string_to_sign(time, scope, canonical);

        let found = keys.find(claim.credential.access_key_id);
        let secret = found.as_ref().map_or(&self.nobody, AccessKey::signing_secret);
        let key = secret.signing_key(claim.credential.date, claim.credential.region);
        // In constant time.
        let matches = hmac::verify(&key, &text, &claim.signature).is_ok();
        match found {
            Some(found) if matches => Ok(Verified {
                key: found,
                presigned,
                declared,
                chunks: declared
                    .has_signed_chunks()
                    .then(|| ChunkSignatures::new(key, [time, "\n", scope].concat(), claim.signature)),
            }),
            Some(_) => Err(wrong_signature(signing, claim, content, &key)),
            None => Err(unknown_key()),
        }
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

/// The value of a header that may appear at most once and must be ASCII.
pub(crate) fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(repeated(name));
    }
    visible(value, name).map(Some)
}

fn visible<'a>(value: &'a HeaderValue, name: &HeaderName) -> Result<&'a str> {
    value.to_str().map_err(|_| {
        S3Error::new(Code::InvalidArgument, format!("The header '{name}' must be visible ASCII."))
    })
}

fn repeated(name: &HeaderName) -> S3Error {
    S3Error::new(
        Code::InvalidArgument,
        format!("The header '{name}' is present more than once. Send it once."),
    )
}

/// Splits a text at the first occurrence of an ASCII character.
fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let (before, rest) = text.split_at_checked(memchr::memchr(at, text.as_bytes())?)?;
    Some((before, rest.get(1..)?))
}

/// The parts of a text between occurrences of an ASCII character.
fn parts(text: &str, between: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, others) = cut(text, between).map_or((text, None), |(part, others)| (part, Some(others)));
        rest = others;
        Some(part)
    })
}

fn anonymous() -> S3Error {
    S3Error::new(
        Code::AccessDenied,
        "The request is not signed, and anonymous access is not supported. Sign with a repository key (AWS Signature \
         Version 4), or use a presigned URL or a form with a signed policy.",
    )
}

fn session_token() -> S3Error {
    S3Error::new(
        Code::InvalidToken,
        "The request has a session token, but repository keys have none. Remove it from the client's settings \
         (AWS_SESSION_TOKEN, aws_session_token).",
    )
}

fn not_signed(names: &[&str]) -> S3Error {
    S3Error::new(
        Code::AccessDenied,
        format!("There were headers present in the request which were not signed: {}.", names.join(", ")),
    )
}

fn unknown_key() -> S3Error {
    S3Error::new(
        Code::InvalidAccessKeyId,
        "The access key id you provided does not exist here or was revoked. Use the access key id of a repository \
         key.",
    )
}

fn wrong_signature(signing: &SigningHead<'_>, claim: &Claim<'_>, content: &str, key: &hmac::Key) -> S3Error {
    let SigningHead { request, headers, query } = signing;
    let is_signed = |before: &Parts| {
        let headers = SignatureHeaders::of(&before.headers);
        let canonical = canonical::request(before, &headers, query, &claim.signed_headers, content);
        canonical.is_ok_and(|canonical| {
            let text = canonical::string_to_sign(claim.time.text(), claim.credential.scope, canonical);
            hmac::verify(key, &text, &claim.signature).is_ok()
        })
    };
    if let Some(change) = reported_changes(request).find(|change| is_signed(&change.before)) {
        let explanation = change.explanation;
        let message = format!(
            "The request signature we calculated does not match the signature you provided. {explanation}."
        );
        return S3Error::new(Code::SignatureDoesNotMatch, message);
    }
    let host = canonical::host(request, headers).unwrap_or_default();
    S3Error::new(
        Code::SignatureDoesNotMatch,
        format!(
            "The request signature we calculated does not match the signature you provided. Check the secret access \
             key. If it is correct, a proxy may have changed the request: it arrived with the host '{}' and the path \
             '{}'.",
            host.escape_ascii(),
            request.uri.path()
        ),
    )
}
