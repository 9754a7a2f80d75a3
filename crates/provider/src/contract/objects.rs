//! Single objects.

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http_body_util::{BodyExt, StreamBody};
use jiff::{SignedDuration, Timestamp};

use super::{content, get, kind, put};
use crate::driver::{ByteRange, Conditions, CopyRequest, Driver, GetRequest, ObjectAttributes, PutRequest};
use crate::error::{ErrorKind, ProviderError};
use crate::payload::{Payload, sha256};

const TEXT: &str = "0123456789abcdef";

/// The basic cycle: put, read, replace, delete.
pub async fn what_is_put_can_be_read_and_deleted(driver: &dyn Driver) {
    let stored = put(driver, "key", TEXT).await;
    let info = driver.head("key", &Conditions::default()).await.expect("head");
    assert_eq!(info.size, Some(16));
    assert!(info.etag.is_some() && info.etag == stored.etag, "{info:?} {stored:?}");
    assert!(info.last_modified.is_some());
    assert_eq!(get(driver, "key").await, TEXT);

    put(driver, "key", "replaced").await;
    assert_eq!(get(driver, "key").await, "replaced");

    driver.delete("key", None).await.expect("delete");
    assert_eq!(kind(driver.get("key", &GetRequest::default()).await), ErrorKind::ObjectNotFound);
    driver.delete("key", None).await.expect("deleting a missing object succeeds");
}

/// Empty content is valid.
pub async fn an_empty_object_is_an_object(driver: &dyn Driver) {
    put(driver, "empty", "").await;
    let none = StreamBody::new(stream::iter(Vec::<Result<http_body::Frame<Bytes>, std::io::Error>>::new()));
    driver.put("streamed", Payload::stream(none, 0), &PutRequest::default()).await.expect("an empty stream");
    for key in ["empty", "streamed"] {
        assert_eq!(driver.head(key, &Conditions::default()).await.expect("head").size, Some(0));
        assert_eq!(get(driver, key).await, "");
    }
}

/// All three forms of ranges, and a range outside the object.
pub async fn ranges_are_read(driver: &dyn Driver) {
    put(driver, "key", TEXT).await;
    for (range, expected, place) in [
        (ByteRange::Closed(2, 5), "2345", (2, 5)),
        (ByteRange::Closed(0, 0), "0", (0, 0)),
        (ByteRange::Closed(10, 99), "abcdef", (10, 15)),
        (ByteRange::From(12), "cdef", (12, 15)),
        (ByteRange::Last(3), "def", (13, 15)),
    ] {
        let request = GetRequest { range: Some(range), ..Default::default() };
        let read = driver.get("key", &request).await.expect("a range");
        assert_eq!(read.range, Some(place), "{range:?}");
        assert_eq!(read.info.size, Some(16), "the size is that of the whole object");
        assert_eq!(content(read).await, expected, "{range:?}");
    }
    let outside = GetRequest { range: Some(ByteRange::From(16)), ..Default::default() };
    assert_eq!(kind(driver.get("key", &outside).await), ErrorKind::RangeNotSatisfiable);
}

/// GET and HEAD with conditions on entity tag and time.
pub async fn reading_is_conditional(driver: &dyn Driver) {
    if !driver.capabilities().conditional_get {
        return;
    }
    let etag = put(driver, "key", TEXT).await.etag;
    let stored =
        driver.head("key", &Conditions::default()).await.expect("head").last_modified.expect("a time");
    let long = SignedDuration::from_hours(24);
    let other = || Some("\"00000000000000000000000000000000\"".to_owned());
    let (before, after): (Option<Timestamp>, Option<Timestamp>) = (Some(stored - long), Some(stored));
    for (conditions, expected) in [
        (Conditions { if_match: etag.clone(), ..Default::default() }, None),
        (Conditions { if_match: other(), ..Default::default() }, Some(ErrorKind::PreconditionFailed)),
        (Conditions { if_none_match: other(), ..Default::default() }, None),
        (Conditions { if_none_match: etag.clone(), ..Default::default() }, Some(ErrorKind::NotModified)),
        (Conditions { if_modified_since: before, ..Default::default() }, None),
        (Conditions { if_modified_since: after, ..Default::default() }, Some(ErrorKind::NotModified)),
        (Conditions { if_unmodified_since: after, ..Default::default() }, None),
        (
            Conditions { if_unmodified_since: before, ..Default::default() },
            Some(ErrorKind::PreconditionFailed),
        ),
    ] {
        let read = driver.get("key", &GetRequest { range: None, conditions: conditions.clone() }).await;
        assert_eq!(read.err().and_then(|error| error.kind()), expected, "GET {conditions:?}");
        let head = driver.head("key", &conditions).await;
        assert_eq!(head.err().and_then(|error| error.kind()), expected, "HEAD {conditions:?}");
    }
}

/// PUT if absent, and PUT if unchanged.
pub async fn writing_is_conditional(driver: &dyn Driver) {
    let write = async |content: &'static str, conditions| {
        let request = PutRequest { conditions, ..Default::default() };
        driver.put("key", Payload::bytes(content), &request).await
    };
    let absent = || Conditions { if_none_match: Some("*".into()), ..Default::default() };
    if driver.capabilities().put_if_absent {
        write("first", absent()).await.expect("the object does not exist yet");
        assert_eq!(kind(write("second", absent()).await), ErrorKind::PreconditionFailed);
        assert_eq!(get(driver, "key").await, "first");
    }
    if driver.capabilities().put_if_match {
        let etag = put(driver, "key", "known").await.etag;
        let unchanged = Conditions { if_match: etag, ..Default::default() };
        write("changed", unchanged.clone()).await.expect("the object is unchanged");
        assert_eq!(kind(write("lost", unchanged).await), ErrorKind::PreconditionFailed);
        assert_eq!(get(driver, "key").await, "changed");
    }
}

