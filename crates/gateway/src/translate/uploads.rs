//! `ListMultipartUploads`, where the provider tells of the uploads that go on.
//!
//! Where a page ends is told in a token of ours, as in lists of keys: providers know it by the key, by the upload or by
//! both, and the key lies below a folder that clients don't see.

use bucketry_provider::driver::{UploadsMarker, UploadsPage, UploadsRequest};
use jiff::Timestamp;

use crate::carry::{Answer, Context, Failure, Outcome, Place, answer};
use crate::list_token::{ListTokens, Place as Token, Scope};
use crate::operation::Uploads;
use crate::translate::bucket::owner;
use crate::xml::{Document, listed};

/// What the scope of a token is told apart by from a list of keys with the same prefix.
const UPLOADS: &str = "uploads ";

pub(super) async fn list(context: Context<'_>, place: &Place<'_>, wanted: &Uploads) -> Answer {
    let prefix = place.folder.text(&wanted.prefix);
    let told_apart = format!("{UPLOADS}{}", wanted.delimiter.as_deref().unwrap_or_default());
    let scope = Scope {
        repository: context.routes.repository(),
        bucket: place.bucket,
        prefix: &prefix,
        delimiter: Some(&told_apart),
    };
    let after = start(context, place, wanted, scope)?;
    let mut page = UploadsPage::default();
    if wanted.max_uploads > 0 {
        let request = UploadsRequest {
            prefix: prefix.clone(),
            delimiter: wanted.delimiter.clone(),
            after,
            max_uploads: wanted.max_uploads,
        };
        page = place.driver.list_uploads(&request).await.map_err(|error| place.failure(&error))?;
        fold(&mut page, &prefix, wanted.delimiter.as_deref());
    }
    let next = page.next.take().map(|next| Token { token: next.upload, after: next.key });
    let next = next.map(|next| context.list_tokens.seal(scope, &next)).transpose()?;
    Ok(Outcome::of(document(place, wanted, &page, next.as_deref())))
}

/// Where the page begins. An upload alone says nothing, as S3 has it.
fn start(
    context: Context<'_>,
    place: &Place<'_>,
    wanted: &Uploads,
    scope: Scope<'_>,
) -> Result<UploadsMarker, Failure> {
    match wanted.key_marker.as_deref() {
        None => Ok(UploadsMarker::default()),
        Some(marker) if ListTokens::is_token(marker) => {
            let Token { token, after } = context.list_tokens.open(scope, marker)?;
            Ok(UploadsMarker { key: after, upload: token })
        }
        Some(key) => {
            Ok(UploadsMarker { key: Some(place.folder.text(key)), upload: wanted.upload_marker.clone() })
        }
    }
}

/// Leaves out other folders, whatever the provider answers, and folds what it didn't fold: not all do.
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
    place: &Place<'_>,
    wanted: &Uploads,
    page: &UploadsPage,
    next: Option<&str>,
) -> http::Response<crate::carry::GatewayBody> {
    let name = |text: &str| listed(text, wanted.url_encoded);
    let mut document = Document::new("ListMultipartUploadsResult");
    document.element("Bucket", place.name);
    document.element("KeyMarker", &name(wanted.key_marker.as_deref().unwrap_or_default()));
    document.element("UploadIdMarker", wanted.upload_marker.as_deref().unwrap_or_default());
    document.optional("NextKeyMarker", next);
    // The token says all of it; clients hand both back.
    document
        .optional("NextUploadIdMarker", next.and(page.uploads.last()).map(|upload| upload.upload.as_str()));
    document.element("Prefix", &name(&wanted.prefix));
    document.optional("Delimiter", wanted.delimiter.as_deref().map(name).as_deref());
    document.optional("EncodingType", wanted.url_encoded.then_some("url"));
    document.element("MaxUploads", &wanted.max_uploads.to_string());
    document.element("IsTruncated", if next.is_some() { "true" } else { "false" });
    for upload in &page.uploads {
        let Some(key) = place.folder.strip(&upload.key) else { continue };
        document.group("Upload", |document| {
            document.element("Key", &name(key));
            document.element("UploadId", &upload.upload);
            owner(document, "Initiator");
            owner(document, "Owner");
            document.element("StorageClass", upload.storage_class.as_deref().unwrap_or("STANDARD"));
            document.time("Initiated", upload.initiated.unwrap_or(Timestamp::UNIX_EPOCH));
        });
    }
    for common in page.prefixes.iter().filter_map(|common| place.folder.strip(common)) {
        document.group("CommonPrefixes", |document| document.element("Prefix", &name(common)));
    }
    answer::document(document.finish())
}

#[cfg(test)]
mod tests {
    use bucketry_provider::driver::ListedUpload;

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
