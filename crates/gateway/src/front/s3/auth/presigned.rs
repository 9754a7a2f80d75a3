//! Parses presigned URLs ("Authenticating Requests: Using Query Parameters"). `window` checks their expiry.

use percent_encoding::percent_decode;

use super::canonical::{CanonicalQuery, SIGNATURE_PARAMETER};
use super::credential::SignatureCredential;
use super::signed_headers::SignedHeaders;
use super::window::{Lifetime, SignatureTime};
use crate::front::s3::error::{Code, Result, S3Error};
use bucketry_model::hex;

/// The parsed parameters.
#[derive(Debug)]
pub(super) struct Presigned {
    credential: String,
    signed_headers: String,
    pub(super) time: SignatureTime,
    pub(super) lifetime: Lifetime,
    pub(super) signature: [u8; 32],
    /// The `X-Amz-Content-Sha256` parameter. If it is missing, the payload isn't signed.
    pub(super) content: Option<String>,
}

/// Whether and how the query is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryForm {
    /// The query isn't signed.
    None,
    /// A presigned URL.
    Version4,
    /// A presigned URL of Signature Version 2.
    Version2,
}

/// Determines the form from the names of the parameters.
pub(super) fn form(query: &CanonicalQuery) -> QueryForm {
    let mut form = QueryForm::None;
    for (name, _) in query.iter() {
        match name {
            b"X-Amz-Algorithm" | b"X-Amz-Credential" | b"X-Amz-Signature" => return QueryForm::Version4,
            b"AWSAccessKeyId" | b"Signature" => form = QueryForm::Version2,
            _ => {}
        }
    }
    form
}

impl Presigned {
    pub(super) fn parse(query: &CanonicalQuery) -> Result<Self> {
        let [mut algorithm, mut credential, mut date, mut expires, mut headers, mut signature, mut content] =
            [const { None }; 7];
        for (name, value) in query.iter() {
            let slot = match name {
                b"X-Amz-Algorithm" => &mut algorithm,
                b"X-Amz-Credential" => &mut credential,
                b"X-Amz-Date" => &mut date,
                b"X-Amz-Expires" => &mut expires,
                b"X-Amz-SignedHeaders" => &mut headers,
                b"X-Amz-Signature" => &mut signature,
                name if name.eq_ignore_ascii_case(b"X-Amz-Content-Sha256") => &mut content,
                name if name.eq_ignore_ascii_case(b"X-Amz-Security-Token") => {
                    return Err(super::session_token());
                }
                _ => continue,
            };
            let value = percent_decode(value).decode_utf8();
            let value = value.map_err(|_| malformed("a parameter isn't UTF-8"))?.into_owned();
            if slot.replace(value).is_some() {
                return Err(malformed("a parameter appears twice"));
            }
        }
        let need = |value: Option<String>, name: &str| {
            value.ok_or_else(|| malformed(&format!("'{name}' is missing")))
        };
        if need(algorithm, "X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" {
            return Err(malformed("'X-Amz-Algorithm' must be AWS4-HMAC-SHA256"));
        }
        Ok(Self {
            credential: need(credential, "X-Amz-Credential")?,
            signed_headers: need(headers, "X-Amz-SignedHeaders")?,
            time: SignatureTime::parse(&need(date, "X-Amz-Date")?)
                .ok_or_else(|| malformed("'X-Amz-Date' must be YYYYMMDDThhmmssZ"))?,
            lifetime: Lifetime::parse(&need(expires, "X-Amz-Expires")?).ok_or_else(|| {
                malformed("'X-Amz-Expires' must be a number of seconds, at most 604800 (a week)")
            })?,
            signature: hex::decode_32(need(signature, SIGNATURE_PARAMETER)?.as_bytes())
                .ok_or_else(|| malformed("'X-Amz-Signature' must be 64 lower-case hexadecimal digits"))?,
            content,
        })
    }

    pub(super) fn credential(&self) -> Result<SignatureCredential<'_>> {
        SignatureCredential::parse(&self.credential).map_err(malformed)
    }

    pub(super) fn signed_headers(&self) -> Result<SignedHeaders<'_>> {
        SignedHeaders::parse(&self.signed_headers).map_err(malformed)
    }
}

fn malformed(what: &str) -> S3Error {
    S3Error::new(Code::AuthorizationQueryParametersError, format!("The presigned URL is malformed: {what}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20130524%2Fauto%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";

    fn parse(text: &str) -> Result<Presigned> {
        let presigned = Presigned::parse(&CanonicalQuery::of(text))?;
        presigned.credential()?;
        presigned.signed_headers()?;
        Ok(presigned)
    }

    #[test]
    fn a_presigned_url_is_read() {
        let read = parse(FINE).unwrap();
        assert_eq!(read.credential().unwrap().access_key_id, "AKID");
        assert_eq!(read.content, None);
        let hoisted = parse(&format!("{FINE}&x-amz-content-sha256=UNSIGNED-PAYLOAD")).unwrap();
        assert_eq!(hoisted.content.as_deref(), Some("UNSIGNED-PAYLOAD"));
    }

    #[test]
    fn each_parameter_is_needed_once() {
        for part in FINE.split('&') {
            let without: Vec<&str> = FINE.split('&').filter(|other| other != &part).collect();
            for wrong in [without.join("&"), format!("{FINE}&{part}")] {
                let error = parse(&wrong).unwrap_err();
                assert_eq!(error.code, Code::AuthorizationQueryParametersError, "{wrong}");
            }
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        for (from, to) in [
            ("HMAC-SHA256", "ECDSA-P256-SHA256"),
            ("86400", "604801"),
            ("86400", "-1"),
            ("20130524T000000Z", "now"),
            ("=host", "=range"),
            ("%2Fs3%2F", "%2Fsts%2F"),
            ("f0e8", "%FF"),
        ] {
            let error = parse(&FINE.replace(from, to)).unwrap_err();
            assert_eq!(error.code, Code::AuthorizationQueryParametersError, "{to}");
        }
    }

    #[test]
    fn the_form_is_seen_however_its_names_are_escaped() {
        let form_of = |text| form(&CanonicalQuery::of(text));
        assert_eq!(form_of("prefix=a&X%2DAmz%2dSignature=1"), QueryForm::Version4);
        assert_eq!(form_of("AWSAccessKeyId=A&Expires=1&Signature=x"), QueryForm::Version2);
        assert_eq!(form_of("Signature=x&X-Amz-Algorithm=y"), QueryForm::Version4);
        assert_eq!(form_of("x-amz-signature=1&prefix=Signature"), QueryForm::None);
    }
}
