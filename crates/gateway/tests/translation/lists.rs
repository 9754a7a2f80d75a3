//! The three list operations.

use bucketry_gateway::internals::error::Code;
use http::Method;

use crate::context::TestContext;

const KEYS: [&str; 7] = ["a", "b/1", "b/2", "b/c/3", "d", "e/4", "f"];

async fn fill(context: &TestContext) {
    for key in KEYS {
        context.put(&format!("/one/{key}"), key).await;
    }
    // Keys outside the folder are never listed, even if their names start similarly.
    for key in ["outside", "in/her", "in/hereafter/x", "in/x", "zzz"] {
        context.put_beside(key).await;
    }
}

pub(crate) async fn lists_show_the_folder_only(context: &TestContext) {
    fill(context).await;
    for form in ["?list-type=2", "?", "?versions"] {
        let list = context.get(&format!("/one{form}")).await;
        assert_eq!(list.elements("Key"), KEYS, "{form}");
        assert!(!list.text().contains("in/here"), "{}", list.text());
        assert_eq!(list.element("IsTruncated").as_deref(), Some("false"));
        let folded = context.get(&format!("/one{form}&delimiter=/")).await;
        assert_eq!(folded.elements("Key"), ["a", "d", "f"], "{form}");
        assert!(folded.text().contains("<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>"));
        let below = context.get(&format!("/one{form}&delimiter=/&prefix=b/")).await;
        assert_eq!(below.elements("Key"), ["b/1", "b/2"], "{form}");
        assert!(below.text().contains("<CommonPrefixes><Prefix>b/c/</Prefix></CommonPrefixes>"));
    }
    let second = context.get("/one?list-type=2&fetch-owner=true&prefix=a").await;
    assert_eq!(second.element("KeyCount").as_deref(), Some("1"));
    assert_eq!(second.elements("Owner").len(), 1);
    assert_eq!(second.element("Size").as_deref(), Some("1"));
    assert!(second.element("ETag").unwrap().starts_with('"'));
    assert!(second.element("LastModified").unwrap().ends_with('Z'));
    assert_eq!(context.get("/one?versions&prefix=a").await.element("VersionId").as_deref(), Some("null"));
}

/// "Create folder" in a provider's console stores an empty object that is named like the folder. Within the folder it
/// has no key.
pub(crate) async fn the_marker_of_the_folder_is_not_listed(context: &TestContext) {
    context.put_beside("in/here/").await;
    for form in ["?list-type=2", "?", "?versions", "?list-type=2&delimiter=/", "?list-type=2&prefix="] {
        let list = context.get(&format!("/one{form}")).await;
        assert!(list.elements("Key").is_empty(), "{form}: {}", list.text());
        assert!(!list.text().contains("<CommonPrefixes>"), "{form}: {}", list.text());
    }
    context.put("/one/sub/", "").await;
    let list = context.get("/one?list-type=2").await;
    assert_eq!(
        (list.elements("Key"), list.element("KeyCount")),
        (vec!["sub/".to_owned()], Some("1".to_owned()))
    );
}

pub(crate) async fn pages_join_without_gaps_in_every_form(context: &TestContext) {
    fill(context).await;
    for (form, marker, next) in [
        ("list-type=2", "continuation-token", "NextContinuationToken"),
        ("x-id=ListObjects", "marker", "NextMarker"),
        ("versions", "key-marker", "NextKeyMarker"),
    ] {
        for (delimiter, expected) in [("", KEYS.to_vec()), ("&delimiter=/", vec!["a", "b/", "d", "e/", "f"])]
        {
            let mut found = Vec::new();
            let mut from = String::new();
            for _ in 0..20 {
                let list = context.get(&format!("/one?{form}&max-keys=2{delimiter}{from}")).await;
                found.extend(list.elements("Key"));
                let prefixes = list.text().replace("<Name>one</Name><Prefix></Prefix>", "");
                found.extend(
                    prefixes
                        .split("<Prefix>")
                        .skip(1)
                        .map(|rest| rest.split("</Prefix>").next().unwrap_or_default().to_owned()),
                );
                let Some(token) = list.element(next) else { break };
                assert_eq!(list.element("IsTruncated").as_deref(), Some("true"));
                from = format!("&{marker}={token}");
            }
            found.sort_unstable();
            assert_eq!(found, expected, "{form} {delimiter}");
        }
    }
}

