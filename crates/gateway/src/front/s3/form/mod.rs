//! `PostObject`: forms with which web pages let browsers upload files ("POST Object" in the Amazon S3 API reference).
//!
//! The signature is in a field, so the fields before the file are read before anybody is authenticated, within a
//! fixed budget. What they say becomes a `PutObject` with the corresponding headers. The file follows: it is streamed
//! to the provider only after signature, policy and access were checked.

mod delimiter;
mod fields;
mod file;
mod policy;
mod post;
mod success;
mod upload;

use std::future::poll_fn;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body::Body;
use jiff::Timestamp;

use crate::front::s3::auth::{FormSignature, KeySource, Verifier, once};
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::form::delimiter::Delimiter;
use crate::front::s3::form::fields::{FieldReader, Fields, FileStart};
use crate::front::s3::form::file::{CLOSING, FormFile, MAX_AFTER, check_least, check_most};
use crate::front::s3::form::policy::Policy;
use crate::front::s3::operation::{PutObject, Target};
use crate::front::s3::payload::{checksum_of, refuse};
use crate::payload::{BoxError, Expected, PayloadBody, poll_bytes};

pub use success::Success;
pub(crate) use upload::upload;

/// A form, of which everything before the file was read.
pub struct UploadForm {
    fields: Fields,
    filename: String,
    delimiter: Delimiter,
    /// The start of the file, as far as it was read.
    start: Bytes,
    /// How many bytes the body has from the start of the file to its end.
    left: u64,
}

/// A form whose policy has a valid signature.
pub struct SignedForm {
    form: UploadForm,
    policy: Policy,
}

/// Whether the request is a form. Objects may have the same type, so uploads in parts may begin with it.
pub fn is_form(head: &Parts) -> bool {
    const TYPE: &[u8] = b"multipart/form-data";
    head.method == Method::POST
        && head.uri.query().is_none_or(str::is_empty)
        && head.headers.get(CONTENT_TYPE).is_some_and(|value| {
            value.as_bytes().get(..TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TYPE))
        })
}

/// Reads a form up to its file, at most 20 KiB.
pub async fn read<B>(head: &Parts, body: &mut B) -> Result<UploadForm>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    if head.headers.contains_key(AUTHORIZATION) {
        return Err(S3Error::new(
            Code::InvalidArgument,
            "Only one authentication mechanism is allowed: the Authorization header, or the fields of a form.",
        ));
    }
    let length = length(&head.headers)?;
    let delimiter = head.headers.get(CONTENT_TYPE).map(Delimiter::of).transpose()?;
    let delimiter = delimiter.ok_or_else(|| malformed("the Content-Type is missing"))?;
    let mut reader = FieldReader::new(delimiter.clone());
    while let Some(input) = poll_fn(|cx| poll_bytes(body, cx)).await? {
        if let Some(FileStart { fields, filename, content, before }) = reader.read(&input)? {
            let left = length.saturating_sub(before as u64);
            return Ok(UploadForm { fields, filename, delimiter, start: content, left });
        }
    }
    Err(malformed("it ends before the file, which must be the last field and be named \"file\""))
}

fn length(headers: &HeaderMap) -> Result<u64> {
    once(headers, &CONTENT_LENGTH)?.and_then(|length| length.parse().ok()).ok_or_else(|| {
        S3Error::new(Code::MissingContentLength, "You must provide the Content-Length HTTP header.")
    })
}

impl UploadForm {
    /// Finds the key that signed the form's policy, and checks that the policy hasn't expired.
    pub fn authenticate<S: KeySource + ?Sized>(
        self,
        verifier: &Verifier,
        keys: &S,
        now: Timestamp,
    ) -> Result<(S::Key, SignedForm)> {
        let field = |name| self.fields.get(name);
        let signature = FormSignature {
            policy: field("policy"),
            algorithm: field("x-amz-algorithm"),
            credential: field("x-amz-credential"),
            date: field("x-amz-date"),
            signature: field("x-amz-signature"),
            has_token: field("x-amz-security-token").is_some(),
            is_version_2: field("awsaccesskeyid").or(field("signature")).is_some(),
        };
        let key = verifier.verify_form(&signature, keys, now)?;
        let policy = Policy::parse(signature.policy.unwrap_or_default())?;
        policy.check_expiry(now)?;
        Ok((key, SignedForm { form: self, policy }))
    }
}

/// What a form asks for, and its policy allows.
pub struct Post {
    /// The same request as a `PutObject`.
    pub put: PutObject,
    /// The headers of a request that puts the same object.
    pub headers: HeaderMap,
    /// How to answer once the object is stored.
    pub success: Success,
}

impl SignedForm {
    /// Checks the form against its policy. `headers` are those of the request.
    pub fn parse(&self, target: &Target, headers: &HeaderMap) -> Result<Post> {
        let bucket = match target {
            Target::Bucket(bucket) => bucket,
            Target::Service | Target::Object(..) => {
                let message = "The specified method is not allowed against this resource. Send the form to the \
                               bucket's address; the key is a field of the form.";
                return Err(S3Error::new(Code::MethodNotAllowed, message));
            }
        };
        post::parse(&self.form, &self.policy, bucket, headers)
    }

    /// Prepares to read the file. Refuses it if its size can't be one that the policy allows.
    pub fn into_payload<B>(self, body: B) -> Result<PayloadBody>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        let Self { form: UploadForm { fields, delimiter, start, left, .. }, policy } = self;
        let ending = (delimiter.len() + CLOSING.len()) as u64;
        let most = left.checked_sub(ending).ok_or_else(|| malformed("the boundary at its end is missing"))?;
        let least = left.saturating_sub((delimiter.len() + MAX_AFTER) as u64);
        let allowed = policy.size();
        check_most(least, allowed.1)?;
        check_least(most, allowed.0)?;
        let expected = Expected {
            length: most,
            may_be_shorter: true,
            sha256: None,
            md5: None,
            checksum: checksum_of(&post::headers(&fields)?)?,
            trailing: None,
            refuse,
        };
        Ok(PayloadBody::reading(FormFile::new(body, delimiter, start, allowed), expected))
    }
}

/// The error for a form that isn't one.
fn malformed(what: &str) -> S3Error {
    S3Error::new(Code::MalformedPOSTRequest, malformed_message(what))
}

fn malformed_message(what: &str) -> String {
    format!("The body of your POST request is not well-formed multipart/form-data: {what}.")
}
