//! `/ui/nodes`: the nodes that watch the organization's buckets, those that wait for approval first.

pub(crate) mod keys;

use axum::response::Response;
use bucketry_control::presence::NodeView;
use bucketry_control::secret_access::SecretAccess;
use http::StatusCode;
use maud::{Markup, html};

use super::node;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::form_problems::FormProblems;
use crate::human;
use crate::parts::empty::empty;
use crate::parts::heading::Heading;
use crate::parts::icon::Icon;
use crate::parts::live;
use crate::parts::pager::pager;
use crate::parts::state;
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;

/// Nodes per page.
const PER_PAGE: usize = 50;

/// `GET`
pub(crate) async fn show(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let result = screen(&viewer, &query, html! {}).await;
    viewer.answer(result).await
}

/// The page after a form about keys, with what is wrong.
async fn again(viewer: &Viewer, title: &str, problems: &FormProblems) -> Result<FormOutcome, PageError> {
    let screen = screen(viewer, &FieldValues::default(), problems.list(title)).await?;
    Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

async fn screen(viewer: &Viewer, query: &FieldValues, problems: Markup) -> Result<Screen, PageError> {
    let mut nodes = viewer.control().nodes(&viewer.caller).await?;
    nodes.sort_by_cached_key(|view| (view.secrets != SecretAccess::Pending, view.node.name.clone()));
    let heading = Heading {
        title: "Nodes",
        about: (!nodes.is_empty()).then(|| html! { (counts(&nodes)) }),
        actions: Some(live::mark()),
        ..Heading::default()
    };
    let body = html! {
        div.stack #nodes data-refresh="nodes" {
            (heading.render())
            (problems)
            (list(viewer, &nodes, query))
        }
        (keys::panel(viewer, &nodes).await?)
    };
    Ok(Screen::new(Section::Nodes, "Nodes", body))
}

/// `12 nodes: 10 connected, 2 silent, 1 waits for approval`.
fn counts(nodes: &[NodeView]) -> String {
    let number =
        |is_counted: &dyn Fn(&NodeView) -> bool| nodes.iter().filter(|view| is_counted(view)).count();
    let connected = number(&|view| view.connected);
    let pending = number(&|view| view.secrets == SecretAccess::Pending) as u64;
    let mut states = vec![format!("{connected} connected")];
    if connected < nodes.len() {
        states.push(format!("{} silent", nodes.len() - connected));
    }
    if pending > 0 {
        states.push(format!("{} for approval", human::plural(pending, "waits", "wait")));
    }
    format!("{}: {}.", human::plural(nodes.len() as u64, "node", "nodes"), states.join(", "))
}

fn list(viewer: &Viewer, nodes: &[NodeView], query: &FieldValues) -> Markup {
    // Nodes join and leave rarely, so a position in the list is good enough.
    let skipped = query.text("after").parse::<usize>().unwrap_or(0);
    let shown = nodes.get(skipped..).unwrap_or_default();
    let first = (skipped > 0).then(|| viewer.links().ui("/nodes"));
    let next = skipped.saturating_add(PER_PAGE);
    let next = (shown.len() > PER_PAGE)
        .then(|| viewer.links().ui_with("/nodes", &[("after", next.to_string().as_str())]));
    html! {
        section.panel aria-label="Nodes" {
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
                    tbody { @for view in shown.iter().take(PER_PAGE) { (row(viewer, view)) } }
                }
                (pager("nodes", first.as_deref(), next.as_deref()))
            }
        }
    }
}

fn row(viewer: &Viewer, view: &NodeView) -> Markup {
    let node = &view.node;
    let count = |number: u64| human::exact(i64::try_from(number).unwrap_or(i64::MAX));
    html! {
        tr {
            td.name {
                a href=(node::path(viewer, node.id, "")) { (node.name) }
                span { (node.region) ", " (node.provider) }
                @if node.org_id.is_some() { span { "serves only " (viewer.person.organization) } }
            }
            td {
                (node::connection(view, state::state))
                div.why { (time::ago(node.last_seen, viewer.frame.now)) }
                (node::secrets_summary(view))
            }
            td.c2 {
                @match view.census {
                    Some(counts) => { (count(counts.online)) " online, " (count(counts.offline)) " offline" },
                    None => "–",
                }
            }
            td.c2.wrap { @match &view.gateway_url { Some(url) => code { (url) }, None => "–" } }
            td.r.c2 { (node.version) }
        }
    }
}
