//! `/ui/nodes/{id}`: one node: what it serves and how it is, approval of its key, removal.

pub(crate) mod approval;
pub(crate) mod removal;
mod secrets;

pub(super) use secrets::summary as secrets_summary;

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::presence::NodeView;
use bucketry_control::secret_access::SecretAccess;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::finding::{Severity, SubjectKind};
use bucketry_model::id::NodeId;
use maud::{Markup, html};

use crate::failure::PageError;
use crate::form_problems::FormProblems;
use crate::human;
use crate::parts::heading::Heading;
use crate::parts::live;
use crate::parts::notice::notice;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::Labels;
use http::StatusCode;

const LABELS: &Labels = &[("confirm", "Name")];

/// A form of the page that was sent, and what is wrong with it. The default is a page that was only opened.
#[derive(Default)]
struct NodeForm {
    title: &'static str,
    problems: FormProblems,
    /// Whether the node was refused to be removed, because it may be the only one that opens some secrets.
    is_needed: bool,
}

/// The node of an address. One that doesn't serve the organization is treated as not found.
async fn read(viewer: &Viewer, id: &str) -> Result<NodeView, PageError> {
    let missing = || Error::NotFound(ResourceKind::Node);
    let id: NodeId = id.parse().map_err(|_| missing())?;
    let nodes = viewer.control().nodes(&viewer.caller).await?;
    Ok(nodes.into_iter().find(|view| view.node.id == id).ok_or_else(missing)?)
}

/// The address of a node's page, or of a form on it.
pub(super) fn path(viewer: &Viewer, id: NodeId, rest: &str) -> String {
    viewer.links().ui(format_args!("/nodes/{id}{rest}"))
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let result = async {
        let view = read(&viewer, &id).await?;
        screen(&viewer, &view, &NodeForm::default()).await
    };
    let result = result.await;
    viewer.answer(result).await
}

/// The page again, with what is wrong.
async fn again(viewer: &Viewer, view: &NodeView, sent: &NodeForm) -> Result<FormOutcome, PageError> {
    Ok(screen(viewer, view, sent).await?.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

async fn screen(viewer: &Viewer, view: &NodeView, sent: &NodeForm) -> Result<Screen, PageError> {
    let node = &view.node;
    let may_approve = viewer.control().may_approve(&viewer.caller, node).await?;
    let about = [node.region.as_str(), node.provider.as_str()];
    let about: Vec<&str> = about.into_iter().filter(|text| !text.is_empty()).collect();
    let heading = Heading {
        crumbs: &[("Nodes", viewer.links().ui("/nodes"))],
        title: &node.name,
        beside: Some(connection(view, state::pill)),
        about: Some(html! { (about.join(", ")) }),
        actions: Some(live::mark()),
    };
    // What somebody compares before a press of a button must stay as it is: forms are outside the parts that are replaced.
    let body = html! {
        div.stack #node data-refresh="nodes attention" {
            (heading.render())
            (findings(viewer, view).await)
        }
        (sent.problems.list(sent.title))
        @if view.secrets == SecretAccess::Pending { (approval::panel(viewer, view, may_approve).await) }
        (facts(viewer, view, may_approve))
        (removal::panel(viewer, view, may_approve, sent))
    };
    Ok(Screen::new(Section::Nodes, node.name.as_str(), body))
}

/// Whether the server hears from the node.
pub(super) fn connection(view: &NodeView, render: fn(Mark, &str) -> Markup) -> Markup {
    if view.connected { render(Mark::Good, "Connected") } else { render(Mark::Mute, "Silent") }
}

/// What `bucketry doctor` reports about this node. The rest of the page is shown anyway if that can't be read.
async fn findings(viewer: &Viewer, view: &NodeView) -> Markup {
    let report = match viewer.control().finding_report(&viewer.caller).await {
        Ok(report) => report,
        Err(error) => {
            PageError::from(error).log();
            return html! {};
        }
    };
    let id = view.node.id.to_string();
    let own = report.findings.iter().filter(|one| one.key.subject == SubjectKind::Node && one.key.id == id);
    html! {
        @for finding in own {
            @let mark = if finding.severity == Severity::Critical { Mark::Bad } else { Mark::Warn };
            (notice(mark, &finding.title, time::in_text(&finding.sentence), None))
        }
    }
}

fn facts(viewer: &Viewer, view: &NodeView, may_approve: bool) -> Markup {
    let node = &view.node;
    let now = viewer.frame.now;
    let count = |number: u64| human::exact(i64::try_from(number).unwrap_or(i64::MAX));
    html! {
        section.panel #facts data-refresh="nodes attention" aria-label="Facts" {
            dl.facts {
                div { dt { "Serves" } dd {
                    @if node.org_id.is_some() { "only " (viewer.person.organization) } @else { "all organizations" }
                } }
                div { dt { "Last heard from" } dd { (time::ago(node.last_seen, now)) } }
                div { dt { "Buckets that it serves" } dd {
                    @match view.census {
                        Some(counts) => {
                            (count(counts.online)) " online, " (count(counts.offline)) " offline"
                            @if counts.unknown > 0 { ", " (count(counts.unknown)) " that it doesn’t probe" }
                        },
                        None => "–",
                    }
                } }
                div { dt { "Version" } dd { (node.version) } }
                div.wide { dt { "Gateway" } dd.mono {
                    @match &view.gateway_url { Some(url) => (url), None => "none" }
                } }
                div { dt { "Secrets" } dd { (secrets::detail(view)) } }
                div { dt { "First registered" } dd { (time::date(node.created_at)) } }
                // While it waits, its key is in the panel of the approval only. Here it would follow later registrations.
                @if let Some(recipient) = node.recipients.first().filter(|_| may_approve && !node.is_pending()) {
                    div.wide { dt { "Public key" } dd.mono { (recipient) } }
                }
                @if let Some(waiting) = node.last_heartbeat.as_ref().and_then(|last| last.waiting).filter(|one| one.number > 1) {
                    div { dt { "Traffic that it hasn’t reported" } dd {
                        (human::plural(waiting.number, "batch", "batches"))
                        @if let Some(since) = waiting.since { ", " (time::lasting(since, now)) }
                    } }
                }
                @if viewer.is_administrator() {
                    div { dt { "Records" } dd {
                        a.link href=(viewer.links().ui_with("/audit", &[("kind", "node")])) { "Registrations and approvals" }
                    } }
                }
            }
        }
    }
}
