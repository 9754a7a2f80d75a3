//! The state of a resource before and after a change, field by field.

use std::collections::BTreeSet;

use bucketry_model::audit::AuditDetail;
use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::parts::time;

/// The fields in a table. What differs is marked. Nothing if nothing was recorded.
pub(super) fn table(before: Option<&AuditDetail>, after: Option<&AuditDetail>) -> Markup {
    let (before, after) = (fields(before), fields(after));
    let names: BTreeSet<&String> = before.iter().chain(&after).flat_map(Map::keys).collect();
    if names.is_empty() {
        return html! {};
    }
    let both = before.is_some() && after.is_some();
    html! {
        table.table.difference {
            thead { tr {
                th scope="col" { "Field" }
                @if before.is_some() { th scope="col" { "Before" } }
                @if after.is_some() { th scope="col" { "After" } }
            } }
            tbody { @for name in names {
                @let (old, new) = (value(before.as_ref(), name), value(after.as_ref(), name));
                tr.changed[both && old != new] {
                    th scope="row" { (name) }
                    @if before.is_some() { td { (time::in_text(&old)) } }
                    @if after.is_some() { td { (time::in_text(&new)) @if both && old != new { span.vh { " (changed)" } } } }
                }
            } }
        }
    }
}

fn fields(detail: Option<&AuditDetail>) -> Option<Map<String, Value>> {
    let text = detail?.as_text();
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Some(fields),
        // What is no object, which use cases don't write, is shown as it is.
        _ => Some(Map::from_iter([("value".to_owned(), Value::String(text.to_owned()))])),
    }
}

/// A value as text: `–` for none.
fn value(fields: Option<&Map<String, Value>>, name: &str) -> String {
    match fields.and_then(|fields| fields.get(name)) {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::Array(values)) if values.iter().all(Value::is_string) => {
            values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_marked_and_everything_is_text() {
        let before = AuditDetail::new(&json!({ "name": "photos", "region": null, "secret": "***" }));
        let after =
            AuditDetail::new(&json!({ "name": "<b>images</b>", "region": null, "secret": "*** (new)" }));
        let html = table(Some(&before), Some(&after)).into_string();
        assert_eq!(html.matches("class=\"changed\"").count(), 2, "{html}");
        assert!(html.contains("photos") && html.contains("&lt;b&gt;images&lt;/b&gt;"), "{html}");
        assert!(table(None, None).into_string().is_empty());
        let ends = AuditDetail::new(&json!({ "endsAt": "2026-12-05T15:00:00.000Z" }));
        let html = table(None, Some(&ends)).into_string();
        assert!(html.contains("5 Dec 2026, 15:00 UTC"), "{html}");
        let created = table(None, Some(&after)).into_string();
        assert!(!created.contains("Before") && !created.contains("changed"), "{created}");
    }

    #[test]
    fn a_detail_that_is_no_object_is_shown_as_it_is() {
        let html = table(None, Some(&AuditDetail::from_stored("not json".to_owned()))).into_string();
        assert!(html.contains("not json"), "{html}");
    }
}
