//! Availability of a bucket by node, over 90 days.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::{BucketView, NodeStatusView};
use bucketry_model::id::NodeId;
use bucketry_model::time::Day;
use jiff::SignedDuration;
use maud::{Markup, html};

use super::super::live::bucket_topic;
use super::{path, read};
use crate::failure::PageError;
use crate::human;
use crate::layout;
use crate::parts::bars::{self, DayShare};
use crate::parts::state;
use crate::viewer::Viewer;

const DAYS: i64 = 90;

/// What one node saw.
struct NodeDays {
    name: String,
    region: String,
    state: Option<Markup>,
    days: Vec<DayShare>,
}

pub(super) async fn panel(viewer: &Viewer, view: &BucketView) -> Result<Markup, PageError> {
    let last = Day::of(viewer.frame.now);
    let first = Day::from_number(last.number() - DAYS + 1);
    let nodes = by_node(viewer, view, first, last).await?;
    let outages =
        viewer.control().bucket_outages(&viewer.caller, view.bucket.id, Some(first.start()), None).await?;
    let down =
        outages.outages.iter().fold(SignedDuration::ZERO, |sum, outage| sum + outage.length(outages.now));
    let number = outages.outages.len();
    Ok(html! {
        section.panel #availability data-refresh=(bucket_topic(view.bucket.id)) aria-labelledby="av" {
            header {
                h2 #av { "Availability" }
                span.faint.small {
                    "90 days, by node; "
                    @if number == 0 { "no outage" }
                    @else { (human::plural(number as u64, "outage", "outages")) ", " (human::short_duration(down)) " together" }
                }
            }
            div.body.uptime {
                @if nodes.is_empty() { p.quiet { "No node has reported on this bucket yet." } }
                @for node in &nodes { (row(node)) }
                @if !nodes.is_empty() {
                    div.axis aria-hidden="true" { span { (first.start().strftime("%-d %B").to_string()) } span { "today" } }
                    div.tools {
                        (bars::key())
                        span.push.links {
                            a.link href=(path(viewer, view.bucket.id, "/availability.csv")) { "CSV" span.vh { " of availability" } }
                        }
                    }
                    (table(&nodes, first))
                }
            }
        }
    })
}

/// `GET /ui/buckets/{id}/availability.csv`
pub(crate) async fn csv(viewer: Viewer, Path(id): Path<String>) -> Response {
    match text(&viewer, &id).await {
        Ok(text) => layout::csv("availability.csv", text),
        Err(error) => viewer.answer(Err(error)).await,
    }
}

async fn text(viewer: &Viewer, id: &str) -> Result<String, PageError> {
    let view = read(viewer, id).await?;
    let last = Day::of(viewer.frame.now);
    let first = Day::from_number(last.number() - DAYS + 1);
    let mut text = String::from("day,node,online_percent\n");
    for node in by_node(viewer, &view, first, last).await? {
        for (number, share) in (first.number()..).zip(&node.days) {
            let Some(share) = share else { continue };
            // Names of nodes have no characters that CSV must quote. Writing to a string can't fail.
            let _ = writeln!(text, "{},{},{share:.4}", Day::from_number(number).start(), node.name);
        }
    }
    Ok(text)
}

async fn by_node(
    viewer: &Viewer,
    view: &BucketView,
    first: Day,
    last: Day,
) -> Result<Vec<NodeDays>, PageError> {
    let control = viewer.control();
    let id = view.bucket.id;
    let statuses = control.bucket_status(&viewer.caller, id).await?;
    let selection = control.select_buckets(&viewer.caller, Some(&[id]), None).await?;
    let statistics = control.node_statistics(selection, Some(first), Some(last))?;
    let all = control.bucket_days(&statistics, None, 1).await?;
    let mut shares: BTreeMap<NodeId, Vec<DayShare>> = BTreeMap::new();
    for day in all.iter().flat_map(|bucket| &bucket.days) {
        let index = usize::try_from(day.day.number() - first.number()).unwrap_or(usize::MAX);
        let own = shares.entry(day.node_id).or_insert_with(|| vec![None; usize::try_from(DAYS).unwrap_or(0)]);
        if let Some(share) = own.get_mut(index) {
            *share = Some(day.online_percent);
        }
    }
    let known = control.nodes(&viewer.caller).await?;
    let status_of = |id: NodeId| statuses.iter().find(|status: &&NodeStatusView| status.node.id == id);
    let of_node = |(id, days): (NodeId, Vec<DayShare>)| {
        let node = known.iter().find(|one| one.node.id == id).map(|one| &one.node)?;
        Some(NodeDays {
            name: node.name.clone(),
            region: node.region.clone(),
            state: status_of(id).map(|status| state::status(status.status)),
            days,
        })
    };
    let mut nodes: Vec<NodeDays> = shares.into_iter().filter_map(of_node).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(nodes)
}

fn row(node: &NodeDays) -> Markup {
    let known = node.days.iter().flatten().count();
    let share = bars::together(&node.days);
    let shown = share.map_or_else(|| "–".to_owned(), human::percent);
    let label = format!("{}: {shown} over {known} days", node.name);
    html! {
        div.row {
            div.who {
                b { (node.name) } @if let Some(state) = &node.state { (state) }
                small { (node.region) }
            }
            (bars::bars(&node.days, "bars", &label))
            div.pct {
                (shown)
                small { @if known < node.days.len() { "of " (human::plural(known as u64, "day", "days")) } @else { "of 90 days" } }
            }
        }
    }
}

fn table(nodes: &[NodeDays], first: Day) -> Markup {
    let days = 0..usize::try_from(DAYS).unwrap_or_default();
    let day = |index: usize| Day::from_number(first.number() + i64::try_from(index).unwrap_or_default());
    html! {
        details.data #availability-table {
            summary { "Show as table" }
            div.scroll tabindex="0" role="group" aria-label="Availability by day" {
                table.table {
                    thead { tr { th scope="col" { "Day (UTC)" } @for node in nodes { th.r scope="col" { (node.name) } } } }
                    tbody { @for index in days.rev() { tr {
                        th scope="row" { (day(index).start().strftime("%-d %b %Y").to_string()) }
                        @for node in nodes {
                            td.r { (node.days.get(index).copied().flatten().map_or_else(|| "–".to_owned(), human::percent)) }
                        }
                    } } }
                }
            }
        }
    }
}
