//! Lists.

use futures_util::{StreamExt as _, stream};

use super::{keys, list, put};
use crate::driver::{Driver, ListPage, ListRequest};

/// An empty bucket has no keys, no prefixes and no next page.
pub async fn an_empty_bucket_lists_nothing(driver: &dyn Driver) {
    assert_eq!(list(driver, ListRequest::default()).await, ListPage::default());
}

/// Keys are grouped at the first delimiter after the prefix.
pub async fn a_delimiter_folds_keys(driver: &dyn Driver) {
    for key in ["a", "b/1", "b/2", "b/c/3", "d e/4", "f"] {
        put(driver, key, key).await;
    }
    let folded = |prefix: &str| ListRequest {
        prefix: prefix.to_owned(),
        delimiter: Some("/".to_owned()),
        ..Default::default()
    };
    let top = list(driver, folded("")).await;
    assert_eq!(
        (keys(&top), top.prefixes.clone()),
        (vec!["a", "f"], vec!["b/".to_owned(), "d e/".to_owned()])
    );
    let inner = list(driver, folded("b/")).await;
    assert_eq!((keys(&inner), inner.prefixes.clone()), (vec!["b/1", "b/2"], vec!["b/c/".to_owned()]));
    let plain = list(driver, ListRequest { prefix: "b".to_owned(), ..Default::default() }).await;
    assert_eq!(keys(&plain), ["b/1", "b/2", "b/c/3"]);
}

/// Every key is listed once across pages of three.
pub async fn pages_join_without_gaps(driver: &dyn Driver) {
    let expected: Vec<String> = (0..11).map(|n| format!("key {n:02}+ü")).collect();
    for key in expected.iter().rev() {
        put(driver, key, "x").await;
    }
    let mut seen = Vec::new();
    let mut pages = 0;
    let mut token = None;
    loop {
        let request = ListRequest { max_keys: Some(3), token: token.take(), ..Default::default() };
        let page = list(driver, request).await;
        assert!(page.objects.len() <= 3);
        pages += 1;
        assert!(pages <= 8, "the list does not end");
        seen.extend(page.objects.into_iter().map(|object| object.key));
        match page.next {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

/// Ten thousand keys in folders are each listed once, in order, across pages of the provider's default size. With a
/// delimiter, only the folders are listed.
pub async fn ten_thousand_keys_are_listed_once(driver: &dyn Driver) {
    let expected: Vec<String> = (0..10_000).map(|n| format!("folder {}/{n:05}", n / 1_000)).collect();
    stream::iter(&expected).for_each_concurrent(16, async |key| drop(put(driver, key, "").await)).await;
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let page = list(driver, ListRequest { token, ..Default::default() }).await;
        seen.extend(page.objects.into_iter().map(|object| object.key));
        token = page.next;
        if token.is_none() || seen.len() > expected.len() {
            break;
        }
    }
    assert!(seen == expected, "{} keys, not {}", seen.len(), expected.len());
    let (mut folders, mut token) = (Vec::new(), None);
    loop {
        let request = ListRequest { delimiter: Some("/".to_owned()), token, ..Default::default() };
        let page = list(driver, request).await;
        assert!(page.objects.is_empty());
        folders.extend(page.prefixes);
        token = page.next;
        if token.is_none() || folders.len() > 10 {
            break;
        }
    }
    let expected: Vec<String> = (0..10).map(|n| format!("folder {n}/")).collect();
    assert_eq!(folders, expected);
}

/// The list excludes the given key, which need not exist.
pub async fn a_list_starts_after_a_key(driver: &dyn Driver) {
    if !driver.capabilities().list_start_after {
        return;
    }
    for key in ["a", "b", "c", "d"] {
        put(driver, key, key).await;
    }
    for (after, expected) in [("b", vec!["c", "d"]), ("bb", vec!["c", "d"]), ("d", vec![])] {
        let request = ListRequest { start_after: Some(after.to_owned()), ..Default::default() };
        assert_eq!(keys(&list(driver, request).await), expected, "after {after}");
    }
}

/// A list returns the same size, entity tag and time as HEAD.
pub async fn listed_objects_carry_size_tag_and_time(driver: &dyn Driver) {
    let stored = put(driver, "key", "12345").await;
    let page = list(driver, ListRequest::default()).await;
    let object = &page.objects[0];
    assert_eq!((object.size, &object.etag), (5, &stored.etag));
    assert!(object.last_modified.is_some());
}
