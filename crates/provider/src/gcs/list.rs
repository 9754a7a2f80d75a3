//! Lists objects with the JSON API.

use async_trait::async_trait;
use http::Method;
use serde_json::Value;

use crate::driver::{ListPage, ListRequest, Lists, PageToken};
use crate::error::ProviderError;
use crate::gcs::GcsDriver;
use crate::gcs::attributes::listed;
use crate::gcs::error::About;
use crate::gcs::request::Call;

/// The limit on a page: 1,000 objects with names of 1,024 bytes, escaped in JSON.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;
const FIELDS: &str = "nextPageToken,prefixes,items(name,size,etag,md5Hash,updated,storageClass)";

#[async_trait]
impl Lists for GcsDriver {
    async fn list(&self, request: &ListRequest) -> Result<ListPage, ProviderError> {
        let mut call = Call::new(Method::GET, format!("/storage/v1/b/{}/o", self.bucket), About::Bucket);
        call.query.push("fields", FIELDS);
        if !request.prefix.is_empty() {
            call.query.push("prefix", &request.prefix);
        }
        for (name, value) in [
            ("delimiter", request.delimiter.as_deref()),
            // `startOffset` includes the key itself, which is removed below.
            ("startOffset", request.start_after.as_deref()),
            ("pageToken", request.token.as_ref().map(PageToken::as_str)),
        ] {
            if let Some(value) = value {
                call.query.push(name, value);
            }
        }
        if let Some(max_keys) = request.max_keys {
            call.query.push("maxResults", &max_keys.to_string());
        }
        let answer = self.send_for_json(call, MAX_PAGE_BYTES).await?;
        let mut page = read(&answer).ok_or(ProviderError::NotAnObjectStore { status: None })?;
        page.objects.retain(|object| request.start_after.as_deref() != Some(&object.key));
        Ok(page)
    }
}

/// Reads a page. `None` if the response isn't a list. An empty list has no fields at all.
fn read(answer: &Value) -> Option<ListPage> {
    let array = |name: &str| match &answer[name] {
        Value::Null => Some(&[][..]),
        Value::Array(items) => Some(&items[..]),
        _ => None,
    };
    Some(ListPage {
        objects: array("items")?.iter().map(listed).collect::<Option<_>>()?,
        prefixes: array("prefixes")?
            .iter()
            .map(|prefix| prefix.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        next: match answer["nextPageToken"].as_str().filter(|token| !token.is_empty()) {
            Some(token) => Some(PageToken::new(token).ok()?),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_is_read() {
        let answer = json!({
            "items": [{ "name": "a b/ü", "size": "5", "etag": "CJ=", "updated": "2026-01-01T00:00:00.123Z" }],
            "prefixes": ["d/"], "nextPageToken": "x==",
        });
        let page = read(&answer).unwrap();
        assert_eq!((page.objects[0].key.as_str(), page.objects[0].size), ("a b/ü", 5));
        assert!(page.objects[0].last_modified.is_some());
        assert_eq!((page.prefixes, page.next), (vec!["d/".to_owned()], PageToken::new("x==").ok()));
        assert_eq!(read(&json!({ "kind": "storage#objects" })), Some(ListPage::default()));
        for wrong in [json!({ "items": 1 }), json!({ "items": [{}] }), json!({ "prefixes": [1] })] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
