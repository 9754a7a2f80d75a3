//! Verifies the signature of a form, which signs the form's policy ("Authenticating Requests in Browser-Based Uploads
//! Using POST").

use bucketry_model::hex;
use jiff::Timestamp;
use ring::hmac;

use super::authorization::version_2;
use super::credential::SignatureCredential;
use super::window::SignatureTime;
use super::{AccessKey, KeySource, Verifier, anonymous, session_token, unknown_key};
use crate::front::s3::error::{Code, Result, S3Error};

/// The fields of a form that sign it.
#[derive(Debug, Clone, Copy, Default)]
pub struct FormSignature<'a> {
    /// `policy`, in base64.
    pub policy: Option<&'a str>,
    /// `x-amz-algorithm`.
    pub algorithm: Option<&'a str>,
    /// `x-amz-credential`.
    pub credential: Option<&'a str>,
    /// `x-amz-date`.
    pub date: Option<&'a str>,
    /// `x-amz-signature`.
    pub signature: Option<&'a str>,
    /// Whether there is a session token.
    pub has_token: bool,
    /// Whether there are fields of Signature Version 2.
    pub is_version_2: bool,
}

impl Verifier {
    /// Finds the key that signed a form's policy, or refuses the form. Whether the policy has expired is not checked.
    pub fn verify_form<S: KeySource + ?Sized>(
        &self,
        form: &FormSignature<'_>,
        keys: &S,
        now: Timestamp,
    ) -> Result<S::Key> {
        if form.is_version_2 && form.signature.is_none() {
            return Err(version_2());
        }
        let (Some(policy), Some(_)) = (form.policy, form.signature.or(form.credential)) else {
            return Err(anonymous());
        };
        if form.has_token {
            return Err(session_token());
        }
        let need = |value: Option<&'_ str>, name: &str| {
            value
                .map(str::to_owned)
                .ok_or_else(|| malformed(&format!("Bucket POST must contain a field named '{name}'")))
        };
        if need(form.algorithm, "x-amz-algorithm")? != "AWS4-HMAC-SHA256" {
            return Err(malformed("x-amz-algorithm must be AWS4-HMAC-SHA256"));
        }
        let (credential, date) = (need(form.credential, "x-amz-credential")?, need(form.date, "x-amz-date")?);
        let credential = SignatureCredential::parse(&credential).map_err(malformed)?;
        let time =
            SignatureTime::parse(&date).ok_or_else(|| malformed("x-amz-date must be YYYYMMDDThhmmssZ"))?;
        if credential.date != time.date() {
            return Err(malformed("the date of the credential is not that of x-amz-date"));
        }
        time.check_begun(now)?;
        let signature = hex::decode_32(need(form.signature, "x-amz-signature")?.as_bytes())
            .ok_or_else(|| malformed("x-amz-signature must be 64 lower-case hexadecimal digits"))?;
        let found = keys.find(credential.access_key_id);
        let secret = found.as_ref().map_or(&self.nobody, AccessKey::signing_secret);
        let key = secret.signing_key(credential.date, credential.region);
        // In constant time.
        let matches = hmac::verify(&key, policy.as_bytes(), &signature).is_ok();
        match found {
            Some(found) if matches => Ok(found),
            Some(_) => Err(S3Error::new(
                Code::SignatureDoesNotMatch,
                "The signature of the form does not match its policy. Check the secret access key, and that the form \
                 contains the policy exactly as it was signed.",
            )),
            None => Err(unknown_key()),
        }
    }
}