/// As in S3, clients of the older operations may also continue after the last key of a page themselves.
pub(crate) async fn the_next_marker_is_the_last_name(context: &TestContext) {
    fill(context).await;
    for (form, next) in [("x-id=ListObjects", "NextMarker"), ("versions", "NextKeyMarker")] {
        for query in ["max-keys=2", "max-keys=2&delimiter=/"] {
            let list = context.get(&format!("/one?{form}&{query}")).await;
            let names = [list.elements("Key"), list.elements("Prefix")].concat();
            assert_eq!(list.element(next).as_ref(), names.iter().max(), "{form} {query}");
        }
        let whole = context.get(&format!("/one?{form}")).await;
        assert_eq!(whole.element(next), None, "the last page has none");
    }
    context.put("/one/f b%2Bc", "").await;
    context.put("/one/f bc", "").await;
    let encoded = context.get("/one?max-keys=2&prefix=f&encoding-type=url").await;
    assert_eq!(encoded.element("NextMarker").as_deref(), Some("f%20b%2Bc"));
    let rest = context.get("/one?max-keys=1&prefix=f&marker=f%20b%2Bc").await;
    assert_eq!(rest.elements("Key"), ["f bc"]);
}

pub(crate) async fn a_list_starts_after_a_key(context: &TestContext) {
    fill(context).await;
    for (form, parameter) in
        [("list-type=2", "start-after"), ("x-id=x", "marker"), ("versions", "key-marker")]
    {
        let list = context.get(&format!("/one?{form}&{parameter}=b/2")).await;
        assert_eq!(list.elements("Key"), ["b/c/3", "d", "e/4", "f"], "{form}");
        let none = context.get(&format!("/one?{form}&{parameter}=x")).await;
        assert_eq!(none.elements("Key"), [""; 0], "{form}");
    }
    let folded = context.get("/one?delimiter=/&marker=b/").await;
    assert_eq!(folded.elements("Key"), ["d", "f"]);
    assert!(!folded.text().contains("<Prefix>b/</Prefix>"));
}

pub(crate) async fn tokens_are_good_for_their_list_only(context: &TestContext) {
    fill(context).await;
    context.put("/two/x", "x").await;
    context.put("/two/y", "y").await;
    let token = context.get("/one?list-type=2&max-keys=1").await.element("NextContinuationToken").unwrap();
    for path in [
        format!("/two?list-type=2&continuation-token={token}"),
        format!("/one?list-type=2&prefix=a&continuation-token={token}"),
        format!("/one?list-type=2&delimiter=/&continuation-token={token}"),
        "/one?list-type=2&continuation-token=made-up".to_owned(),
    ] {
        assert_eq!(context.refused(Method::GET, &path, &[]).await.code, Code::InvalidArgument, "{path}");
    }
}

pub(crate) async fn a_list_of_nothing_is_empty(context: &TestContext) {
    let empty = context.get("/one?list-type=2").await;
    assert_eq!((empty.elements("Key").len(), empty.element("KeyCount").as_deref()), (0, Some("0")));
    assert_eq!(empty.element("ContinuationToken"), None);
    let echoed = context.get("/one?list-type=2&continuation-token=").await;
    assert_eq!(echoed.element("ContinuationToken").as_deref(), Some(""));
    fill(context).await;
    for form in ["list-type=2", "x-id=x", "versions"] {
        let none = context.get(&format!("/one?{form}&max-keys=0")).await;
        assert_eq!(none.elements("Key").len(), 0);
        assert_eq!(none.element("IsTruncated").as_deref(), Some("false"));
        assert_eq!(none.element("MaxKeys").as_deref(), Some("0"));
    }
}
