//! `/ui/nodes`: the nodes that watch the organization's buckets.

use axum::response::Response;
use bucketry_control::presence::NodeView;
use maud::{Markup, html};

use crate::failure::PageError;
use crate::human;
use crate::parts::empty::empty;
use crate::parts::heading;
use crate::parts::icon::Icon;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;

/// `GET`
pub(crate) async fn show(viewer: Viewer) -> Response {
    let result = screen(&viewer).await;
    viewer.answer(result).await
}

async fn screen(viewer: &Viewer) -> Result<Screen, PageError> {
    let nodes = viewer.control().nodes(&viewer.caller).await?;
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
                    tbody { @for view in &nodes { (row(viewer, view)) } }
                }
            }
        }
    };
    Ok(Screen::new(Section::Nodes, "Nodes", body))
}

fn row(viewer: &Viewer, view: &NodeView) -> Markup {
    let (mark, word) = if view.connected { (Mark::Good, "Connected") } else { (Mark::Mute, "Silent") };
    let count = |number: u64| human::exact(i64::try_from(number).unwrap_or(i64::MAX));
    html! {
        tr {
            td.name { b { (view.node.name) } span { (view.node.region) ", " (view.node.provider) } }
            td { (state::state(mark, word)) div.why { (time::ago(view.node.last_seen, viewer.frame.now)) } }
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
