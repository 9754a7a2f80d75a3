//! Keys are passed through byte for byte.

use super::{get, keys, list, put};
use crate::driver::{Driver, GetRequest, ListRequest, PutRequest};
use crate::error::ProviderError;
use crate::payload::Payload;

/// Keys that some layers tend to change.
pub const ODD_KEYS: &[&str] = &[
    "plain",
    "a b+c&d=e?f#g%h",
    " lead and trail ",
    "%2e%2e/x",
    "100%25",
    "+plus+",
    "~_.'()*!",
    "ünï/côdé",
    "e\u{301}",
    "🚀/🪣",
    "quote\"<&>'",
    "semi;colon:at@comma,",
    "[brackets]{braces}|^`",
    "\u{2028}line",
    "tab\there",
    "new\nline",
];

/// Keys that look like paths. Servers that store objects in a file tree change or refuse some of them.
pub const PATH_LIKE_KEYS: &[&str] = &[
    "dir/",
    "a//b",
    "/lead",
    "//x//y/",
    "a/../b",
    "a/./b",
    "../up",
    "..",
    ".",
    "back\\slash",
    "a/b/..",
    "/",
];

/// Each odd key is stored, read, listed and deleted under exactly its own name.
pub async fn odd_keys_are_kept_byte_for_byte(driver: &dyn Driver) {
    all_round_trip(driver, ODD_KEYS).await;
}

/// Like [`odd_keys_are_kept_byte_for_byte`], for servers that accept any text as a key.
pub async fn path_like_keys_are_kept_byte_for_byte(driver: &dyn Driver) {
    all_round_trip(driver, PATH_LIKE_KEYS).await;
}

async fn all_round_trip(driver: &dyn Driver, keys: &[&str]) {
    let mut wrong = Vec::new();
    for key in keys {
        if let Err(step) = round_trip(driver, key).await {
            wrong.push(format!("{key:?}: {step}"));
        }
    }
    assert!(wrong.is_empty(), "keys that were changed or refused:\n{}", wrong.join("\n"));
}

async fn round_trip(driver: &dyn Driver, key: &str) -> Result<(), String> {
    let content = format!("content of {key}");
    let payload = Payload::bytes(content.clone());
    driver.put(key, payload, &PutRequest::default()).await.map_err(|error| format!("put: {error:?}"))?;
    let read = driver.get(key, &GetRequest::default()).await.map_err(|error| format!("get: {error:?}"))?;
    if super::content(read).await != content {
        return Err("a different object was read".into());
    }
    let page = driver.list(&ListRequest::default()).await.map_err(|error| format!("list: {error:?}"))?;
    if keys(&page) != [key] {
        return Err(format!("listed as {:?}", keys(&page)));
    }
    let prefixed = ListRequest { prefix: key.to_owned(), ..Default::default() };
    if keys(&list(driver, prefixed).await) != [key] {
        return Err("not found by its prefix".into());
    }
    driver.delete(key, None).await.map_err(|error| format!("delete: {error:?}"))?;
    let left = list(driver, ListRequest::default()).await;
    if left.objects.is_empty() { Ok(()) } else { Err(format!("left after delete: {:?}", keys(&left))) }
}

/// `a b`, `a+b` and `a%20b` are three different objects.
pub async fn notations_of_one_name_are_different_objects(driver: &dyn Driver) {
    let names = ["a b", "a%20b", "a+b", "a%2Bb", "A b"];
    for name in names {
        put(driver, name, name).await;
    }
    for name in names {
        assert_eq!(get(driver, name).await, name);
    }
    let page = list(driver, ListRequest::default()).await;
    assert_eq!(keys(&page), ["A b", "a b", "a%20b", "a%2Bb", "a+b"], "in byte order");
}

/// The driver accepts a key of the maximum length that it declares.
pub async fn the_longest_key_is_accepted(driver: &dyn Driver) {
    let longest = driver.capabilities().max_key_bytes;
    // In segments, because file systems limit the length of a name.
    let mut key = "segment-of-a-key/".repeat(longest / 17 + 1);
    key.truncate(longest - 1);
    key.push('x');
    put(driver, &key, "long").await;
    assert_eq!(get(driver, &key).await, "long");
    assert_eq!(keys(&list(driver, ListRequest::default()).await), [key.as_str()]);
}

/// A request for the empty key would address the bucket, so a deletion would delete the bucket.
pub async fn an_empty_key_is_refused_before_it_is_sent(driver: &dyn Driver) {
    assert!(matches!(driver.delete("", None).await, Err(ProviderError::InvalidRequest(_))));
    assert!(matches!(driver.get("", &GetRequest::default()).await, Err(ProviderError::InvalidRequest(_))));
    let written = driver.put("", Payload::bytes("x"), &PutRequest::default()).await;
    assert!(matches!(written, Err(ProviderError::InvalidRequest(_))));
    driver.head_bucket().await.expect("the bucket is still there");
}
