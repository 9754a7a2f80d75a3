//! Writes the head of a request without a body: signed, and exactly as it is sent.
//!
//! A GET is the most frequent request. Without a map of headers and a URL that would be taken apart again, its head
//! takes a third of the instructions.

use http::{HeaderMap, HeaderValue};

use crate::error::ProviderError;
use crate::sigv4::{
    CredentialScope, Credentials, Field, SigningKeys, SigningTarget, push_authorization, signing_fields,
};

/// The access key has characters that no header may contain.
pub(super) fn key_not_sendable() -> ProviderError {
    ProviderError::InvalidRequest("the access key has characters not allowed in headers")
}

/// The longest target that is sent, as for other requests.
const LONGEST_TARGET: usize = u16::MAX as usize - 1;
/// A head of usual length. A longer one makes its buffer grow.
const USUAL_HEAD: usize = 1024;

/// Writes the head of a request for `target`, with these headers. It is signed if `signing` has the credentials;
/// `unsigned` are added without being signed.
pub(super) fn write(
    target: &SigningTarget<'_>,
    host: &HeaderValue,
    headers: &HeaderMap,
    unsigned: &[Field<'_>],
    signing: Option<(&Credentials, &SigningKeys, &CredentialScope<'_>)>,
) -> Result<Vec<u8>, ProviderError> {
    check(target)?;
    let mut fields: Vec<Field<'_>> = Vec::with_capacity(headers.len() + 4);
    fields.push(("host", host.as_bytes()));
    if let Some((credentials, _, scope)) = &signing {
        fields.extend(signing_fields(credentials, scope));
    }
    if !headers.is_empty() {
        fields.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        fields.sort_by_key(|(name, _)| *name);
    }
    // Everything else in it is ours.
    if signing
        .is_some_and(|(credentials, ..)| !has_only(&credentials.key, |byte| byte >= b' ' && byte != 0x7f))
    {
        return Err(key_not_sendable());
    }
    let mut head = Vec::with_capacity(USUAL_HEAD);
    for part in [target.method, " ", target.path] {
        head.extend_from_slice(part.as_bytes());
    }
    if !target.query.is_empty() {
        head.push(b'?');
        head.extend_from_slice(target.query.as_bytes());
    }
    head.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in fields.iter().chain(unsigned) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    if let Some((credentials, keys, scope)) = signing {
        head.extend_from_slice(b"authorization: ");
        push_authorization(&mut head, &fields, target, credentials, keys, scope);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}

/// Keys are escaped, so nothing in a target can end the request line. This is checked all the same, where it would
/// matter.
fn check(target: &SigningTarget<'_>) -> Result<(), ProviderError> {
    if target.path.len() + target.query.len() > LONGEST_TARGET {
        return Err(ProviderError::InvalidRequest("the key is too long for a URL"));
    }
    if has_only(target.path, |byte| byte.is_ascii_graphic())
        && has_only(target.query, |byte| byte.is_ascii_graphic())
    {
        return Ok(());
    }
    Err(ProviderError::InvalidRequest("the address is not a valid URL"))
}

/// Whether all bytes are accepted. Looks at all of them, so that the compiler can look at many at once.
fn has_only(text: &str, accepts: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & accepts(byte))
}

#[cfg(test)]
mod tests {
    use bucketry_model::secret::Secret;
    use http::header::{RANGE, USER_AGENT};
    use jiff::Timestamp;

    use super::*;
    use crate::sigv4::{EMPTY_SHA256, sign};

    fn host() -> HeaderValue {
        HeaderValue::from_static("photos.example")
    }

    fn target<'a>(path: &'a str, query: &'a str) -> SigningTarget<'a> {
        SigningTarget { method: "GET", path, query, payload: EMPTY_SHA256 }
    }

    #[test]
    fn a_head_has_the_headers_and_the_signature_that_a_request_would_have() {
        let keys = SigningKeys::new();
        let scope = CredentialScope::new("eu-west-1", "s3", Timestamp::UNIX_EPOCH);
        let plain = Credentials::new("AKID", Secret::new("secret"));
        let temporary = Credentials::new("ASIA", Secret::new("secret"));
        let temporary = temporary.with_session(&Secret::new("token"), None).unwrap();
        for credentials in [plain, temporary] {
            for passed in [&[][..], &[(RANGE, "bytes=0-9"), (USER_AGENT, "me")][..]] {
                let target = target("/a%20b", "versionId=1");
                let passed: HeaderMap = passed
                    .iter()
                    .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
                    .collect();
                let head =
                    write(&target, &host(), &passed, &[], Some((&credentials, &keys, &scope))).unwrap();
                let mut expected = passed.clone();
                expected.insert("host", host());
                sign(&mut expected, &target, &credentials, &keys, &scope).unwrap();

                let head = String::from_utf8(head).unwrap();
                let (line, rest) = head.split_once("\r\n").unwrap();
                assert_eq!(line, "GET /a%20b?versionId=1 HTTP/1.1");
                let sent: HeaderMap = rest
                    .trim_end()
                    .lines()
                    .map(|line| line.split_once(": ").unwrap())
                    .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
                    .collect::<Vec<(http::HeaderName, _)>>()
                    .into_iter()
                    .collect();
                assert_eq!(sent, expected);
                assert!(head.ends_with("\r\n\r\n"));
                assert_eq!(head.matches("\r\n\r\n").count(), 1);
            }
        }
    }

    #[test]
    fn a_head_without_credentials_is_not_signed() {
        let head = write(&target("/", ""), &host(), &HeaderMap::new(), &[], None).unwrap();
        assert_eq!(head, b"GET / HTTP/1.1\r\nhost: photos.example\r\n\r\n");
    }

    #[test]
    fn what_changes_on_the_way_is_sent_and_not_signed() {
        let keys = SigningKeys::new();
        let scope = CredentialScope::new("auto", "s3", Timestamp::UNIX_EPOCH);
        let credentials = Credentials::new("GOOG1", Secret::new("secret"));
        let written = |unsigned: &[Field<'_>]| {
            let signing = Some((&credentials, &keys, &scope));
            let head = write(&target("/a", ""), &host(), &HeaderMap::new(), unsigned, signing).unwrap();
            String::from_utf8(head).unwrap()
        };
        let with = written(&[("accept-encoding", b"gzip")]);
        assert_eq!(with.replace("accept-encoding: gzip\r\n", ""), written(&[]));
        assert_ne!(with, written(&[]));
    }

    #[test]
    fn nothing_can_end_a_line_early() {
        let keys = SigningKeys::new();
        let scope = CredentialScope::new("eu-west-1", "s3", Timestamp::UNIX_EPOCH);
        for key in ["a\r\nx: y", "a\nb", "a\0b"] {
            let credentials = Credentials::new(key, Secret::new("secret"));
            let signing = Some((&credentials, &keys, &scope));
            assert!(write(&target("/", ""), &host(), &HeaderMap::new(), &[], signing).is_err(), "{key:?}");
        }
        for (path, query) in [("/a b", ""), ("/a\r\n", ""), ("/", "a=b c"), ("/", "a=\nb"), ("/ü", "")] {
            assert!(
                write(&target(path, query), &host(), &HeaderMap::new(), &[], None).is_err(),
                "{path:?} {query:?}"
            );
        }
        let long = "/".repeat(LONGEST_TARGET + 1);
        assert!(write(&target(&long, ""), &host(), &HeaderMap::new(), &[], None).is_err());
    }
}
