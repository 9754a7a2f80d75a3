//! What is asked of the endpoint and of buckets themselves.

use http::{HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::error::{Code, S3Error};
use crate::execute::{Answer, Outcome, RequestContext, ResolvedBucket, answer};
use crate::operation::{Operation, Request};
use crate::xml::Document;

/// The owner of everything, where a document must name one.
pub(super) const OWNER: &str = "bucketry";

/// `ListBuckets`: the names that the repository's clients may use. When a bucket was made is not known here.
pub(crate) fn on_service(context: RequestContext<'_>, request: &Request<'_>) -> Answer {
    super::check(request)?;
    let Operation::ListBuckets { prefix } = &request.operation else {
        return Err(S3Error::new(Code::InvalidRequest, "The request names no bucket.").into());
    };
    let mut document = Document::new("ListAllMyBucketsResult");
    owner(&mut document, "Owner");
    document.group("Buckets", |document| {
        for name in context.routes.names().iter().filter(|name| name.starts_with(prefix.as_str())) {
            document.group("Bucket", |document| {
                document.element("Name", name);
                document.time("CreationDate", Timestamp::UNIX_EPOCH);
            });
        }
    });
    if !prefix.is_empty() {
        document.element("Prefix", prefix);
    }
    Ok(Outcome::of(answer::document(document.finish())))
}

pub(super) fn owner(document: &mut Document, name: &str) {
    document.group(name, |document| {
        document.element("ID", OWNER);
        document.element("DisplayName", OWNER);
    });
}

/// `CreateBucket`: some clients make their bucket before they use it, and go on if it is there.
pub(crate) fn create(context: RequestContext<'_>, name: &str) -> Answer {
    Err(match context.routes.find(name) {
        Ok(_) => S3Error::new(Code::BucketAlreadyOwnedByYou, "The repository has this bucket already."),
        Err(_) => S3Error::new(
            Code::NotImplemented,
            "Buckets are not made through the gateway: register the bucket in Bucketry and attach it to the \
             repository.",
        ),
    }
    .into())
}

/// `HeadBucket`.
pub(super) async fn head(resolved: &ResolvedBucket<'_>) -> Answer {
    if let Err(error) = resolved.driver.head_bucket().await {
        let mut failure = resolved.failure(&error);
        // A HEAD can't tell what is missing; here it can only be the bucket.
        if failure.error.code == Code::NoSuchKey {
            failure.error = S3Error::new(Code::NoSuchBucket, "The bucket does not exist at its provider.");
        }
        return Err(failure);
    }
    let mut response = answer::empty(StatusCode::OK);
    // Any region is taken in signatures; SDKs that ask are told the one that is their default.
    response.headers_mut().insert("x-amz-bucket-region", HeaderValue::from_static("us-east-1"));
    Ok(Outcome::of(response))
}

/// `GetBucketLocation`: an empty one means `us-east-1`.
pub(super) fn location() -> Outcome {
    Outcome::of(answer::document(Document::new("LocationConstraint").finish()))
}

/// `GetBucketVersioning`: an empty one means that versions were never kept.
pub(super) fn versioning() -> Outcome {
    Outcome::of(answer::document(Document::new("VersioningConfiguration").finish()))
}
