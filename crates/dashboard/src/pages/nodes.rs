//! `/ui/nodes`: the nodes that watch the organization's buckets.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::presence::NodeView;
use bucketry_control::secret_access::SecretAccess;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::NodeId;
use maud::{Markup, html};

use crate::failure::PageError;
use crate::field_values::SentForm;
use crate::human;
use crate::parts::empty::empty;
use crate::parts::heading;
use crate::parts::icon::Icon;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;

/// `GET`
pub(crate) async fn show(viewer: Viewer) -> Response {
    let result = screen(&viewer).await;
    viewer.answer(result).await
}

/// `POST`: approves the public key that the page has shown.
pub(crate) async fn approve(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = async {
        let id: NodeId = id.parse().map_err(|_| Error::NotFound(ResourceKind::Node))?;
        viewer.control().approve_node(&viewer.caller, id, fields.text("recipient").trim()).await?;
        Ok(FormOutcome::Moved(viewer.links().ui_with("/nodes", &[("done", "node-approved")])))
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

async fn screen(viewer: &Viewer) -> Result<Screen, PageError> {
    let mut nodes = Vec::new();
    for view in viewer.control().nodes(&viewer.caller).await? {
        let may_approve = view.secrets == SecretAccess::Pending
            && viewer.control().may_approve(&viewer.caller, &view.node).await?;
        nodes.push((view, may_approve));
    }
    let body = html! {
        (heading::plain("Nodes"))
        section.panel #nodes data-refresh="nodes" aria-label="Nodes" {
            @if nodes.is_empty() {
                (empty(
                    Icon::Node,
                    "No nodes",
                    "Nodes watch buckets and serve clients. The server’s own node registers when it starts without --no-node; “bucketry node” runs one on another machine.",
                    None,
                ))
            } @else {
                table.table {
                    thead { tr {
                        th scope="col" { "Node" } th scope="col" { "State" } th.c2 scope="col" { "Buckets" }
                        th.c2 scope="col" { "Gateway" } th.r.c2 scope="col" { "Version" }
                    } }
                    tbody { @for (view, may_approve) in &nodes { (row(viewer, view, *may_approve)) } }
                }
            }
        }
    };
    Ok(Screen::new(Section::Nodes, "Nodes", body))
}

fn row(viewer: &Viewer, view: &NodeView, may_approve: bool) -> Markup {
    let (mark, word) = if view.connected { (Mark::Good, "Connected") } else { (Mark::Mute, "Silent") };
    let count = |number: u64| human::exact(i64::try_from(number).unwrap_or(i64::MAX));
    html! {
        tr {
            td.name { b { (view.node.name) } span { (view.node.region) ", " (view.node.provider) } }
            td {
                (state::state(mark, word))
                div.why { (time::ago(view.node.last_seen, viewer.frame.now)) }
                (secrets(viewer, view, may_approve))
            }
            td.c2 {
                @match view.census {
                    Some(counts) => { (count(counts.online)) " online, " (count(counts.offline)) " offline" },
                    None => "–",
                }
            }
            td.c2 { @match &view.gateway_url { Some(url) => code { (url) }, None => "–" } }
            td.r.c2 { (view.node.version) }
        }
    }
}

/// Whether the node opens the stored secrets, unless it opens all.
fn secrets(viewer: &Viewer, view: &NodeView, may_approve: bool) -> Markup {
    html! {
        @match view.secrets {
            SecretAccess::Complete => {},
            SecretAccess::Sealing { percent } => div.why { "Secrets are being sealed to it: " (percent) " %" },
            SecretAccess::Incomplete { failed } => div.why {
                @match failed {
                    Some(failed) => (human::plural(failed, "secret", "secrets")),
                    None => "Some secrets",
                }
                " could not be sealed again, because no connected node opens them"
            },
            SecretAccess::Pending => {
                div { (state::state(Mark::Warn, "Waits for approval")) }
                @if let (true, Some(recipient)) = (may_approve, view.node.recipients.first()) {
                    div.why {
                        "It gets no secrets until you approve its public key. Compare the key with the one in the node’s log: "
                        code { (recipient) }
                    }
                    form method="post" action=(viewer.links().ui(format_args!("/nodes/{}/approval", view.node.id))) {
                        input type="hidden" name="recipient" value=(recipient);
                        button.btn { "Approve" }
                    }
                } @else {
                    div.why { "An owner has to approve it." }
                }
            },
        }
    }
}
