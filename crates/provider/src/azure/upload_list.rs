//! Lists uploads in progress: List Blobs with blobs that have only uncommitted blocks, then Get Block List for each.
//!
//! The service can't tell which blobs have uncommitted blocks besides committed ones, so every blob with the prefix
//! is looked at. One page looks at up to [`BLOBS`] of them. It may therefore contain no uploads and still have a
//! next page.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::azure::AzureDriver;
use crate::azure::key::check_key;
use crate::azure::upload_blocks::{Upload, uploads_in};
use crate::driver::{
    ListRequest, ListedUpload, PageToken, UploadId, UploadLists, UploadsMarker, UploadsPage, UploadsRequest,
};
use crate::error::ProviderError;

/// The most blobs that a page looks at.
const BLOBS: u16 = 100;
/// How many blobs are looked at concurrently.
const AT_ONCE: usize = 16;
/// What the text of a position begins with. No upload id does.
const POSITION: &str = "at.";

#[async_trait]
impl UploadLists for AzureDriver {
    async fn list_uploads(&self, request: &UploadsRequest) -> Result<UploadsPage, ProviderError> {
        let from = Position::read(&request.after);
        let blobs = ListRequest {
            prefix: request.prefix.clone(),
            token: from.blobs.clone(),
            max_keys: Some(request.max_uploads.clamp(1, BLOBS)),
            ..Default::default()
        };
        let listed = self.list_blobs(&blobs, "uncommittedblobs").await?;
        // The gateway can't have begun an upload to a key that it refuses.
        let keys = listed.objects.into_iter().map(|blob| blob.key).filter(|key| check_key(key).is_ok());
        let looking = keys.map(|key| async move {
            let uploads = uploads_in(&self.blocks(&key).await?);
            Ok::<_, ProviderError>((key, uploads))
        });
        let found: Vec<(String, Vec<Upload>)> = stream::iter(looking).buffered(AT_ONCE).try_collect().await?;
        let next = listed.next.map(|blobs| Position { after: from.after.clone(), blobs: Some(blobs) });
        page(found, &from, next, usize::from(request.max_uploads))
    }
}

/// The uploads of a page that begins at `from`. `next` is where the list continues if all of them fit.
fn page(
    found: Vec<(String, Vec<Upload>)>,
    from: &Position,
    next: Option<Position>,
    most: usize,
) -> Result<UploadsPage, ProviderError> {
    let all =
        found.into_iter().flat_map(|(key, uploads)| uploads.into_iter().map(move |one| (key.clone(), one)));
    let mut rest = all.filter(|(key, upload)| from.is_before(key, &name_of(upload)));
    let mut page = UploadsPage::default();
    let mut last = None;
    for (key, upload) in rest.by_ref().take(most) {
        last = Some((key.clone(), name_of(&upload)));
        let (id, initiated) = (upload.id()?.as_str().to_owned(), upload.began());
        page.uploads.push(ListedUpload { key, upload: id, initiated, storage_class: None });
    }
    let next = match rest.next() {
        Some(_) => Some(Position { after: last, blobs: from.blobs.clone() }),
        None => next,
    };
    page.next = next.map(Position::write).transpose()?;
    Ok(page)
}

fn name_of(upload: &Upload) -> String {
    upload.name().simple().to_string()
}

/// Where a page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Position {
    /// The key and the name of the last upload that is not on the page.
    after: Option<(String, String)>,
    /// The service's marker of the page of blobs.
    blobs: Option<PageToken>,
}

impl Position {
    /// Reads a position that [`Position::write`] wrote, or the key and the upload id of a client.
    fn read(marker: &UploadsMarker) -> Self {
        let upload = marker.upload.as_ref().map(UploadId::as_str);
        let key = marker.key.clone();
        if let Some((name, blobs)) = upload.and_then(|text| text.strip_prefix(POSITION)?.split_once('.')) {
            let blobs = URL_SAFE_NO_PAD.decode(blobs).ok().and_then(|blobs| String::from_utf8(blobs).ok());
            return Self {
                after: key.map(|key| (key, name.to_owned())),
                blobs: blobs.and_then(|blobs| PageToken::new(blobs).ok()),
            };
        }
        let name = upload.map_or(LAST, |id| id.split('.').next().unwrap_or_default());
        Self { after: key.map(|key| (key, name.to_owned())), blobs: None }
    }

    fn write(self) -> Result<UploadsMarker, ProviderError> {
        let (key, name) = self.after.unzip();
        let blobs = URL_SAFE_NO_PAD.encode(self.blobs.as_ref().map_or("", PageToken::as_str));
        let upload = UploadId::new(format!("{POSITION}{}.{blobs}", name.unwrap_or_default()))
            .map_err(|_| ProviderError::NotAnObjectStore { status: None })?;
        Ok(UploadsMarker { key, upload: Some(upload) })
    }

    fn is_before(&self, key: &str, name: &str) -> bool {
        self.after.as_ref().is_none_or(|(last_key, last)| (key, name) > (last_key.as_str(), last.as_str()))
    }
}

/// Sorts after all names.
const LAST: &str = "~";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::NewUpload;

    #[test]
    fn positions_read_back() {
        let blobs = PageToken::new("2!92!a//b").ok();
        for position in [
            Position::default(),
            Position { after: None, blobs: blobs.clone() },
            Position { after: Some(("a//b".into(), "0f".into())), blobs },
        ] {
            assert_eq!(Position::read(&position.clone().write().unwrap()), position);
        }
        let of_client = |key: &str, upload: Option<&str>| {
            Position::read(&UploadsMarker {
                key: Some(key.to_owned()),
                upload: upload.map(|id| UploadId::new(id).unwrap()),
            })
        };
        let after_key = of_client("b", None);
        assert!(
            after_key.is_before("b/", "0")
                && !after_key.is_before("b", "f")
                && !after_key.is_before("a", "f")
        );
        let after_upload = of_client("b", Some("0b.W10"));
        assert!(after_upload.is_before("b", "0c") && !after_upload.is_before("b", "0b"));
    }

    #[test]
    fn a_page_ends_in_the_middle_of_a_key() {
        let begun = |seconds: i64| {
            let now = jiff::Timestamp::from_second(1_800_000_000 + seconds).unwrap();
            Upload::new(now, &NewUpload::default())
        };
        let found = || vec![("a".to_owned(), vec![]), ("b".to_owned(), vec![begun(1), begun(2), begun(3)])];
        let all = found();
        let next = Position { after: None, blobs: PageToken::new("next").ok() };
        let mut from = Position { after: None, blobs: PageToken::new("this").ok() };
        let mut names = Vec::new();
        for expected in [2, 1] {
            let page = page(all.clone(), &from, Some(next.clone()), 2).unwrap();
            assert_eq!(page.uploads.len(), expected);
            names.extend(page.uploads.into_iter().map(|one| one.upload));
            from = Position::read(&page.next.unwrap());
        }
        assert_eq!(from, next, "the list continues with the next page of blobs");
        let expected: Vec<_> = all[1].1.iter().map(|one| one.id().unwrap().as_str().to_owned()).collect();
        assert_eq!(names, expected);
    }
}
