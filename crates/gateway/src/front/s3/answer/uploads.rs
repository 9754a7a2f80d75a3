//! `ListMultipartUploads`.

use bucketry_provider::driver::UploadsPage;
use jiff::Timestamp;

use crate::front::s3::answer::bucket::owner;
use crate::front::s3::operation::{KeyText, ListMultipartUploads, Marker};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::xml::{Document, listed};
use crate::object;
use crate::object::context::RequestContext;
use crate::object::uploads::UploadsQuery;
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::upload_id::SealedUploadId;

pub(super) async fn list(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    wanted: &ListMultipartUploads,
) -> S3Answer {
    let query = UploadsQuery {
        prefix: &wanted.prefix,
        delimiter: wanted.delimiter.as_ref(),
        start: wanted.key_marker.as_ref(),
        upload: wanted.upload_marker.as_ref(),
        most: wanted.max_uploads,
    };
    let (page, next) = object::uploads::page(context, resolved, &query).await?;
    Ok(document(resolved, wanted, &page, next.as_deref()))
}

fn delimiter(wanted: &ListMultipartUploads) -> Option<&str> {
    wanted.delimiter.as_ref().map(KeyText::as_str)
}

fn document(
    resolved: &ResolvedBucket,
    wanted: &ListMultipartUploads,
    page: &UploadsPage,
    next: Option<&str>,
) -> http::Response<crate::object::body::GatewayBody> {
    let name = |text: &str| listed(text, wanted.url_encoded);
    let mut document = Document::new("ListMultipartUploadsResult");
    document.element("Bucket", resolved.name());
    document.element("KeyMarker", &name(wanted.key_marker.as_ref().map_or("", Marker::as_str)));
    document.element("UploadIdMarker", wanted.upload_marker.as_ref().map_or("", SealedUploadId::as_str));
    document.optional("NextKeyMarker", next);
    // The token in `NextKeyMarker` is sufficient, but clients send back both.
    document
        .optional("NextUploadIdMarker", next.and(page.uploads.last()).map(|upload| upload.upload.as_str()));
    document.element("Prefix", &name(wanted.prefix.as_str()));
    document.optional("Delimiter", delimiter(wanted).map(name).as_deref());
    document.optional("EncodingType", wanted.url_encoded.then_some("url"));
    document.element("MaxUploads", &wanted.max_uploads.to_string());
    document.element("IsTruncated", if next.is_some() { "true" } else { "false" });
    for upload in &page.uploads {
        let Some(key) = resolved.folder().strip(&upload.key) else { continue };
        document.group("Upload", |document| {
            document.element("Key", &name(key));
            document.element("UploadId", &upload.upload);
            owner(document, "Initiator");
            owner(document, "Owner");
            document.element("StorageClass", upload.storage_class.as_deref().unwrap_or("STANDARD"));
            document.time("Initiated", upload.initiated.unwrap_or(Timestamp::UNIX_EPOCH));
        });
    }
    for common in page.prefixes.iter().filter_map(|common| resolved.folder().strip(common)) {
        document.group("CommonPrefixes", |document| document.element("Prefix", &name(common)));
    }
    response::document(document.finish())
}
