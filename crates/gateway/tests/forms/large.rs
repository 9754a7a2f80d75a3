//! Files that are streamed.

use crate::context::TestContext;
use crate::draft::{Draft, END, send_body};

const MIB: usize = 1 << 20;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

pub(crate) async fn a_large_file_is_streamed(context: &TestContext) {
    let end = END.trim_end();
    let file = content(12 * MIB);
    // The SHA-256 of the file is checked while it passes.
    let digest = ring::digest::digest(&ring::digest::SHA256, &file);
    let digest = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest);
    let form = |key: &str| {
        Draft::new(key, file.clone())
            .field("Content-Type", "image/x-large")
            .field("x-amz-meta-color", "gray")
            .field("x-amz-checksum-sha256", &digest)
    };
    for (key, form) in [
        ("a", form("a")),
        ("b", form("b").ending(end)),
        ("c", form("c").followed_by("submit", "Upload")),
        // Nearly as much as may follow the file.
        ("d", form("d").followed_by("x", &"x".repeat(20_270))),
    ] {
        let answer = form.send(context).await;
        assert_eq!(answer.status, 204, "{key} {answer:?}");
        let (read, stored) = context.read(key).await;
        assert!(stored == file, "{key}");
        assert_eq!(answer.header("etag"), read.info.etag.as_deref());
        assert_eq!(answer.header("x-amz-checksum-sha256"), Some(digest.as_str()));
        assert_eq!(read.info.attributes.content_type.as_deref(), Some("image/x-large"));
        assert_eq!(read.info.attributes.metadata, [("color".to_owned(), "gray".to_owned())]);
    }
    let shorter = Draft::new("a", content(7 * MIB)).send(context).await;
    assert_eq!(shorter.status, 204, "{shorter:?}");
    let rows = context.rows(5).await;
    for (row, (bytes, change)) in rows.iter().zip([(12, 12), (12, 12), (12, 12), (12, 12), (7, -5)]) {
        assert_eq!((row.upload_bytes, row.size_change), (bytes << 20, change << 20));
    }
}

pub(crate) async fn a_large_form_that_breaks_off_stores_nothing(context: &TestContext) {
    let form = Draft::new("k", content(8 * MIB));
    let body = form.body();
    let cut = body.len() - 4 * MIB;
    send_body(context, "/photos", &body[..cut], Some(body.len())).await;
    let digest = form.clone().field("x-amz-checksum-crc32", "AAAAAA==");
    for (what, form, code) in [
        ("no end", form.clone().ending(""), "MalformedPOSTRequest"),
        ("a damaged end", form.clone().ending("\r\n--"), "MalformedPOSTRequest"),
        ("no last boundary", form.clone().ending(&END.replace("--\r\n", "\r\n")), "MalformedPOSTRequest"),
        (
            "too much after the file",
            form.clone().followed_by("x", &"x".repeat(21_000)),
            "MalformedPOSTRequest",
        ),
        ("another checksum", digest, "BadDigest"),
    ] {
        assert_eq!(form.send(context).await.code(), code, "{what}");
        assert!(!context.exists("k").await, "{what}");
    }
    context.eventually(async || (context.uploads().await == 0).then_some(())).await;
    assert!(!context.exists("k").await);
    let rows = context.rows(6).await;
    assert!(
        rows.iter().all(|row| row.size_change == 0 && row.errors == 1 && row.provider_errors == 0),
        "{rows:?}"
    );
}

pub(crate) async fn a_large_file_outside_of_its_range_is_not_stored(context: &TestContext) {
    let form = |range: &str| {
        Draft::new("k", content(8 * MIB)).condition(&format!("[\"content-length-range\", {range}]"))
    };
    for (range, code) in [
        ("0, 1000", "EntityTooLarge"),
        ("0, 8388607", "EntityTooLarge"),
        ("8388609, 9000000", "EntityTooSmall"),
        ("80000000, 90000000", "EntityTooSmall"),
    ] {
        assert_eq!(form(range).send(context).await.code(), code, "{range}");
        assert!(!context.exists("k").await, "{range}");
    }
    assert_eq!(form("8388608, 8388608").send(context).await.status, 204);
    assert_eq!(context.uploads().await, 0);
}
