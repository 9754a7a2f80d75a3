//! Forms that are stored.

use crate::context::TestContext;
use crate::draft::{Draft, content_type};

pub(crate) async fn a_form_stores_its_file(context: &TestContext) {
    let form = Draft::new("user/${filename}", "meow")
        .condition(r#"["starts-with", "$key", "user/"]"#)
        .condition(r#"["content-length-range", 1, 4]"#)
        .field("acl", "private")
        .field("Content-Type", "image/jpeg")
        .field("Cache-Control", "max-age=60")
        .field("Content-Disposition", "inline")
        .field("x-amz-meta-color", "gray")
        .field("x-amz-checksum-crc32", "4mIZxQ==")
        .uncovered("x-ignore-submit", "Upload");
    let answer = form.send(context).await;
    assert_eq!(
        (answer.code(), answer.body.as_str()),
        ("BadDigest", answer.body.as_str()),
        "the checksum is wrong"
    );
    assert!(!context.exists("user/cat.jpg").await);

    let mut form = form;
    form.content = b"123456789".to_vec();
    let form = form.condition(r#"["starts-with", "$x-amz-meta-color", ""]"#);
    assert_eq!(form.send(context).await.code(), "EntityTooLarge");

    let form = Draft::new("user/${filename}", "123456789")
        .field("acl", "private")
        .field("Content-Type", "image/jpeg")
        .field("Cache-Control", "max-age=60")
        .field("x-amz-meta-color", "gray")
        .field("x-amz-checksum-crc32", "y/Q5Jg==")
        .uncovered("x-ignore-submit", "Upload");
    let answer = form.send(context).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    assert_eq!(answer.header("location"), Some("/photos/user/cat.jpg"));
    assert_eq!(answer.header("x-amz-checksum-crc32"), Some("y/Q5Jg=="));
    let (read, content) = context.read("user/cat.jpg").await;
    assert_eq!(content, "123456789");
    assert_eq!(answer.header("etag"), read.info.etag.as_deref());
    let stored = read.info.attributes;
    assert_eq!(stored.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(stored.cache_control.as_deref(), Some("max-age=60"));
    assert_eq!(stored.metadata, [("color".to_owned(), "gray".to_owned())]);

    let empty = Draft::new("empty", "").send(context).await;
    assert_eq!(empty.status, 204, "{empty:?}");
    assert_eq!(context.read("empty").await.1, "");

    let host = format!("Host: photos.gateway.test\r\n{}", content_type());
    let by_host = context.send("/", &host, &Draft::new("by-host", "x").body(), None).await;
    assert_eq!((by_host.status, by_host.header("location")), (204, Some("/photos/by-host")));
}

pub(crate) async fn the_form_chooses_the_response(context: &TestContext) {
    let answer = Draft::new("a&b", "x").field("success_action_status", "201").send(context).await;
    assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/xml")));
    let etag = answer.header("etag").unwrap().replace('"', "&quot;");
    let expected = format!(
        "<Location>/photos/a%26b</Location><Bucket>photos</Bucket><Key>a&amp;b</Key><ETag>{etag}</ETag></PostResponse>"
    );
    assert!(answer.body.ends_with(&expected), "{}", answer.body);
    let answer = Draft::new("k", "x").field("success_action_status", "200").send(context).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let page = "http://example.com/done?x=1";
    let answer = Draft::new("k", "x").field("success_action_redirect", page).send(context).await;
    let etag = answer.header("etag").unwrap().replace('"', "%22");
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some(format!("{page}&bucket=photos&key=k&etag={etag}").as_str()));
    let script =
        Draft::new("none", "x").field("success_action_redirect", "javascript:alert(1)").send(context).await;
    assert_eq!(script.code(), "InvalidArgument");
    assert!(!context.exists("none").await);
}

pub(crate) async fn fields_after_the_file_are_ignored(context: &TestContext) {
    let answer = Draft::new("k", "content").followed_by("acl", "public-read").send(context).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(context.read("k").await.1, "content");
    let long = Draft::new("none", "content").followed_by("submit", &"x".repeat(30_000)).send(context).await;
    assert_eq!(long.code(), "MalformedPOSTRequest");
    assert!(!context.exists("none").await);
}

pub(crate) async fn a_form_that_is_sent_twice_replaces_the_object(context: &TestContext) {
    let form = Draft::new("k", "first, and longer");
    assert_eq!(form.send(context).await.status, 204);
    assert_eq!(form.send(context).await.status, 204);
    assert_eq!(Draft::new("k", "second").send(context).await.status, 204);
    assert_eq!(context.read("k").await.1, "second");
    let changes: Vec<i64> = context.rows(3).await.iter().map(|row| row.size_change).collect();
    assert_eq!(changes, [17, 0, -11]);
}

pub(crate) async fn what_is_stored_is_counted(context: &TestContext) {
    // Ends as some clients end forms, and with a field that nobody reads.
    let end = crate::draft::END.trim_end().to_owned();
    for form in [
        Draft::new("k", vec![1; 100_000]),
        Draft::new("k", vec![1; 100_000]).ending(&end),
        Draft::new("k", vec![1; 100_000]).followed_by("submit", "Upload"),
    ] {
        assert_eq!(form.send(context).await.status, 204);
    }
    assert_eq!(Draft::new("k", "x").expired().send(context).await.code(), "AccessDenied");
    assert_eq!(Draft::new("k", "x").uncovered("a", "b").send(context).await.code(), "AccessDenied");
    let rows = context.rows(3).await;
    assert_eq!(rows.len(), 3, "a form is counted once its bucket is known");
    for row in rows {
        assert_eq!((row.requests, row.writes, row.errors, row.upload_bytes), (1, 1, 0, 100_000));
    }
}

pub(crate) async fn a_form_may_have_tags(context: &TestContext) {
    let tags = "<Tagging><TagSet><Tag><Key>colour</Key><Value>light blue</Value></Tag></TagSet></Tagging>";
    let answer = Draft::new("k", "x").field("tagging", tags).send(context).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(context.read("k").await.0.info.tag_count, Some(1));
    let twice = tags.replace("<Tag>", "<Tag><Key>colour</Key></Tag><Tag>");
    assert_eq!(Draft::new("none", "x").field("tagging", &twice).send(context).await.code(), "InvalidTag");
    assert!(!context.exists("none").await);
}
