//! Accessors for JSON in assertions. Missing values are empty, so that the failing assertion can show the whole
//! JSON.

use std::collections::BTreeSet;

use serde_json::Value;

/// The value as text; empty if it isn't text.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The value as a list; empty if it isn't a list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The text of a member of each entry of a list.
pub fn each<'a>(value: &'a Value, member: &str) -> Vec<&'a str> {
    list(value).iter().map(|entry| text(&entry[member])).collect()
}

/// The names of an object's members; empty if it isn't an object.
pub fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// A copy of an object with changed members: each is set, or removed if it is null.
#[must_use]
pub fn with(object: &Value, changes: &Value) -> Value {
    let mut changed = object.clone();
    if let (Some(changed), Some(changes)) = (changed.as_object_mut(), changes.as_object()) {
        for (name, value) in changes {
            if value.is_null() {
                changed.remove(name);
            } else {
                changed.insert(name.clone(), value.clone());
            }
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_set_and_taken_away() {
        let body = json!({ "a": 1, "b": 2 });
        assert_eq!(with(&body, &json!({ "a": 3, "b": null, "c": 4 })), json!({ "a": 3, "c": 4 }));
    }

    #[test]
    fn what_is_not_there_is_empty() {
        let response = json!({ "fields": [{ "field": "name" }, {}] });
        assert_eq!(each(&response["fields"], "field"), ["name", ""]);
        assert_eq!(text(&response["message"]), "");
        assert!(list(&response["checks"]).is_empty() && members(&response["x"]).is_empty());
    }
}