fn malformed(what: &str) -> S3Error {
    S3Error::new(Code::InvalidArgument, format!("The form is not signed correctly: {what}."))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bucketry_model::secret::Secret;

    use super::*;
    use crate::credential::SigningSecret;

    struct Keys;
    struct OneKey(SigningSecret);

    impl AccessKey for OneKey {
        fn signing_secret(&self) -> &SigningSecret {
            &self.0
        }
    }

    impl KeySource for Keys {
        type Key = OneKey;

        fn find(&self, id: &str) -> Option<OneKey> {
            let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
            (id == "AKIAIOSFODNN7EXAMPLE").then(|| OneKey(SigningSecret::new(secret)))
        }
    }

    /// The policy of the example in Amazon's documentation. Its lines end with CR and LF.
    fn policy() -> String {
        let text = "{ \"expiration\": \"2015-12-30T12:00:00.000Z\",\r\n  \"conditions\": [\r\n    \
            {\"bucket\": \"sigv4examplebucket\"},\r\n    [\"starts-with\", \"$key\", \"user/user1/\"],\r\n    \
            {\"acl\": \"public-read\"},\r\n    {\"success_action_redirect\": \
            \"http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html\"},\r\n    \
            [\"starts-with\", \"$Content-Type\", \"image/\"],\r\n    \
            {\"x-amz-meta-uuid\": \"14365123651274\"},\r\n    {\"x-amz-server-side-encryption\": \"AES256\"},\r\n    \
            [\"starts-with\", \"$x-amz-meta-tag\", \"\"],\r\n\r\n    \
            {\"x-amz-credential\": \"AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request\"},\r\n    \
            {\"x-amz-algorithm\": \"AWS4-HMAC-SHA256\"},\r\n    {\"x-amz-date\": \"20151229T000000Z\" }\r\n  ]\r\n}";
        STANDARD.encode(text)
    }

    /// The signature in Amazon's example.
    const SIGNATURE: &str = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";

    fn form(policy: &str) -> FormSignature<'_> {
        FormSignature {
            policy: Some(policy),
            algorithm: Some("AWS4-HMAC-SHA256"),
            credential: Some("AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
            date: Some("20151229T000000Z"),
            signature: Some(SIGNATURE),
            ..FormSignature::default()
        }
    }

    fn verify(form: &FormSignature<'_>) -> Option<Code> {
        let now = "2015-12-29T12:00:00Z".parse().unwrap();
        Verifier::new().verify_form(form, &Keys, now).err().map(|error| error.code)
    }

    #[test]
    fn the_published_example_is_verified() {
        assert_eq!(verify(&form(&policy())), None);
    }

    #[test]
    fn a_form_is_refused_as_s3_does() {
        let (policy, other) = (policy(), STANDARD.encode("{}"));
        let form = form(&policy);
        let upper = SIGNATURE.to_uppercase();
        for (changed, code) in [
            (FormSignature { policy: Some(&other), ..form }, Code::SignatureDoesNotMatch),
            (FormSignature { policy: None, ..form }, Code::AccessDenied),
            (
                FormSignature { policy: None, is_version_2: true, signature: None, ..form },
                Code::InvalidRequest,
            ),
            (FormSignature::default(), Code::AccessDenied),
            (FormSignature { signature: None, ..form }, Code::InvalidArgument),
            (FormSignature { signature: Some(&upper), ..form }, Code::InvalidArgument),
            (FormSignature { algorithm: Some("AWS4-ECDSA-P256-SHA256"), ..form }, Code::InvalidArgument),
            (FormSignature { algorithm: None, ..form }, Code::InvalidArgument),
            (FormSignature { date: None, ..form }, Code::InvalidArgument),
            (FormSignature { date: Some("20151230T000000Z"), ..form }, Code::InvalidArgument),
            (FormSignature { date: Some("20151229T130000Z"), ..form }, Code::RequestTimeTooSkewed),
            (
                FormSignature { credential: Some("AKIA/20151229/us-east-1/s3/aws4_request"), ..form },
                Code::InvalidAccessKeyId,
            ),
            (FormSignature { credential: Some("AKIA"), ..form }, Code::InvalidArgument),
            (FormSignature { has_token: true, ..form }, Code::InvalidToken),
        ] {
            assert_eq!(verify(&changed), Some(code), "{changed:?}");
        }
    }
}
