//! The `Authorization` header.

use super::credential::SignatureCredential;
use super::signed_headers::SignedHeaders;
use super::{cut, parts};
use crate::front::s3::error::{Code, Result, S3Error};
use bucketry_model::hex;

/// The parsed header.
#[derive(Debug)]
pub(super) struct Authorization<'a> {
    pub(super) credential: SignatureCredential<'a>,
    pub(super) signed_headers: SignedHeaders<'a>,
    pub(super) signature: [u8; 32],
}

const MAX_BYTES: usize = 4096;

impl<'a> Authorization<'a> {
    /// Parses `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, the components in any order.
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(malformed("it is longer than 4096 bytes"));
        }
        let text = text.trim();
        let (algorithm, members) = cut(text, b' ').unwrap_or((text, ""));
        if algorithm != "AWS4-HMAC-SHA256" {
            return Err(unsupported(algorithm));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for member in parts(members, b',') {
            let (name, value) = cut(member.trim(), b'=').unwrap_or_default();
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(malformed("it may only have Credential, SignedHeaders and Signature")),
            };
            if slot.replace(value).is_some() {
                return Err(malformed("it has a component twice"));
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature)) =
            (credential, signed_headers, signature)
        else {
            return Err(malformed("it must have Credential, SignedHeaders and Signature"));
        };
        Ok(Self {
            credential: SignatureCredential::parse(credential).map_err(malformed)?,
            signed_headers: SignedHeaders::parse(signed_headers).map_err(malformed)?,
            signature: hex::decode_32(signature.as_bytes())
                .ok_or_else(|| malformed("the signature must be 64 lower-case hexadecimal digits"))?,
        })
    }
}

fn malformed(what: &str) -> S3Error {
    S3Error::new(
        Code::AuthorizationHeaderMalformed,
        format!("The authorization header is malformed: {what}."),
    )
}

fn unsupported(algorithm: &str) -> S3Error {
    match algorithm {
        "AWS" => version_2(),
        "AWS4-ECDSA-P256-SHA256" => S3Error::new(
            Code::NotImplemented,
            "Signature Version 4A is not supported. Use AWS4-HMAC-SHA256: configure a region instead of a \
             multi-region access point.",
        ),
        _ => S3Error::new(
            Code::InvalidRequest,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
    }
}

/// Version 2 signs neither the whole request nor a region.
pub(super) fn version_2() -> S3Error {
    S3Error::new(
        Code::InvalidRequest,
        "The request is signed with AWS Signature Version 2, which is not supported. Use AWS4-HMAC-SHA256: set \
         signature_version='s3v4' in the Config of boto3, 's3.signature_version = s3v4' in the AWS CLI's \
         configuration, 'v2_auth = false' in rclone, or 'signature_v2 = False' in s3cmd.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";

    #[test]
    fn members_may_stand_in_any_order_with_and_without_space() {
        for text in [
            format!(
                "AWS4-HMAC-SHA256 Credential=AKID/20130524/auto/s3/aws4_request,SignedHeaders=host;range,Signature={SIGNATURE}"
            ),
            format!(
                "AWS4-HMAC-SHA256  SignedHeaders=host;range,  Signature={SIGNATURE}, Credential=AKID/20130524/auto/s3/aws4_request"
            ),
        ] {
            let read = Authorization::parse(&text).unwrap();
            assert_eq!(read.credential.access_key_id, "AKID");
            assert_eq!(read.signed_headers.text(), "host;range");
            assert_eq!(read.signature[0], 0xf0);
        }
    }

    #[test]
    fn malformed_headers_and_other_mechanisms_are_told_apart() {
        let fine = format!(
            "AWS4-HMAC-SHA256 Credential=A/20130524/r/s3/aws4_request, SignedHeaders=host, Signature={SIGNATURE}"
        );
        assert!(Authorization::parse(&fine).is_ok());
        let long = "a".repeat(5000);
        for (text, code) in [
            ("AWS4-HMAC-SHA256", Code::AuthorizationHeaderMalformed),
            ("AWS4-HMAC-SHA256 ", Code::AuthorizationHeaderMalformed),
            ("AWS4-HMAC-SHA256 Credential=A", Code::AuthorizationHeaderMalformed),
            (&format!("{fine}, Signature={SIGNATURE}"), Code::AuthorizationHeaderMalformed),
            (&format!("{fine},"), Code::AuthorizationHeaderMalformed),
            (&fine.replace("f0e8", "F0E8"), Code::AuthorizationHeaderMalformed),
            (&fine.replace("=host", "=range"), Code::AuthorizationHeaderMalformed),
            (&long, Code::AuthorizationHeaderMalformed),
            ("AWS AKID:frJIUN8DYpKDtOLCwo//yllqDzg=", Code::InvalidRequest),
            ("Basic QWxhZGRpbg==", Code::InvalidRequest),
            ("Bearer x", Code::InvalidRequest),
            ("", Code::InvalidRequest),
            (&fine.replace("HMAC-SHA256", "ECDSA-P256-SHA256"), Code::NotImplemented),
        ] {
            assert_eq!(Authorization::parse(text).unwrap_err().code, code, "{text}");
        }
        let old = Authorization::parse("AWS AKID:frJIUN8DYpKDtOLCwo//yllqDzg=").unwrap_err();
        assert!(old.message.contains("signature_version='s3v4'"));
    }
}
