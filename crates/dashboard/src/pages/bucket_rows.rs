//! The table of buckets on the overview and on the page of buckets.

use std::collections::HashMap;

use bucketry_control::buckets::BucketView;
use bucketry_model::bucket::BucketLocation;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::provider::Provider;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::status::Status;
use bucketry_model::time::Day;
use maud::{Markup, html};

use super::providers;
use crate::failure::PageError;
use crate::human;
use crate::parts::bars::{self, DayShare};
use crate::parts::state;
use crate::viewer::Viewer;

/// How many days the bars of a row show.
const DAYS: i64 = 30;
/// The most workspaces whose names are shown beside buckets.
const MOST_WORKSPACES: u32 = 200;

/// A row.
pub(super) struct BucketLine {
    pub(super) view: BucketView,
    /// Bytes, and what period or total they belong to is said above the column.
    pub(super) traffic: i64,
    pub(super) growth: i64,
}

/// The rows' table. `traffic` is the heading of that column, `workspaces` the names of the viewer's.
///
/// With `selectable`, rows of buckets that the viewer may change have a box to tick. The table must then be in a form.
pub(super) async fn table(
    viewer: &Viewer,
    lines: &[BucketLine],
    workspaces: &HashMap<WorkspaceId, String>,
    traffic: &str,
    selectable: bool,
) -> Result<Markup, PageError> {
    let days = days_of(viewer, lines).await?;
    let measured = lines.iter().filter(|line| line.view.size.is_some()).count();
    let is_mixed = measured > 0 && measured < lines.len();
    Ok(html! {
        table.table {
            thead { tr {
                @if selectable {
                    th.pick scope="col" { input type="checkbox" data-all hidden aria-label="Select all"; span.vh { "Selected" } }
                }
                th scope="col" { "Bucket" }
                th scope="col" { "State" }
                th.c2 scope="col" { "Provider" }
                th.r.c2 scope="col" { "Latency" }
                th.c2 scope="col" { "Uptime, 30 days" }
                th.r scope="col" { (traffic) }
                th.r.c2 scope="col" { (if measured > 0 { "Stored" } else { "Growth" }) }
            } }
            tbody { @for line in lines {
                @let bucket = &line.view.bucket;
                tr {
                    @if selectable { td.pick { (pick(viewer, &line.view)) } }
                    td.name {
                        a href=(viewer.links().ui(format_args!("/buckets/{}", bucket.id))) { (bucket.name.as_str()) }
                        span { (subtitle(bucket.location.bucket.as_str(), workspaces.get(&bucket.workspace_id))) }
                    }
                    td { (state_cell(viewer, &line.view)) }
                    td.c2.quiet { (providers::name(line.view.provider)) }
                    td.r.c2 { (line.view.latency_ms.map_or_else(|| "—".to_owned(), |ms| human::latency(f64::from(ms)))) }
                    td.c2 { (mini_bars(days.get(&bucket.id))) }
                    td.r title={ (human::exact(line.traffic)) " bytes" } { (human::bytes(line.traffic)) }
                    td.r.c2 { (stored_or_growth(line, is_mixed)) }
                }
            } }
        }
    })
}

fn pick(viewer: &Viewer, view: &BucketView) -> Markup {
    let bucket = &view.bucket;
    html! {
        @if viewer.caller.may(WorkspaceRole::Write, bucket.workspace_id) {
            input type="checkbox" name="id" value=(bucket.id) id={ "pick-" (bucket.id) }
                aria-label={ "Select " (bucket.name.as_str()) };
        }
    }
}

fn subtitle(name_there: &str, workspace: Option<&String>) -> String {
    match workspace {
        Some(workspace) => format!("{name_there} · {workspace}"),
        None => name_there.to_owned(),
    }
}

fn state_cell(viewer: &Viewer, view: &BucketView) -> Markup {
    html! {
        (state::status(view.status))
        @if view.status == Status::Offline {
            @if let Some(since) = view.since {
                div.why.lasts { "for " (human::duration(viewer.frame.now.duration_since(since))) }
            }
        }
    }
}

fn mini_bars(days: Option<&Vec<DayShare>>) -> Markup {
    let none = vec![None; usize::try_from(DAYS).unwrap_or_default()];
    let days = days.unwrap_or(&none);
    let share = bars::together(days);
    let label = share.map_or_else(
        || "No data for 30 days".to_owned(),
        |share| format!("{} over 30 days", human::percent(share)),
    );
    html! {
        div.mini {
            (bars::bars(days, "bars-mini", &label))
            span.num aria-hidden="true" { (share.map_or_else(|| "–".to_owned(), human::percent)) }
        }
    }
}

/// How full the bucket was when it was last measured, or how much it has grown. In a column with both, growth says so.
fn stored_or_growth(line: &BucketLine, is_mixed: bool) -> Markup {
    html! {
        @match &line.view.size {
            Some(size) => span title={ (human::exact(size.bytes)) " bytes in " (human::exact(size.objects)) " objects" } {
                (human::bytes(size.bytes))
            },
            None => {
                span title={ (human::exact(line.growth)) " bytes, as measured by the gateway" } {
                    (human::signed_bytes(line.growth))
                }
                @if is_mixed { div.why { "growth" } }
            },
        }
    }
}

/// The days of buckets, the earliest first and today last: what the node that reached the bucket best saw.
async fn days_of(
    viewer: &Viewer,
    lines: &[BucketLine],
) -> Result<HashMap<BucketId, Vec<DayShare>>, PageError> {
    let last = Day::of(viewer.frame.now);
    let first = Day::from_number(last.number() - DAYS + 1);
    let days = viewer.control().days_of_rows(lines.iter().map(|line| &line.view), first, last).await?;
    let shares = |days: HashMap<Day, f64>| {
        (first.number()..=last.number()).map(|number| days.get(&Day::from_number(number)).copied()).collect()
    };
    Ok(days.into_iter().map(|(id, days)| (id, shares(days))).collect())
}

/// The names of the viewer's workspaces. Of those with very many, the newest.
pub(super) async fn workspace_names(viewer: &Viewer) -> Result<HashMap<WorkspaceId, String>, PageError> {
    let all = viewer.control().list_workspaces(&viewer.caller, None, MOST_WORKSPACES).await?;
    Ok(all.into_iter().map(|workspace| (workspace.id, workspace.name.as_str().to_owned())).collect())
}

/// Where a bucket is, in a sentence: `archive-2026 at Backblaze B2, eu-central-003`.
pub(super) fn location(location: &BucketLocation, provider: Provider) -> String {
    let host = location.endpoint.as_ref().filter(|_| provider == Provider::Other);
    let at = host.map_or_else(|| providers::name(provider).to_owned(), Endpoint::authority);
    let region = location.region.as_deref().map(|region| format!(", {region}")).unwrap_or_default();
    format!("{} at {at}{region}", location.bucket)
}

/// The workspaces that the viewer may add buckets to, by name.
pub(super) async fn writable_workspaces(viewer: &Viewer) -> Result<Vec<(String, String)>, PageError> {
    let all = workspace_names(viewer).await?;
    let mut writable: Vec<(String, String)> = all
        .into_iter()
        .filter(|(id, _)| viewer.caller.may(WorkspaceRole::Write, *id))
        .map(|(id, name)| (id.to_string(), name))
        .collect();
    writable.sort_by_key(|(_, name)| name.to_lowercase());
    Ok(writable)
}
