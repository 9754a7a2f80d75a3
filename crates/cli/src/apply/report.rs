//! Shows planned and executed changes.

use std::path::Path;

use serde_json::{Value, json};

use super::execute::ChangeOutcome;
use super::field_difference::FieldDifference;
use super::plan::{ChangeVerb, PlannedChange};
use crate::failure::{Failure, Result};
use crate::output;
use crate::printable::printable;
use crate::remote::Remote;

/// Shows a plan that isn't carried out.
pub(super) fn planned(remote: &Remote, file: &Path, changes: &[PlannedChange]) -> Result<()> {
    if remote.json {
        return output::json(&json!({ "changes": changes.iter().map(value).collect::<Vec<_>>() }));
    }
    if changes.is_empty() {
        return output::sentence(&format!("nothing to change: the deployment matches {}", file.display()));
    }
    differences(changes)?;
    output::sentence(&format!(
        "{}; nothing was changed",
        counts(changes, "to create", "to change", "to delete")
    ))
}

/// Shows what a plan changes.
pub(super) fn differences(changes: &[PlannedChange]) -> Result<()> {
    changes.iter().try_for_each(|change| {
        output::line(&format!("{} {} {}", sign(change.verb), change.kind, printable(&change.name)))?;
        change.fields.iter().try_for_each(|field| output::line(&field_text(field)))
    })
}

/// Shows what became of the changes. Fails if one of them did.
pub(super) fn executed(remote: &Remote, changes: &[PlannedChange], outcomes: &[ChangeOutcome]) -> Result<()> {
    let failed: Vec<(&PlannedChange, &str)> = changes
        .iter()
        .zip(outcomes)
        .filter_map(|(change, outcome)| Some((change, outcome.error()?)))
        .collect();
    if remote.json {
        let with_outcome = |(change, outcome): (&PlannedChange, &ChangeOutcome)| {
            let mut value = value(change);
            value["done"] = json!(outcome.error().is_none());
            value["error"] = json!(outcome.error());
            value
        };
        output::json(&json!({
            "changes": changes.iter().zip(outcomes).map(with_outcome).collect::<Vec<_>>(),
        }))?;
    } else {
        for (change, error) in &failed {
            output::remark(&format!("{} {}: {error}", change.kind, change.name));
        }
        let done = changes.iter().zip(outcomes).filter(|(_, outcome)| outcome.error().is_none());
        let done: Vec<&PlannedChange> = done.map(|(change, _)| change).collect();
        output::sentence(&counts(done.iter().copied(), "created", "changed", "deleted"))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{} of {} changes failed: fix what they report, and run the same command again",
        failed.len(),
        changes.len()
    )))
}

fn counts<'c>(
    changes: impl IntoIterator<Item = &'c PlannedChange>,
    created: &str,
    changed: &str,
    deleted: &str,
) -> String {
    let mut counts = [0_usize; 3];
    for change in changes {
        let index = match change.verb {
            ChangeVerb::Create => 0,
            ChangeVerb::Update => 1,
            ChangeVerb::Delete => 2,
        };
        counts[index] += 1;
    }
    format!("{} {created}, {} {changed}, {} {deleted}", counts[0], counts[1], counts[2])
}

fn sign(verb: ChangeVerb) -> char {
    match verb {
        ChangeVerb::Create => '+',
        ChangeVerb::Update => '~',
        ChangeVerb::Delete => '-',
    }
}

fn field_text(field: &FieldDifference) -> String {
    let text = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), printable);
    match &field.from {
        None => format!("    {}: {}", field.field, text(&field.to)),
        Some(_) => format!("    {}: {} -> {}", field.field, text(&field.from), text(&field.to)),
    }
}

fn value(change: &PlannedChange) -> Value {
    let action = match change.verb {
        ChangeVerb::Create => "create",
        ChangeVerb::Update => "update",
        ChangeVerb::Delete => "delete",
    };
    let field = |one: &FieldDifference| json!({ "field": one.field, "from": one.from, "to": one.to });
    json!({
        "action": action,
        "kind": change.kind,
        "name": change.name,
        "fields": change.fields.iter().map(field).collect::<Vec<_>>(),
    })
}
