//! One record: a sentence, and below it, once it is opened, where it came from and what changed.

use bucketry_model::audit::{AuditActor, AuditEntry, AuditKind, AuditRecord};
use bucketry_model::id::UserId;
use maud::{Markup, html};

use super::difference::table;
use super::event_names::{actor, deed};
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::viewer::Viewer;

/// A row. `shown_user` is the person whose records are shown alone.
pub(super) fn row(viewer: &Viewer, record: &AuditRecord, shown_user: Option<UserId>) -> Markup {
    let entry = &record.entry;
    html! {
        details id={ "record-" (record.id) } {
            summary.line {
                span.what { (sentence(entry)) }
                @if let Some(refusal) = &entry.refusal {
                    (state::state(Mark::Warn, "Refused")) span.vh { " with " (refusal.code) }
                }
                span.when { (time::ago(entry.at, viewer.frame.now)) }
            }
            div.inner {
                (facts(viewer, entry, shown_user))
                (table(entry.before.as_ref(), entry.after.as_ref()))
            }
        }
    }
}

/// `ada@example.com changed the bucket photos`.
fn sentence(entry: &AuditEntry) -> Markup {
    let name = entry.target.name.as_deref().or(entry.target.id.as_deref()).unwrap_or_default();
    let is_about_a_session = entry.kind == AuditKind::Session;
    html! {
        b { bdi { (actor(&entry.actor)) } } " " (deed(entry))
        @if !name.is_empty() && !is_about_a_session { " " b { bdi { (name) } } }
        @if entry.repeats > 1 { span.quiet { ", " (entry.repeats) " times" } }
    }
}

fn facts(viewer: &Viewer, entry: &AuditEntry, shown_user: Option<UserId>) -> Markup {
    let user = match &entry.actor {
        AuditActor::User { id, .. } => Some(*id),
        _ => None,
    };
    html! {
        dl.facts.dense {
            div { dt { "Time" } dd { (time::moment(entry.at)) } }
            @if let Some(address) = entry.origin.address { div { dt { "From address" } dd { code { (address) } } } }
            @if let Some(refusal) = &entry.refusal {
                div { dt { "Refused with" } dd { code { (refusal.code) } " (" (refusal.status) ")" } }
            }
            @if let Some(id) = &entry.target.id { div { dt { "Id" } dd { code { (id) } } } }
            @if let Some(id) = &entry.origin.request_id { div { dt { "Request" } dd { code { (id) } } } }
            @if let Some(workspace) = entry.target.workspace_id {
                div { dt { "Workspace" } dd {
                    a.link href=(viewer.links().ui(format_args!("/workspaces/{workspace}"))) { "Show" span.vh { " the workspace" } }
                } }
            }
            @if let Some(user) = user.filter(|user| Some(*user) != shown_user) {
                @let link = viewer.links().ui_with("/audit", &[("user", user.to_string().as_str())]);
                div { dt { "Person" } dd { a.link href=(link) { "All of this person" } } }
            }
        }
    }
}
