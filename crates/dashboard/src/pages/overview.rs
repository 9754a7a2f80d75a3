//! `/ui`: what is up, how busy it is, and what needs attention.

use std::sync::Arc;

use axum::response::Response;
use bucketry_control::overview::{Overview, TrafficPeriod};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::usage::UsageCounts;
use maud::{Markup, html};

use super::attention;
use super::bucket_rows::{self, BucketLine};
use crate::failure::PageError;
use crate::field_values::SentQuery;
use crate::human::{self, Amount};
use crate::layout;
use crate::parts::empty::{empty, failed_part};
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::live;
use crate::parts::plot::{TrafficBar, TrafficPlot};
use crate::parts::state::{self, Mark};
use crate::parts::tabs;
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;

/// The range of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Day,
    Week,
    Month,
}

impl Range {
    const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    fn id(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|range| range.id() == name).unwrap_or(Self::Day)
    }

    fn periods(self, overview: &Overview) -> &[TrafficPeriod] {
        match self {
            Self::Day => &overview.hours,
            Self::Week => &overview.days[overview.days.len().saturating_sub(7)..],
            Self::Month => &overview.days,
        }
    }
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let result = screen(&viewer, Range::named(query.text("traffic"))).await;
    viewer.answer(result).await
}

/// `GET /ui/traffic.csv`
pub(crate) async fn traffic_csv(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    match viewer.control().overview(&viewer.caller).await {
        Ok(overview) => {
            let periods = Range::named(query.text("traffic")).periods(&overview);
            layout::csv("traffic.csv", csv(periods))
        }
        Err(error) => viewer.answer(Err(error.into())).await,
    }
}

async fn screen(viewer: &Viewer, range: Range) -> Result<Screen, PageError> {
    let overview = viewer.control().overview(&viewer.caller).await?;
    let may_add = viewer.caller.may_somewhere(WorkspaceRole::Write);
    let about = if viewer.caller.org_role.is_global() {
        format!("All workspaces in {}", viewer.person.organization)
    } else {
        format!("Your workspaces in {}", viewer.person.organization)
    };
    let actions = html! {
        (live::mark())
        @if may_add { a.btn.main-act href=(viewer.links().ui("/buckets/add")) { (icon(Icon::Plus)) "Add bucket" } }
    };
    let heading = Heading {
        title: "Overview",
        about: Some(html! { (about) }),
        actions: Some(actions),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        @if overview.buckets.total() == 0 {
            (attention::panel_of_approvals(viewer))
            (first_steps(viewer, may_add))
        } @else {
            div #figures data-refresh="buckets traffic" { (figures(&overview)) }
            (attention::panel(viewer).await)
            (traffic(viewer, &overview, range))
            (busiest(viewer, &overview).await)
        }
    };
    Ok(Screen::new(Section::Overview, "Overview", body))
}

fn first_steps(viewer: &Viewer, may_add: bool) -> Markup {
    if !may_add {
        return html! {
            section.panel #welcome data-refresh="buckets" {
                (empty(
                    Icon::Bucket,
                    "No buckets yet",
                    "You will see buckets here as soon as you are a member of a workspace that has some. Ask an administrator to \
                     add you to a workspace.",
                    None,
                ))
            }
        };
    }
    html! {
        section.panel #welcome data-refresh="buckets" aria-labelledby="first-steps" {
            header { h2 #first-steps { "Three steps to the first object" } }
            ol.steps {
                li {
                    div { h3 { "Add a bucket" } p { "Paste its address and a key. The bucket stays where it is." } }
                    a.btn.main-act href=(viewer.links().ui("/buckets/add")) { "Add bucket" }
                }
                li {
                    div { h3 { "Create a repository" } p { "It gives clients one address for buckets of any provider." } }
                    a.btn href=(viewer.links().ui("/repositories/new")) { "Create repository" }
                }
                li {
                    div {
                        h3 { "Connect a client" }
                        p { "Create a key in the repository, and paste the settings into aws, boto3, rclone or another S3 client." }
                    }
                    a.btn href=(viewer.links().ui("/repositories")) { "Show repositories" }
                }
            }
        }
    }
}

fn figures(overview: &Overview) -> Markup {
    let counts = overview.buckets;
    let day = sum(&overview.hours);
    let total = human::count_amount(i64::try_from(counts.total()).unwrap_or(i64::MAX));
    let state = |mark, number: u64, word: &str| {
        let number = human::exact(i64::try_from(number).unwrap_or(i64::MAX));
        state::state(mark, &format!("{number} {word}"))
    };
    html! {
        dl.panel.stats {
            div.stat {
                dt { "Buckets" }
                dd.big { (big(&total)) }
                dd.note {
                    (state(Mark::Good, counts.online, "online"))
                    @if counts.offline > 0 { (state(Mark::Bad, counts.offline, "offline")) }
                    @if counts.disconnected > 0 { (state(Mark::Mute, counts.disconnected, "not seen")) }
                }
            }
            div.stat {
                dt { "Latency, median" }
                @match overview.latency {
                    Some(latency) => {
                        dd.big title="Probes since yesterday, UTC" { (big(&human::latency_amount(f64::from(latency.median_ms)))) }
                        dd.note { "99\u{a0}% under " (human::latency(f64::from(latency.p99_ms))) }
                    },
                    None => { dd.big { "–" } dd.note { "No successful probe since yesterday" } },
                }
            }
            div.stat {
                dt { "Requests, 24 h" }
                dd.big title=(human::exact(day.requests)) { (big(&human::count_amount(day.requests))) }
                dd.note { (human::failed_percent(day.errors, day.requests)) " failed" }
            }
            (stored_or_growth(overview))
        }
    }
}

