//! Lists multipart uploads in progress.
//!
//! As in lists of keys, a token of the gateway marks the end of a page. Providers identify that position by key, by
//! upload or by both, and the key includes a folder that clients must not see.

use bucketry_provider::driver::{ListedUpload, UploadId, UploadsMarker, UploadsPage, UploadsRequest};

use crate::failure::{Failure, FailureKind};
use crate::object::context::RequestContext;
use crate::routing::object_key::KeyText;
use crate::routing::page_token::{Marker, PagePosition, Scope, not_of_this_list};
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::upload_id::SealedUploadId;

/// Distinguishes the scope of these tokens from that of lists of keys with the same prefix.
const UPLOADS: &str = "uploads ";

/// The page of the uploads to read.
pub(crate) struct UploadsQuery<'a> {
    /// Only uploads to keys that start with this.
    pub(crate) prefix: &'a KeyText,
    /// Folds keys that contain this after the prefix into common prefixes.
    pub(crate) delimiter: Option<&'a KeyText>,
    /// Where the page starts. `None` is the beginning.
    pub(crate) start: Option<&'a Marker>,
    /// Where the page starts among the uploads of that key.
    pub(crate) upload: Option<&'a SealedUploadId>,
    /// The most uploads and common prefixes.
    pub(crate) most: u16,
}

/// A page of the uploads, and the token at which the next page starts. Keys include the repository's folder; the ids
/// are those for clients.
pub(crate) async fn page(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    wanted: &UploadsQuery<'_>,
) -> Result<(UploadsPage, Option<String>), Failure> {
    let prefix = resolved.folder().add(wanted.prefix);
    let delimiter = wanted.delimiter.map(KeyText::as_str);
    let told_apart = format!("{UPLOADS}{}", delimiter.unwrap_or_default());
    let scope = Scope {
        repository: context.key.routes.repository(),
        bucket: resolved.id(),
        prefix: &prefix,
        delimiter: Some(&told_apart),
    };
    let after = start(context, resolved, wanted, scope)?;
    let mut page = UploadsPage::default();
    if wanted.most > 0 {
        let request = UploadsRequest {
            prefix: prefix.clone(),
            delimiter: delimiter.map(str::to_owned),
            after,
            max_uploads: wanted.most,
        };
        page = resolved.driver().list_uploads(&request).await.map_err(|error| resolved.failure(&error))?;
        fold(&mut page, &prefix, delimiter);
    }
    let next = page.next.take().map(|UploadsMarker { key, upload }| PagePosition {
        token: upload.map(|upload| upload.as_str().to_owned()),
        after: key,
    });
    let next = next.map(|next| context.key.seals()?.page_tokens.seal(scope, &next)).transpose()?;
    seal(context, resolved, &mut page)?;
    Ok((page, next))
}

/// Replaces the provider's upload ids by those for clients. An upload with an unusable id is left out.
fn seal(context: &RequestContext, resolved: &ResolvedBucket, page: &mut UploadsPage) -> Result<(), Failure> {
    for upload in std::mem::take(&mut page.uploads) {
        if let Ok(id) = UploadId::new(upload.upload.as_str()) {
            let sealed = resolved.seal_upload(&context.key, &upload.key, &id)?;
            page.uploads.push(ListedUpload { upload: sealed, ..upload });
        }
    }
    Ok(())
}

/// Where the page starts. As in S3, an upload id without a key is ignored.
fn start(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    wanted: &UploadsQuery<'_>,
    scope: Scope<'_>,
) -> Result<UploadsMarker, Failure> {
    match wanted.start {
        None => Ok(UploadsMarker::default()),
        Some(Marker::Token(token)) => {
            let PagePosition { token, after } = context.key.seals()?.page_tokens.open(scope, token)?;
            let upload = token.map(UploadId::new).transpose().map_err(|_| not_of_this_list())?;
            Ok(UploadsMarker { key: resolved.opened_marker(after)?, upload })
        }
        Some(Marker::Key(key)) => {
            let key = resolved.folder().add(key);
            let open = |upload| resolved.open_upload(&context.key, &key, upload).map_err(wrong_marker);
            let upload = wanted.upload.map(open).transpose()?;
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
