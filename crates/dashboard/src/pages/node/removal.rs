//! Removal of a node, with what it leads to.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::Error;
use bucketry_control::presence::NodeView;
use bucketry_control::secret_access::SecretAccess;
use maud::{Markup, html};

use super::{LABELS, NodeForm, again, path, read};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::form_problems::FormProblems;
use crate::parts::field::{TextField, tick};
use crate::screen::FormOutcome;
use crate::viewer::Viewer;

/// `POST`: removes the node, if its name was typed.
pub(crate) async fn submit(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = remove(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn remove(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let view = read(viewer, id).await?;
    let title = "The node was not removed";
    let may_approve = viewer.control().may_approve(&viewer.caller, &view.node).await?;
    // Somebody who may not remove it learns that from the use case, whatever was typed.
    let is_confirmed = fields.text("confirm") == view.node.name;
    if !is_confirmed && may_remove(viewer, &view, may_approve) {
        let problems = FormProblems::of_field("confirm", "is not the name of this node", LABELS);
        let is_needed = fields.has("asked");
        return again(viewer, &view, &NodeForm { title, problems, is_needed }).await;
    }
    match delete(viewer, &view, fields.has("force")).await {
        Ok(()) => Ok(FormOutcome::Moved(viewer.links().ui_with("/nodes", &[("done", "node-removed")]))),
        Err(error) => {
            let is_needed = matches!(error, Error::Rule { code: "NODE_NEEDED", .. });
            let problems = FormProblems::of(error, LABELS)?;
            again(viewer, &view, &NodeForm { title, problems, is_needed }).await
        }
    }
}

async fn delete(viewer: &Viewer, view: &NodeView, force: bool) -> Result<(), Error> {
    let (control, caller, id) = (viewer.control(), &viewer.caller, view.node.id);
    match view.node.org_id {
        None => control.delete_deployment_node(caller, id, force).await,
        Some(org_id) => control.delete_private_node(caller, org_id, id).await,
    }
}

/// Owners of the first organization remove nodes of the deployment, administrators those of their organization.
fn may_remove(viewer: &Viewer, view: &NodeView, may_approve: bool) -> bool {
    if view.node.org_id.is_some() { viewer.is_administrator() } else { may_approve }
}

/// The form, or who may remove the node.
pub(super) fn panel(viewer: &Viewer, view: &NodeView, may_approve: bool, sent: &NodeForm) -> Markup {
    let node = &view.node;
    if !may_remove(viewer, view, may_approve) {
        let who = if node.org_id.is_some() {
            "An administrator of your organization can remove this node."
        } else {
            "An owner of the deployment’s first organization can remove this node."
        };
        return html! { p.quiet { (who) } };
    }
    html! {
        section.panel.danger.slim aria-labelledby="rm" {
            header { h2 #rm { "Remove" } }
            form.body.form method="post" action=(path(viewer, node.id, "/remove")) {
                (consequences(view))
                (TextField {
                    id: "confirm", label: "Type the node’s name to confirm", placeholder: &node.name,
                    problem: sent.problems.at("confirm"), ..TextField::default()
                }.render())
                @if sent.is_needed {
                    input type="hidden" name="asked" value="yes";
                    (tick(
                        "force", "Remove it all the same",
                        "Secrets that only this node opens are lost. They must be entered again.", false,
                    ))
                }
                div { button.btn.danger { "Remove node" } }
            }
        }
    }
}

fn consequences(view: &NodeView) -> Markup {
    let is_pending = view.secrets == SecretAccess::Pending;
    html! {
        ul.quiet.points {
            @if view.node.org_id.is_some() {
                li { "Stop the node first. Its messages are refused from then on, and it can’t register again with a key that exists now, only with one that is created later." }
            } @else if is_pending {
                li { "Stop the node first. If it is still running, it registers again, and waits for approval again." }
            } @else {
                li { "Stop the node first. If it is still running, it registers again and waits for approval. The node inside a running server is approved again at once." }
            }
            @if !is_pending {
                li { "It gets no more changes and jobs, and the stored secrets are sealed again without its key. A gateway that isn’t stopped serves what it last received, for a day if its settings don’t say otherwise." }
                li { "Clients that use its gateway need the address of another node. Buckets that are pinned only to this node are then served by none." }
                li { "It has seen the secrets that it could open. If its machine may be in the wrong hands, replace the keys at the providers, too." }
            }
        }
    }
}