/// How full the buckets are that have been measured. Where none has been, how much they have grown.
fn stored_or_growth(overview: &Overview) -> Markup {
    let growth = sum(&overview.days).size_change;
    let (stored, all) = (overview.stored, overview.buckets.total());
    if stored.measured == 0 {
        return html! {
            div.stat {
                dt { "Growth, 30 days" }
                dd.big title={ (human::exact(growth)) " bytes" } { (big(&human::signed_byte_amount(growth))) }
                dd.note { "As measured by the gateway" }
            }
        };
    }
    html! {
        div.stat {
            dt { "Stored" }
            dd.big title={ (human::exact(stored.bytes)) " bytes, when the buckets were last measured" } {
                (big(&human::byte_amount(stored.bytes)))
            }
            dd.note {
                @if stored.measured < all { span { "In " (stored.measured) " of " (human::plural(all, "bucket", "buckets")) } }
                span title={ (human::exact(growth)) " bytes, as measured by the gateway" } {
                    (human::signed_bytes(growth)) " in 30 days"
                }
            }
        }
    }
}

fn big(amount: &Amount) -> Markup {
    html! { (amount.number) @if !amount.unit.is_empty() { small { (amount.unit) } } }
}

fn sum(periods: &[TrafficPeriod]) -> UsageCounts {
    let mut sum = UsageCounts::default();
    for period in periods {
        sum.merge(&period.counts);
    }
    sum
}

fn traffic(viewer: &Viewer, overview: &Arc<Overview>, range: Range) -> Markup {
    let bars: Vec<TrafficBar> = range.periods(overview).iter().map(bar).collect();
    let query = [("traffic", range.id())];
    let csv = viewer.links().ui_with("/traffic.csv", &query);
    let in_words = format!("the last {}", range.label());
    let plot = TrafficPlot {
        id: "traffic",
        range: &in_words,
        is_hourly: range == Range::Day,
        bars: &bars,
        csv: &csv,
    };
    let link = |range: Range| {
        let link = viewer.links().ui_with("", &[("traffic", range.id())]);
        (range.label(), format!("{link}#traffic"))
    };
    html! {
        section.panel #traffic data-refresh="traffic" aria-labelledby="tr" {
            header {
                h2 #tr { "Traffic" }
                (tabs::ranges("Range of the chart", &Range::ALL.map(link), range.label()))
            }
            div.body { (plot.render()) }
        }
    }
}

pub(super) fn bar(period: &TrafficPeriod) -> TrafficBar {
    TrafficBar {
        at: period.at,
        down: period.counts.download_bytes,
        up: period.counts.upload_bytes,
        requests: period.counts.requests,
        failed: period.counts.errors,
    }
}

/// The periods as CSV, with plain numbers.
pub(super) fn csv(periods: &[TrafficPeriod]) -> String {
    let heading = "start,downloaded_bytes,uploaded_bytes,requests,errors,size_change_bytes\n".to_owned();
    let rows = periods.iter().map(|TrafficPeriod { at, counts }| {
        let numbers =
            [counts.download_bytes, counts.upload_bytes, counts.requests, counts.errors, counts.size_change];
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        format!("{at},{}\n", numbers.join(","))
    });
    std::iter::once(heading).chain(rows).collect()
}

async fn busiest(viewer: &Viewer, overview: &Overview) -> Markup {
    let table = busiest_table(viewer, overview).await;
    html! {
        section.panel #busiest data-refresh="buckets traffic" aria-labelledby="bk" {
            header { h2 #bk { "Busiest buckets" } span.faint.small { "Traffic since yesterday, UTC" } }
            @match table {
                Ok(Some(table)) => (table),
                Ok(None) => div.body { p.quiet { "No traffic since yesterday." } },
                Err(error) => div.body { (failed_part(&error.message())) },
            }
            div.more {
                span {}
                a.link href=(viewer.links().ui("/buckets")) { "All buckets" }
            }
        }
    }
}

async fn busiest_table(viewer: &Viewer, overview: &Overview) -> Result<Option<Markup>, PageError> {
    let ids: Vec<_> = overview.busiest.iter().map(|(id, _)| *id).collect();
    let views = viewer.control().buckets_named(&viewer.caller, &ids).await?;
    let traffic_of = |id| overview.busiest.iter().find(|(one, _)| *one == id).map(|(_, counts)| *counts);
    let lines: Vec<BucketLine> = views
        .into_iter()
        .map(|view| {
            let counts = traffic_of(view.bucket.id).unwrap_or_default();
            BucketLine {
                traffic: counts.upload_bytes.saturating_add(counts.download_bytes),
                growth: counts.size_change,
                view,
            }
        })
        .collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let workspaces = bucket_rows::workspace_names(viewer).await?;
    Ok(Some(bucket_rows::table(viewer, &lines, &workspaces, "Traffic", false).await?))
}
