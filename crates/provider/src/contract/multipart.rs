//! Multipart uploads.

use bytes::Bytes;

use super::{get, keys, kind, list};
use crate::driver::{Conditions, Driver, ListRequest, NewUpload, ObjectAttributes, Part, UploadCompletion};
use crate::error::ErrorKind;
use crate::payload::Payload;

fn first_part(driver: &dyn Driver) -> Bytes {
    let size =
        usize::try_from(driver.capabilities().multipart.min_part_bytes).expect("a part fits into memory");
    Bytes::from(vec![b'a'; size.max(1)])
}

fn of_parts(parts: &[Part]) -> UploadCompletion<'_> {
    UploadCompletion { parts, ..Default::default() }
}

/// An object is created from two parts, of which the second is stored first.
pub async fn parts_become_an_object(driver: &dyn Driver) {
    let attributes = ObjectAttributes { content_type: Some("text/parts".into()), ..Default::default() };
    let key = "made of parts/ü";
    let upload =
        driver.create_multipart(key, &NewUpload { attributes, ..Default::default() }).await.expect("create");
    let content = first_part(driver);
    let second = driver.upload_part(key, &upload, 2, Payload::bytes("the end")).await.expect("part 2");
    let first = driver.upload_part(key, &upload, 1, Payload::bytes(content.clone())).await.expect("part 1");
    assert_eq!((first.number, second.number, second.size), (1, 2, 7));
    assert!(list(driver, ListRequest::default()).await.objects.is_empty(), "parts aren't objects");

    let parts = [first, second];
    let stored = driver.complete_multipart(key, &upload, &of_parts(&parts)).await.expect("complete");
    assert!(stored.etag.is_some());
    let expected = [&content[..], b"the end"].concat();
    assert_eq!(get(driver, key).await, expected);
    let info = driver.head(key, &Conditions::default()).await.expect("head");
    assert_eq!(info.attributes.content_type.as_deref(), Some("text/parts"));
    assert_eq!(keys(&list(driver, ListRequest::default()).await), [key]);
}

/// Stored parts can be listed.
pub async fn stored_parts_are_listed(driver: &dyn Driver) {
    let upload = driver.create_multipart("key", &NewUpload::default()).await.expect("create");
    let mut stored = Vec::new();
    for number in [1, 3, 7] {
        let payload = Payload::bytes(vec![b'x'; number as usize]);
        stored.push(driver.upload_part("key", &upload, number, payload).await.expect("a part"));
    }
    let page = driver.list_parts("key", &upload, 0).await.expect("parts");
    assert_eq!((page.parts, page.next), (stored.clone(), None));
    let after = driver.list_parts("key", &upload, 3).await.expect("parts");
    assert_eq!(after.parts, stored[2..]);
    driver.abort_multipart("key", &upload).await.expect("abort");
}

/// After an abort, neither the object nor the upload exists.
pub async fn an_aborted_upload_is_gone(driver: &dyn Driver) {
    let upload = driver.create_multipart("key", &NewUpload::default()).await.expect("create");
    let part = driver.upload_part("key", &upload, 1, Payload::bytes("x")).await.expect("a part");
    driver.abort_multipart("key", &upload).await.expect("abort");
    let completed = driver.complete_multipart("key", &upload, &of_parts(&[part])).await;
    assert_eq!(kind(completed), ErrorKind::UploadNotFound);
    assert!(list(driver, ListRequest::default()).await.objects.is_empty());
}
