//! The list of a project's buckets: what the account shows besides its bucket.

use http::Method;
use serde_json::Value;

use crate::error::ProviderError;
use crate::gcs::GcsDriver;
use crate::gcs::error::About;
use crate::gcs::request::Call;

/// How many buckets are asked for, the most that the service returns at once.
const AT_MOST: &str = "1000";
const MAX_LIST_BYTES: usize = 1024 * 1024;

impl GcsDriver {
    /// Lists the project's buckets and counts the others.
    pub(super) async fn count_other_buckets(&self, project: &str) -> Result<u64, ProviderError> {
        let mut call = Call::new(Method::GET, "/storage/v1/b".to_owned(), About::Bucket);
        for (name, value) in [("project", project), ("maxResults", AT_MOST), ("fields", "items(name)")] {
            call.query.push(name, value);
        }
        let answer = self.send_for_json(call, MAX_LIST_BYTES).await?;
        count_others(&answer, &self.bucket).ok_or(ProviderError::NotAnObjectStore { status: None })
    }
}

/// `None` if the response isn't a list. An empty list has no fields at all.
fn count_others(answer: &Value, bucket: &str) -> Option<u64> {
    let names = match &answer["items"] {
        Value::Null => return Some(0),
        Value::Array(items) => items.iter().map(|item| item["name"].as_str()),
        _ => return None,
    };
    let names: Vec<&str> = names.collect::<Option<_>>()?;
    u64::try_from(names.iter().filter(|name| **name != bucket).count()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_other_buckets_of_a_list_are_counted() {
        let count = |answer: Value| count_others(&answer, "photos");
        assert_eq!(count(json!({ "kind": "storage#buckets" })), Some(0));
        assert_eq!(count(json!({ "items": [{ "name": "photos" }] })), Some(0));
        assert_eq!(count(json!({ "items": [{ "name": "photos" }, { "name": "archive" }] })), Some(1));
        assert_eq!(count(json!({ "items": [{ "id": "photos" }] })), None);
        assert_eq!(count(json!({ "items": "photos" })), None);
    }
}
