//! Operations on the endpoint and on buckets.

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::Timestamp;

use crate::failure::{Failure, FailureKind};
use crate::front::s3::error::{Code, S3Error};
use crate::front::s3::operation::demand::{self, OWNER};
use crate::front::s3::operation::{Name, Operation, REGION, is_bucket_name};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::xml::Document;
use crate::object;
use crate::object::body::GatewayBody;
use crate::object::context::RequestContext;
use crate::routing::resolved_bucket::ResolvedBucket;

/// `ListBuckets`: the names that clients of the repository may use, each with the time at which the bucket was
/// registered, which its id contains.
pub(crate) fn on_service(context: &RequestContext, operation: &Operation, headers: &HeaderMap) -> S3Answer {
    demand::check_all(operation.name(), headers)?;
    let Operation::ListBuckets(list) = operation else {
        return Err(Failure::new(FailureKind::InvalidRequest, "The request must name a bucket.").into());
    };
    let routes = &context.key.routes;
    let (names, next) = list.page(routes.names().iter().map(String::as_str));
    let mut document = Document::new("ListAllMyBucketsResult");
    owner(&mut document, "Owner");
    document.group("Buckets", |document| {
        for name in names {
            let registered = routes.find(name).ok().and_then(|route| route.bucket.created());
            document.group("Bucket", |document| {
                document.element("Name", name);
                document.time("CreationDate", registered.unwrap_or(Timestamp::UNIX_EPOCH));
                document.optional("BucketRegion", list.names_regions().then_some(REGION));
            });
        }
    });
    document.optional("Prefix", list.prefix.as_deref());
    document.optional("ContinuationToken", next.as_deref());
    Ok(response::document(document.finish()))
}

pub(super) fn owner(document: &mut Document, name: &str) {
    document.group(name, |document| {
        document.element("ID", OWNER);
        document.element("DisplayName", OWNER);
    });
}

/// `CreateBucket`: some clients create their bucket before using it. For a bucket that exists they get the success that
/// S3 returns to the owner in [`REGION`], so that a script may run twice.
pub(crate) fn create(name: &str, bucket: Option<&ResolvedBucket>, headers: &HeaderMap) -> S3Answer {
    if bucket.is_none() && !is_bucket_name(name) {
        let message = "The specified bucket is not valid: names have 3 to 63 lower-case letters, digits, hyphens and \
                       dots, and begin and end with a letter or digit, as does each part between dots.";
        return Err(S3Error::new(Code::InvalidBucketName, message).into());
    }
    let has_usual_headers = demand::check_all(Name::CreateBucket, headers);
    if bucket.is_some() {
        // A success would say that the bucket is as the headers demand.
        has_usual_headers?;
        let mut response = response::empty(StatusCode::OK);
        response::put(response.headers_mut(), LOCATION, Some(&format!("/{name}")));
        return Ok(response);
    }
    if let Err(failure) = has_usual_headers
        && failure.kind == FailureKind::InvalidValue
    {
        return Err(failure.into());
    }
    let message = "Buckets can't be created through the gateway. Register the bucket in Bucketry and attach it to the \
                   repository.";
    Err(S3Error::new(Code::NotImplemented, message).into())
}

/// `DeleteBucket`, for a bucket that the repository has.
pub(super) fn delete() -> S3Answer {
    let message =
        "Buckets can't be deleted through the gateway. Detach the bucket from the repository in Bucketry.";
    Err(S3Error::new(Code::NotImplemented, message).into())
}

/// `HeadBucket`.
pub(super) async fn head(resolved: &ResolvedBucket) -> S3Answer {
    object::bucket::head(resolved).await?;
    let mut response = response::empty(StatusCode::OK);
    // Signatures may use any region. Clients that ask for one get the default of the SDKs.
    response.headers_mut().insert("x-amz-bucket-region", HeaderValue::from_static(REGION));
    Ok(response)
}

/// `GetBucketLocation`: an empty element means `us-east-1`.
pub(super) fn location() -> Response<GatewayBody> {
    response::document(Document::new("LocationConstraint").finish())
}

/// `GetBucketVersioning`: an empty element means that versioning was never enabled.
pub(super) fn versioning() -> Response<GatewayBody> {
    response::document(Document::new("VersioningConfiguration").finish())
}
