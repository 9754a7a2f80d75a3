//! `ListMultipartUploads`, for providers that can list uploads in progress.
//!
//! As in lists of keys, a token of the gateway marks the end of a page. Providers identify that position by key, by
//! upload or by both, and the key includes a folder that clients must not see.

use bucketry_provider::driver::{ListedUpload, UploadId, UploadsMarker, UploadsPage, UploadsRequest};
use jiff::Timestamp;

use crate::execute::{Answer, RequestContext, ResolvedBucket, answer};
use crate::failure::{Failure, FailureKind};
use crate::operation::{KeyText, ListMultipartUploads, Marker};
use crate::page_token::{PagePosition, Scope, not_of_this_list};
use crate::translate::bucket::owner;
use crate::upload_id::SealedUploadId;
use crate::xml::{Document, listed};

/// Distinguishes the scope of these tokens from that of lists of keys with the same prefix.
const UPLOADS: &str = "uploads ";

pub(super) async fn list(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    wanted: &ListMultipartUploads,
) -> Answer {
    let prefix = resolved.folder().add(&wanted.prefix);
    let told_apart = format!("{UPLOADS}{}", delimiter(wanted).unwrap_or_default());
    let scope = Scope {
        repository: context.key.routes.repository(),
        bucket: resolved.id(),
        prefix: &prefix,
        delimiter: Some(&told_apart),
    };
    let after = start(context, resolved, wanted, scope)?;
    let mut page = UploadsPage::default();
    if wanted.max_uploads > 0 {
        let request = UploadsRequest {
            prefix: prefix.clone(),
            delimiter: delimiter(wanted).map(str::to_owned),
            after,
            max_uploads: wanted.max_uploads,
        };
        page = resolved.driver().list_uploads(&request).await.map_err(|error| resolved.failure(&error))?;
        fold(&mut page, &prefix, delimiter(wanted));
    }
    let next = page.next.take().map(|UploadsMarker { key, upload }| PagePosition {
        token: upload.map(|upload| upload.as_str().to_owned()),
        after: key,
    });
    let next = next.map(|next| context.key.key.page_tokens.seal(scope, &next)).transpose()?;
    seal(context, resolved, &mut page)?;
    Ok(document(resolved, wanted, &page, next.as_deref()))
}

fn delimiter(wanted: &ListMultipartUploads) -> Option<&str> {
    wanted.delimiter.as_ref().map(KeyText::as_str)
}

/// Replaces the provider's upload ids by those for clients. An upload with an unusable id is left out.
fn seal(context: &RequestContext, resolved: &ResolvedBucket, page: &mut UploadsPage) -> Result<(), Failure> {
    for upload in std::mem::take(&mut page.uploads) {
        if let Ok(id) = UploadId::new(upload.upload.as_str()) {
            let sealed = resolved.seal_upload(context, &upload.key, &id)?;
            page.uploads.push(ListedUpload { upload: sealed, ..upload });
        }
    }
    Ok(())
}

/// Where the page starts. As in S3, an upload id without a key is ignored.
fn start(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    wanted: &ListMultipartUploads,
    scope: Scope<'_>,
) -> Result<UploadsMarker, Failure> {
    match &wanted.key_marker {
        None => Ok(UploadsMarker::default()),
        Some(Marker::Token(token)) => {
            let PagePosition { token, after } = context.key.key.page_tokens.open(scope, token)?;
            let upload = token.map(UploadId::new).transpose().map_err(|_| not_of_this_list())?;
            Ok(UploadsMarker { key: resolved.opened_marker(after)?, upload })
        }
        Some(Marker::Key(key)) => {
            let key = resolved.folder().add(key);
            let open = |upload| resolved.open_upload(context, &key, upload).map_err(wrong_marker);
            let upload = wanted.upload_marker.as_ref().map(open).transpose()?;
            Ok(UploadsMarker { key: Some(key), upload })
        }
    }
}

fn wrong_marker(error: Failure) -> Failure {
    match error.kind {
        FailureKind::UploadNotFound => Failure::new(
            FailureKind::InvalidValue,
            "upload-id-marker is not the id of an upload to the object in key-marker.",
        ),
        _ => error,
    }
}

/// Drops other folders, whatever the provider returns, and folds the uploads that the provider didn't fold.
fn fold(page: &mut UploadsPage, prefix: &str, delimiter: Option<&str>) {
    page.uploads.retain(|upload| upload.key.starts_with(prefix));
    page.prefixes.retain(|common| common.starts_with(prefix));
    let Some(delimiter) = delimiter else { return };
    let common = |key: &str| {
        let rest = key.strip_prefix(prefix)?;
        let end = rest.find(delimiter)? + delimiter.len();
        Some(format!("{prefix}{}", rest.get(..end)?))
    };
    let prefixes = &mut page.prefixes;
    page.uploads.retain(|upload| match common(&upload.key) {
        Some(common) => {
            prefixes.push(common);
            false
        }
        None => true,
    });
    page.prefixes.sort_unstable();
    page.prefixes.dedup();
}

fn document(
    resolved: &ResolvedBucket,
    wanted: &ListMultipartUploads,
    page: &UploadsPage,
    next: Option<&str>,
) -> http::Response<crate::execute::GatewayBody> {
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
    answer::document(document.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_elsewhere_are_left_out_and_the_rest_is_folded_once() {
        let upload = |key: &str| ListedUpload { key: key.to_owned(), ..Default::default() };
        let keys = ["f/a", "f/b/1", "f/b/2", "g/x", "fx", "f/c/d/e"];
        let all = UploadsPage {
            uploads: keys.map(upload).to_vec(),
            prefixes: vec!["f/b/".into(), "g/".into()],
            next: None,
        };
        let mut page = all.clone();
        fold(&mut page, "f/", Some("/"));
        assert_eq!(page.uploads, [upload("f/a")]);
        assert_eq!(page.prefixes, ["f/b/", "f/c/"]);
        let mut page = all;
        fold(&mut page, "f/b/", None);
        assert_eq!(page.uploads, [upload("f/b/1"), upload("f/b/2")]);
    }
}
