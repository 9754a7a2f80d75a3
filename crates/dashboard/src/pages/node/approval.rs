//! Approval of a node's public key: what the node gets with it, and how to make sure that the key is the node's.

use std::net::IpAddr;

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::Error;
use bucketry_control::presence::NodeView;
use bucketry_model::audit::{AuditActor, AuditKind};
use bucketry_model::node::Node;
use bucketry_store::audit::AuditFilter;
use maud::{Markup, html};

use super::{NodeForm, again, path, read};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::form_problems::FormProblems;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::screen::FormOutcome;
use crate::viewer::Viewer;

const OTHER_KEY: &str = "The node has registered with another public key since this page was opened. Compare the key that is \
                         shown now with the node’s log. If the log has another one, somebody else registers under the name of \
                         this node: don’t approve it.";
/// How many records of the node are searched for its last registration.
const LATEST: u32 = 5;

/// `POST`: approves the public key that the page has shown.
pub(crate) async fn submit(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = approve(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn approve(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let view = read(viewer, id).await?;
    let id = view.node.id;
    match viewer.control().approve_node(&viewer.caller, id, fields.text("recipient")).await {
        Ok(()) => {
            let to = viewer.links().ui_with(format_args!("/nodes/{id}"), &[("done", "node-approved")]);
            Ok(FormOutcome::Moved(to))
        }
        // The only field is the key that the page has shown.
        Err(Error::Invalid(_)) => {
            let problems = FormProblems::of_form(OTHER_KEY);
            let sent = NodeForm { title: "The node was not approved", problems, is_needed: false };
            again(viewer, &read(viewer, &id.to_string()).await?, &sent).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What the approval would do, with the key and the button for those who may approve.
pub(super) async fn panel(viewer: &Viewer, view: &NodeView, may_approve: bool) -> Markup {
    let node = &view.node;
    let address = if may_approve { address(viewer, node).await } else { None };
    html! {
        section.panel #approval aria-labelledby="ap" {
            header { h2 #ap { "Approval" } (state::state(Mark::Warn, "Waits for approval")) }
            div.body {
                p.quiet.what {
                    "It registered with " (signing_key(node)) " as “" bdi { (node.name) } "”, first on "
                    (time::moment(node.created_at))
                    @if let Some(address) = address { ", last from the address " code { (address) } }
                    ". Until its public key is approved, it gets nothing. With the approval, it gets "
                    (what_it_gets(viewer, node)) ", and can open their secrets."
                }
                @match node.recipients.first().filter(|_| may_approve) {
                    Some(recipient) => {
                        p { "Compare the key with " code { "recipient" } " in the node’s log, where it says that it registered:" }
                        p.what #recipient { code { (recipient) } }
                        form method="post" action=(path(viewer, node.id, "/approval")) {
                            input type="hidden" name="recipient" value=(recipient);
                            button.btn.main-act { "Approve" span.vh { " " (node.name) } }
                        }
                        p.quiet.small { "If the keys differ, or if you don’t know this node, don’t approve it: " (if_unknown(node)) }
                    },
                    None => p { (who_approves(node)) },
                }
            }
        }
    }
}

/// The address from which the node last registered, if that is on record.
async fn address(viewer: &Viewer, node: &Node) -> Option<IpAddr> {
    let filter = AuditFilter {
        kind: Some(AuditKind::Node),
        target_name: Some(node.name.to_ascii_lowercase()),
        refused: Some(false),
        ..AuditFilter::default()
    };
    let records = match viewer.control().audit(&viewer.caller, filter, None, LATEST).await {
        Ok(records) => records,
        Err(error) => {
            PageError::from(error).log();
            return None;
        }
    };
    let own = records.into_iter().find(|one| matches!(one.entry.actor, AuditActor::Node(_)))?;
    own.entry.origin.address
}

fn signing_key(node: &Node) -> &'static str {
    if node.org_id.is_some() { "a key of the organization" } else { "the key of the deployment (node.pem)" }
}

fn what_it_gets(viewer: &Viewer, node: &Node) -> Markup {
    html! {
        @if node.org_id.is_some() {
            "the buckets and repositories of " bdi { (viewer.person.organization) }
        } @else { "the buckets and repositories of all organizations" }
        ", except buckets that are pinned to other nodes"
    }
}

fn if_unknown(node: &Node) -> &'static str {
    if node.org_id.is_some() {
        "somebody has a copy of the organization’s key. Delete this key on the page of nodes, which also removes the node."
    } else {
        "somebody has a copy of the deployment’s key. Remove the node, and find out where node.pem was copied."
    }
}

fn who_approves(node: &Node) -> &'static str {
    if node.org_id.is_some() {
        "An owner of your organization has to approve it."
    } else {
        "An owner of the deployment’s first organization has to approve it."
    }
}
