//! The credential of a signature: an access key id and the scope of the signature.

use super::cut;

/// `AKID/20130524/us-east-1/s3/aws4_request`.
///
/// Every region is accepted. The gateway has none, and clients are configured with different ones (`us-east-1`,
/// `auto`, the provider's).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignatureCredential<'a> {
    pub(super) access_key_id: &'a str,
    /// `20130524/us-east-1/s3/aws4_request`.
    pub(super) scope: &'a str,
    /// `YYYYMMDD`.
    pub(super) date: &'a str,
    pub(super) region: &'a str,
}

const MAX_KEY_BYTES: usize = 128;
const MAX_REGION_BYTES: usize = 64;

impl<'a> SignatureCredential<'a> {
    /// Parses a credential. The error says what is wrong with it.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let parts = || {
            let (access_key_id, scope) = cut(text, b'/')?;
            let (date, rest) = cut(scope, b'/')?;
            let (region, rest) = cut(rest, b'/')?;
            let (service, terminator) = cut(rest, b'/')?;
            (terminator == "aws4_request").then_some((access_key_id, scope, date, region, service))
        };
        let (access_key_id, scope, date, region, service) =
            parts().ok_or("the credential must be KEY/YYYYMMDD/REGION/s3/aws4_request")?;
        if access_key_id.is_empty() || access_key_id.len() > MAX_KEY_BYTES {
            return Err("the access key id of the credential is empty or longer than 128 bytes");
        }
        if date.len() != 8 || !date.bytes().all(|c| c.is_ascii_digit()) {
            return Err("the date of the credential must be YYYYMMDD");
        }
        let label = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        if region.is_empty() || region.len() > MAX_REGION_BYTES || !region.bytes().all(label) {
            return Err("the region of the credential must be 1 to 64 letters, digits, '-', '_' or '.'");
        }
        if service != "s3" {
            return Err("the service of the credential must be s3");
        }
        Ok(Self { access_key_id, scope, date, region })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_names_key_day_and_region() {
        let credential = SignatureCredential::parse("AKID/20130524/auto/s3/aws4_request").unwrap();
        let response = (credential.access_key_id, credential.date, credential.region);
        assert_eq!(response, ("AKID", "20130524", "auto"));
        assert_eq!(credential.scope, "20130524/auto/s3/aws4_request");
    }

    #[test]
    fn what_is_not_a_credential_for_s3_is_refused() {
        for wrong in [
            "",
            "AKID",
            "AKID/20130524/us-east-1/s3",
            "AKID/20130524/us-east-1/s3/aws4_request/",
            "AKID/20130524/us-east-1/sts/aws4_request",
            "AKID/20130524/us-east-1/s3/aws3_request",
            "AKID/2013052/us-east-1/s3/aws4_request",
            "AKID/2013052x/us-east-1/s3/aws4_request",
            "AKID/20130524//s3/aws4_request",
            "AKID/20130524/us east/s3/aws4_request",
            "/20130524/us-east-1/s3/aws4_request",
        ] {
            assert!(SignatureCredential::parse(wrong).is_err(), "{wrong}");
        }
    }
}
