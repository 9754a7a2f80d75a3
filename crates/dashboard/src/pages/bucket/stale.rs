//! What a form shows if somebody else has saved a change since it was opened: both values of each field that differs.

use maud::{Markup, html};

use super::super::bucket_form::BucketValues;

/// A field that differs: its label, what the form has, what is stored now.
type Difference = (&'static str, String, String);

/// Both values of each field that differs. Nothing if none does.
pub(super) fn panel(sent: &BucketValues, stored: &BucketValues, workspaces: &[(String, String)]) -> Markup {
    let differences = differences(sent, stored, workspaces);
    if differences.is_empty() {
        return html! {};
    }
    html! {
        section.panel aria-labelledby="both" {
            header { h2 #both { "Your values, and what is stored now" } }
            table.table {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Yours" } th scope="col" { "Stored now" } } }
                tbody { @for (label, own, other) in &differences { tr {
                    th scope="row" { (label) }
                    td.wrap { (shown(own)) }
                    td.wrap { (shown(other)) }
                } } }
            }
        }
    }
}

fn shown(value: &str) -> Markup {
    html! { @if value.is_empty() { span.faint { "empty" } } @else { (value) } }
}

fn differences(
    sent: &BucketValues,
    stored: &BucketValues,
    workspaces: &[(String, String)],
) -> Vec<Difference> {
    let workspace = |id: &str| {
        let named = workspaces.iter().find(|(known, _)| known == id);
        named.map_or_else(|| id.to_owned(), |(_, name)| name.clone())
    };
    let fields = [
        ("Provider", sent.card.clone(), stored.card.clone()),
        ("Bucket", sent.bucket.clone(), stored.bucket.clone()),
        ("Region", sent.region.clone(), stored.region.clone()),
        ("Endpoint", sent.endpoint.clone(), stored.endpoint.clone()),
        ("Key", sent.key.clone(), stored.key.clone()),
        ("Name in Bucketry", sent.name.clone(), stored.name.clone()),
        ("Workspace", workspace(&sent.workspace), workspace(&stored.workspace)),
    ];
    fields.into_iter().filter(|(_, own, other)| own != other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_and_workspaces_have_their_names() {
        let values = |name: &str, workspace: &str| BucketValues {
            name: name.to_owned(),
            workspace: workspace.to_owned(),
            bucket: "same".to_owned(),
            ..BucketValues::default()
        };
        let workspaces = [("1".to_owned(), "Media".to_owned()), ("2".to_owned(), "Archive".to_owned())];
        let html = panel(&values("mine", "1"), &values("theirs", "2"), &workspaces).into_string();
        for part in ["mine", "theirs", "Media", "Archive"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("same"), "{html}");
        assert_eq!(panel(&values("a", "1"), &values("a", "1"), &workspaces).into_string(), "");
    }
}