fn attributes() -> ObjectAttributes {
    ObjectAttributes {
        content_type: Some("text/x-test; charset=utf-8".into()),
        cache_control: Some("max-age=60, private".into()),
        content_disposition: Some("attachment; filename=\"a b.txt\"".into()),
        content_language: Some("de".into()),
        content_encoding: Some("identity".into()),
        expires: None,
        metadata: vec![("colour".into(), "light  blue, or so".into()), ("n-1".into(), "x=y;z".into())],
    }
}

fn sorted(mut attributes: ObjectAttributes) -> ObjectAttributes {
    attributes.metadata.sort();
    attributes
}

/// HEAD and GET return what was stored with an object.
pub async fn attributes_and_metadata_come_back(driver: &dyn Driver) {
    let mut expected = attributes();
    // S3's signature collapses runs of spaces.
    expected.metadata[0].1 = "light blue, or so".into();
    let request = PutRequest { attributes: expected.clone(), ..Default::default() };
    driver.put("key", Payload::bytes(TEXT), &request).await.expect("put");
    let head = driver.head("key", &Conditions::default()).await.expect("head");
    assert_eq!(sorted(head.attributes), expected);
    let read = driver.get("key", &GetRequest::default()).await.expect("get");
    assert_eq!(sorted(read.info.attributes), expected);
}

/// Copies within the bucket, with odd source keys.
pub async fn a_copy_keeps_or_replaces_attributes(driver: &dyn Driver) {
    if !driver.capabilities().copy {
        return;
    }
    let source = "from here/ü + %2B";
    let request = PutRequest { attributes: attributes(), ..Default::default() };
    driver.put(source, Payload::bytes(TEXT), &request).await.expect("put");

    let stored = driver.copy(source, "kept", &CopyRequest::default()).await.expect("copy");
    assert!(stored.etag.is_some());
    assert_eq!(get(driver, "kept").await, TEXT);
    let kept = driver.head("kept", &Conditions::default()).await.expect("head").attributes;
    assert_eq!(kept.content_type, attributes().content_type);

    let other = ObjectAttributes {
        content_type: Some("text/other".into()),
        metadata: vec![("new".into(), "1".into())],
        ..Default::default()
    };
    let replace = CopyRequest { attributes: Some(other.clone()), ..Default::default() };
    driver.copy(source, "replaced", &replace).await.expect("copy");
    let replaced = driver.head("replaced", &Conditions::default()).await.expect("head").attributes;
    assert_eq!((replaced.content_type, replaced.metadata), (other.content_type, other.metadata));

    let missing = driver.copy("missing", "x", &CopyRequest::default()).await;
    assert_eq!(kind(missing), ErrorKind::ObjectNotFound);
}

/// 9 MiB are streamed in both directions in pieces of an odd size.
pub async fn large_bodies_are_streamed(driver: &dyn Driver) {
    let pieces: Vec<Bytes> = (0u8..=143).map(|n| Bytes::from(vec![n; 65_537])).collect();
    let whole = pieces.concat();
    let frames = pieces.into_iter().map(|piece| Ok::<_, std::io::Error>(http_body::Frame::data(piece)));
    let body = StreamBody::new(stream::iter(frames));
    let payload = Payload::stream(body, whole.len() as u64);
    driver.put("large", payload, &PutRequest::default()).await.expect("put");

    let mut read = driver.get("large", &GetRequest::default()).await.expect("get").body;
    let mut frames = 0;
    let mut back = Vec::new();
    while let Some(frame) = read.frame().await {
        back.extend_from_slice(&frame.expect("a frame").into_data().expect("data"));
        frames += 1;
    }
    assert_eq!(sha256(&back), sha256(&whole));
    assert!(frames > 10, "the body arrived in {frames} pieces");
}

/// An incomplete object isn't stored.
pub async fn a_source_that_ends_early_stores_nothing(driver: &dyn Driver) {
    let half = http_body_util::Full::new(Bytes::from_static(b"half"));
    let outcome = driver.put("half", Payload::stream(half, 8), &PutRequest::default()).await;
    assert!(matches!(outcome, Err(ProviderError::Source(_))), "{outcome:?}");
    assert_eq!(kind(driver.get("half", &GetRequest::default()).await), ErrorKind::ObjectNotFound);
}

/// The error for a missing object has its status and code. For a HEAD it has the status.
pub async fn what_is_missing_is_told_apart(driver: &dyn Driver) {
    let error = driver.get("missing", &GetRequest::default()).await.expect_err("the object is missing");
    let answer = error.answer().expect("a response");
    assert_eq!((answer.status, answer.kind), (StatusCode::NOT_FOUND, ErrorKind::ObjectNotFound));
    assert!(answer.code.is_some(), "the error has the provider's own code");
    let head = driver.head("missing", &Conditions::default()).await.expect_err("the object is missing");
    assert_eq!(head.answer().expect("a response").status, StatusCode::NOT_FOUND);
}
