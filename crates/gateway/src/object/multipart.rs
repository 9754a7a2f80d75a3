//! Multipart uploads. Clients get sealed upload ids, each valid only for the object that it was issued for.

use bucketry_provider::driver::{self, Conditions, NewUpload, PartsPage, Stored, UploadCompletion, UploadId};

use crate::failure::Failure;
use crate::object::context::RequestContext;
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::object::put::check_length;
use crate::object::{attributes, conditions};
use crate::payload::PayloadBody;
use crate::routing::object_key::ObjectKey;
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::upload_id::SealedUploadId;

/// An upload of a client.
pub(crate) struct OpenUpload {
    /// Includes the repository's folder.
    pub(crate) key: String,
    /// The provider's id.
    pub(crate) upload: UploadId,
}

impl OpenUpload {
    /// Checks that the upload belongs to the object.
    pub(crate) fn new(
        context: &RequestContext,
        resolved: &ResolvedBucket,
        key: &ObjectKey,
        sealed: &SealedUploadId,
    ) -> Result<Self, Failure> {
        let key = resolved.key(key)?;
        let upload = resolved.open_upload(&context.key, &key, sealed)?;
        Ok(Self { key, upload })
    }

    /// Completes the upload. The object counts as stored only now.
    pub(crate) async fn complete(
        self,
        context: &RequestContext,
        resolved: &ResolvedBucket,
        completion: &UploadCompletion<'_>,
    ) -> Result<Stored, Failure> {
        let Self { key, upload } = self;
        let conditions = &completion.conditions;
        conditions::of_completing(conditions, resolved.driver().capabilities())?;
        let write = MeasuredWrite::prepare(context, resolved, &key, &Conditions::default()).await?;
        let completed = resolved.driver().complete_multipart(&key, &upload, completion);
        match write.run(SizeAfter::Unknown, completed).await {
            Ok(stored) => Ok(stored),
            Err(error) => Err(resolved.failure(&conditions::unmet(resolved, &key, conditions, error).await)),
        }
    }

    /// Aborts the upload.
    pub(crate) async fn abort(self, resolved: &ResolvedBucket) -> Result<(), Failure> {
        let aborted = resolved.driver().abort_multipart(&self.key, &self.upload).await;
        aborted.map_err(|error| resolved.failure(&error))
    }

    /// All parts of the upload, by number. Reads as many pages as they fill.
    pub(crate) async fn all_parts(&self, resolved: &ResolvedBucket) -> Result<Vec<driver::Part>, Failure> {
        let mut parts: Vec<driver::Part> = Vec::new();
        let mut after = 0;
        loop {
            let page = resolved.driver().list_parts(&self.key, &self.upload, after).await;
            let page = page.map_err(|error| resolved.failure(&error))?;
            parts.extend(page.parts.into_iter().filter(|part| part.number > after));
            match page.next.filter(|next| *next > after) {
                Some(next) => after = next,
                None => break,
            }
        }
        parts.sort_unstable_by_key(|part| part.number);
        Ok(parts)
    }

    /// A page of the upload's parts: at most `most`, with numbers above `after`.
    pub(crate) async fn parts(
        self,
        resolved: &ResolvedBucket,
        after: u32,
        most: usize,
    ) -> Result<PartsPage, Failure> {
        let page = resolved.driver().list_parts(&self.key, &self.upload, after).await;
        let mut page = page.map_err(|error| resolved.failure(&error))?;
        if page.parts.len() > most {
            page.parts.truncate(most);
            page.next = Some(page.parts.last().map_or(after, |part| part.number));
        }
        Ok(page)
    }
}

/// Begins an upload. Returns its sealed id.
pub(crate) async fn create(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    new: &NewUpload,
) -> Result<String, Failure> {
    attributes::check(&new.attributes, resolved.driver().capabilities())?;
    let key = resolved.key(key)?;
    // Don't start an upload whose id can't be sealed for the client.
    context.key.seals()?;
    let upload = resolved.driver().create_multipart(&key, new).await;
    let upload = upload.map_err(|error| resolved.failure(&error))?;
    resolved.seal_upload(&context.key, &key, &upload)
}

/// Stores a part, and returns its ETag. If it is dropped midway, the part is not stored.
pub(crate) async fn upload(
    resolved: &ResolvedBucket,
    upload: OpenUpload,
    number: u32,
    payload: PayloadBody,
) -> Result<String, Failure> {
    let OpenUpload { key, upload } = upload;
    check_length(payload.length(), resolved.driver().capabilities().multipart.max_part_bytes)?;
    let receipt = payload.receipt();
    let payload = payload.into_driver_payload().await?;
    let stored = resolved.driver().upload_part(&key, &upload, number, payload).await;
    stored.map(|stored| stored.etag).map_err(|error| resolved.upload_failure(&error, &receipt))
}
