//! Carries operations out over a [`Driver`](bucketry_provider::driver::Driver), whatever the provider behind it: a
//! module for each group of operations.
//!
//! Dropping the future of [`handle`] gives the provider's request up. An upload whose client goes away is dropped with
//! it, and nothing is stored.

mod answer;
mod body;
mod bucket;
mod conditions;
mod copy;
mod delete;
mod failure;
mod list;
mod multipart;
mod read;
mod size;
mod support;
mod write;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::error::ProviderError;
use http::Response;
use jiff::Timestamp;

use crate::error::{Code, S3Error};
use crate::list_token::ListTokens;
use crate::operation::{ObjectKey, Operation, Request, Target};
use crate::payload::{PayloadBody, Receipt};
use crate::route::{KeyFolder, Routes, not_served};
pub use crate::translate::body::GatewayBody;
pub use crate::translate::failure::{Failure, Fault};
pub use crate::translate::support::{Support, support};

/// The open buckets of a node.
pub trait OpenBuckets: Sync {
    /// The driver of a bucket; `None` where the node doesn't have it (yet), or couldn't open it.
    fn driver(&self, bucket: BucketId) -> Option<SharedDriver>;
}

/// How operations are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether the change of the stored size is measured. It costs a HEAD before each write, and another after
    /// completing an upload; without it every change counts as zero. Of two writes to one key at the same time both
    /// may see the same size before, so the sum is exact only where writes to a key follow each other.
    pub measure_size_change: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { measure_size_change: true }
    }
}

/// What a request is carried out with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The names of the repository that the request came through.
    pub routes: &'a Routes,
    /// The open buckets.
    pub buckets: &'a dyn OpenBuckets,
    /// How.
    pub settings: Settings,
    /// Seals the tokens of lists.
    pub list_tokens: &'a ListTokens,
    /// The time of the request.
    pub now: Timestamp,
}

/// A request that was carried out.
#[derive(Debug)]
pub struct Outcome {
    /// The answer.
    pub response: Response<GatewayBody>,
    /// By how many bytes the stored size changed, as far as is known.
    pub size_change: i64,
}

impl Outcome {
    /// An outcome that changed nothing.
    fn of(response: Response<GatewayBody>) -> Self {
        Self { response, size_change: 0 }
    }
}

type Answer = Result<Outcome, Failure>;

/// Carries a request out.
///
/// Who calls has verified the signature, and that the key grants
/// [`Operation::access`](crate::operation::Operation::access); the source of a copy is looked for in the same
/// repository.
pub async fn handle(
    context: Context<'_>,
    target: &Target,
    request: Request,
    payload: PayloadBody,
) -> Result<Outcome, Failure> {
    if let Some(header) = request.beyond_translation {
        let message = format!(
            "The header {header} asks for what the gateway does not do for this bucket. Leave it out, or set it at \
             the provider."
        );
        return Err(S3Error::new(Code::NotImplemented, message).into());
    }
    let Some(name) = target.bucket() else { return bucket::on_service(context, &request.operation) };
    if request.operation == Operation::CreateBucket {
        return bucket::create(context, name);
    }
    let place = Place::find(context, name)?;
    if let Support::Refused(why) = support(request.operation.name(), place.driver.capabilities()) {
        return Err(S3Error::new(Code::NotImplemented, why).into());
    }
    match request.operation {
        Operation::ListBuckets { .. } | Operation::CreateBucket | Operation::ListMultipartUploads => {
            Err(S3Error::new(Code::MethodNotAllowed, "This is no operation on a bucket.").into())
        }
        Operation::HeadBucket => bucket::head(&place).await,
        Operation::GetBucketLocation => Ok(bucket::location()),
        Operation::GetBucketVersioning => Ok(bucket::versioning()),
        Operation::ListObjects(list) => list::keys(context, &place, list::Form::First, &list).await,
        Operation::ListObjectsV2(list) => list::keys(context, &place, list::Form::Second, &list).await,
        Operation::ListObjectVersions(list) => list::keys(context, &place, list::Form::Versions, &list).await,
        Operation::DeleteObjects => delete::objects(context, &place, payload).await,
        Operation::HeadObject(reading) => read::head(&place, reading).await,
        Operation::GetObject(reading) => read::get(&place, reading).await,
        Operation::GetObjectAttributes(reading) => read::attributes(&place, reading).await,
        Operation::PutObject(writing) => write::put(context, &place, writing, payload).await,
        Operation::CopyObject(copying) => copy::object(context, &place, copying).await,
        Operation::DeleteObject(deleting) => delete::object(context, &place, deleting).await,
        Operation::CreateMultipartUpload { key, attributes } => {
            multipart::create(&place, &key, &attributes).await
        }
        Operation::UploadPart(part) => multipart::upload(&place, part, payload).await,
        Operation::UploadPartCopy { part, source, range } => {
            copy::part(context, &place, part, source, range).await
        }
        Operation::CompleteMultipartUpload { key, upload, conditions } => {
            multipart::complete(context, &place, multipart::Completing { key, upload, conditions }, payload)
                .await
        }
        Operation::AbortMultipartUpload { key, upload } => multipart::abort(&place, &key, upload).await,
        Operation::ListParts { key, upload, max_parts, after } => {
            multipart::list(&place, &key, upload, max_parts, after).await
        }
    }
}

/// Where a name leads, opened.
struct Place<'a> {
    /// The name that the client gave.
    name: &'a str,
    bucket: BucketId,
    folder: &'a KeyFolder,
    driver: SharedDriver,
}

impl<'a> Place<'a> {
    fn find(context: Context<'a>, name: &'a str) -> Result<Self, S3Error> {
        let route = context.routes.find(name)?;
        let driver = context.buckets.driver(route.bucket).ok_or_else(not_served)?;
        Ok(Self { name, bucket: route.bucket, folder: &route.folder, driver })
    }

    /// The key in the bucket.
    fn key(&self, key: &ObjectKey) -> Result<String, S3Error> {
        self.folder.key(key, self.driver.capabilities().max_key_bytes)
    }

    /// What a failure of the provider means.
    fn failure(&self, error: &ProviderError) -> Failure {
        Failure::of(error, self.driver.site().permissions)
    }

    /// As [`Place::failure`], of an upload: its payload may be to blame.
    fn upload_failure(&self, error: &ProviderError, receipt: &Receipt) -> Failure {
        match receipt.refusal() {
            Some(refusal) if matches!(error, ProviderError::Source(_)) => refusal.into(),
            _ => self.failure(error),
        }
    }
}
