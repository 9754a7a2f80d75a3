//! The `Authorization` header of the last request on a connection.
//!
//! Requests on a connection usually come from one client, which sends the same credential and the same list of
//! signed headers each time. Comparing their text takes a fraction of the instructions of parsing it.

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use parking_lot::{Mutex, MutexGuard};

use super::authorization::Authorization;
use super::credential::SignatureCredential;
use super::signed_headers::SignedHeaders;
use super::visible;
use crate::front::s3::error::Result;
use bucketry_model::hex;

/// What a connection remembers of its last `Authorization` header. It is nothing but the result of parsing a text, so
/// it is always valid for the same text, whichever client sends it.
#[derive(Debug, Default)]
pub struct RememberedAuthorization(Mutex<LastAuthorization>);

impl RememberedAuthorization {
    pub(super) fn lock(&self) -> MutexGuard<'_, LastAuthorization> {
        self.0.lock()
    }
}

/// The last header, if there was one.
#[derive(Debug, Default)]
pub(super) struct LastAuthorization(Option<Box<ParsedText>>);

/// The parts of a header except the signature.
#[derive(Debug)]
struct ParsedText {
    /// The text up to the signature. `None` if the signature isn't the last part.
    before_signature: Option<Box<[u8]>>,
    access_key_id: Box<str>,
    scope: Box<str>,
    date: Box<str>,
    region: Box<str>,
    signed_headers: Box<str>,
    signed_names: Vec<HeaderName>,
}

impl LastAuthorization {
    /// Parses a header, or takes the last one if they differ only in the signature.
    pub(super) fn parse(&mut self, header: &HeaderValue) -> Result<Authorization<'_>> {
        let last = self.0.take().and_then(|last| {
            let signature = last.signature(header.as_bytes())?;
            Some((last, signature))
        });
        let (parsed, signature) = if let Some(known) = last {
            known
        } else {
            let text = visible(header, &AUTHORIZATION)?;
            let authorization = Authorization::parse(text)?;
            (Box::new(ParsedText::of(text, &authorization)), authorization.signature)
        };
        Ok(self.0.insert(parsed).authorization(signature))
    }
}

impl ParsedText {
    fn of(text: &str, authorization: &Authorization<'_>) -> Self {
        let Authorization { credential, signed_headers, signature } = authorization;
        // A text that ends like this ends with the signature: no other value can contain an equals sign there.
        let before_signature =
            text.strip_suffix(&hex::encode(signature)).filter(|before| before.ends_with("Signature="));
        Self {
            before_signature: before_signature.map(|text| text.as_bytes().into()),
            access_key_id: credential.access_key_id.into(),
            scope: credential.scope.into(),
            date: credential.date.into(),
            region: credential.region.into(),
            signed_headers: signed_headers.text().into(),
            signed_names: signed_headers.names().to_vec(),
        }
    }

    /// The signature of a header that is otherwise the same text.
    fn signature(&self, header: &[u8]) -> Option<[u8; 32]> {
        hex::decode_32(header.strip_prefix(self.before_signature.as_deref()?)?)
    }

    fn authorization(&self, signature: [u8; 32]) -> Authorization<'_> {
        Authorization {
            credential: SignatureCredential {
                access_key_id: &self.access_key_id,
                scope: &self.scope,
                date: &self.date,
                region: &self.region,
            },
            signed_headers: SignedHeaders::parsed(&self.signed_headers, &self.signed_names),
            signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: &str = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    const OTHER: &str = "aaaaaaaa7c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";

    fn header(key: &str, signed: &str, signature: &str) -> String {
        let credential = format!("{key}/20130524/auto/s3/aws4_request");
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}")
    }

    fn seen(authorization: &Authorization<'_>) -> String {
        let names: Vec<_> = authorization.signed_headers.names().iter().map(HeaderName::as_str).collect();
        format!(
            "{:?} {} {names:?} {:?}",
            authorization.credential,
            authorization.signed_headers.text(),
            authorization.signature
        )
    }

    #[test]
    fn what_is_remembered_is_what_would_have_been_parsed() {
        let mut last = LastAuthorization::default();
        let swapped = format!(
            "AWS4-HMAC-SHA256 SignedHeaders=host, Signature={FIRST}, Credential=A/20130524/auto/s3/aws4_request"
        );
        let misleading = |end: &str| {
            let credential = "A/20130524/auto/s3/aws4_request";
            format!("AWS4-HMAC-SHA256 Credential={credential}, Signature={FIRST}, SignedHeaders=host;{end}")
        };
        for text in [
            misleading(&format!("x{FIRST}")),
            misleading(&format!("x{OTHER}")),
            header("A", "host", FIRST),
            header("A", "host", OTHER),
            header("A", "host;range", OTHER),
            header("B", "host;range", OTHER),
            header("BB", "host;range", OTHER),
            swapped.clone(),
            swapped.replace("f0e8", "aaaa"),
            header("A", "host", FIRST) + " ",
            header("A", "host", FIRST),
            header("A", "host", &FIRST.to_uppercase()),
            header("A", "host", &FIRST[1..]),
            header("A", "host", &format!("{FIRST}0")),
            header("A", "host", ""),
            format!("{}, Signature={FIRST}", header("A", "host", FIRST)),
            header("A", "host", OTHER),
        ] {
            let value = HeaderValue::from_str(&text).unwrap();
            let remembered = last.parse(&value).as_ref().map(seen).map_err(|error| error.message.clone());
            let parsed = Authorization::parse(&text);
            assert_eq!(
                remembered,
                parsed.as_ref().map(seen).map_err(|error| error.message.clone()),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_damaged_header_is_read_as_if_it_were_the_first(at in 0_usize..180, byte in 0x20_u8..0x7f) {
            let mut last = LastAuthorization::default();
            let fine = header("AKID", "host;x-amz-date", FIRST);
            last.parse(&HeaderValue::from_str(&fine).unwrap()).unwrap();
            let mut damaged = fine.into_bytes();
            let at = at % damaged.len();
            damaged[at] = byte;
            let damaged = String::from_utf8(damaged).unwrap();
            let value = HeaderValue::from_str(&damaged).unwrap();
            let remembered = last.parse(&value).as_ref().map(seen).map_err(|error| error.code);
            let parsed = Authorization::parse(&damaged);
            prop_assert_eq!(remembered, parsed.as_ref().map(seen).map_err(|error| error.code));
        }
    }
}
