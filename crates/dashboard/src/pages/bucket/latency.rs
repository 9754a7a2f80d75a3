//! Latency of a bucket: by hour for a week, by day for longer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::BucketView;
use bucketry_model::time::Day;
use jiff::Timestamp;
use maud::{Markup, html};

use super::super::live::bucket_topic;
use super::{path, read};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::layout;
use crate::links::query_text;
use crate::parts::lines::{LatencyPlot, LatencyPoint};
use crate::parts::tabs;
use crate::viewer::Viewer;

/// The ranges: value, label, label in a sentence, hours or days.
const RANGES: [(&str, &str, &str, i64); 4] = [
    ("24h", "24 h", "the last 24 hours", 24),
    ("7d", "7 d", "the last 7 days", 168),
    ("30d", "30 d", "the last 30 days", 30),
    ("90d", "90 d", "the last 90 days", 90),
];

fn chosen(query: &FieldValues) -> (&'static str, &'static str, &'static str, i64) {
    *RANGES.iter().find(|(value, ..)| *value == query.text("latency")).unwrap_or(&RANGES[0])
}

fn is_hourly(range: &str) -> bool {
    matches!(range, "24h" | "7d")
}

async fn points(
    viewer: &Viewer,
    view: &BucketView,
    query: &FieldValues,
) -> Result<Vec<LatencyPoint>, PageError> {
    let (value, .., number) = chosen(query);
    if is_hourly(value) { hours(viewer, view, number).await } else { days(viewer, view, number).await }
}

/// `GET /ui/buckets/{id}/latency.csv`
pub(crate) async fn csv(viewer: Viewer, Path(id): Path<String>, SentQuery(query): SentQuery) -> Response {
    match text(&viewer, &id, &query).await {
        Ok(text) => layout::csv("latency.csv", text),
        Err(error) => viewer.answer(Err(error)).await,
    }
}

async fn text(viewer: &Viewer, id: &str, query: &FieldValues) -> Result<String, PageError> {
    let view = read(viewer, id).await?;
    let usual = if is_hourly(chosen(query).0) { "median_ms" } else { "mean_ms" };
    let mut text = format!("start,{usual},p99_ms,outage\n");
    let number = |value: Option<f64>| value.map(|value| format!("{value:.0}")).unwrap_or_default();
    for point in points(viewer, &view, query).await? {
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{},{},{},{}",
            point.at,
            number(point.usual),
            number(point.slow),
            point.has_outage
        );
    }
    Ok(text)
}

pub(super) async fn panel(
    viewer: &Viewer,
    view: &BucketView,
    query: &FieldValues,
) -> Result<Markup, PageError> {
    let (value, label, words, _) = chosen(query);
    let is_hourly = is_hourly(value);
    let points = points(viewer, view, query).await?;
    let csv =
        format!("{}{}", path(viewer, view.bucket.id, "/latency.csv"), query_text(&[("latency", value)]));
    let plot = LatencyPlot {
        id: "latency",
        range: words,
        usual: if is_hourly { "Median" } else { "Mean" },
        is_hourly: value == "24h",
        points: &points,
        csv: &csv,
    };
    let link = |(value, label, ..): (&'static str, &'static str, &str, i64)| {
        let query = query_text(&[("latency", value), ("traffic", query.text("traffic"))]);
        (label, format!("{}{query}#latency", path(viewer, view.bucket.id, "")))
    };
    Ok(html! {
        section.panel #latency data-refresh=(bucket_topic(view.bucket.id)) aria-labelledby="la" {
            header { h2 #la { "Latency" } (tabs::ranges("Range of latency", &RANGES.map(link), label)) }
            div.body {
                @if points.iter().all(|point| point.usual.is_none()) { p.quiet { "No successful probe in " (words) "." } }
                @else { (plot.render()) }
            }
        }
    })
}

/// By hour: the median of the node that was fastest, and its 99th percentile.
async fn hours(viewer: &Viewer, view: &BucketView, number: i64) -> Result<Vec<LatencyPoint>, PageError> {
    let control = viewer.control();
    let now = viewer.frame.now;
    let selection = control.select_buckets(&viewer.caller, Some(&[view.bucket.id]), None).await?;
    let last = now.as_second().div_euclid(3_600) * 3_600;
    let first = last - (number - 1) * 3_600;
    let since = Timestamp::from_second(first).unwrap_or(now);
    let hours = control.hour_selection(selection, Some(since), Some(now))?;
    let found = control.bucket_hours(&hours, None, 1).await?;
    let mut best: BTreeMap<i64, LatencyPoint> = BTreeMap::new();
    let rows = found.iter().flat_map(|bucket| &bucket.nodes).flat_map(|node| &node.hours);
    for (at, record) in rows {
        let Some(time) = Timestamp::from_second(*at).ok() else { continue };
        let point = LatencyPoint {
            at: time,
            usual: record.median_ms.map(f64::from),
            slow: record.p99_ms.map(f64::from),
            has_outage: record.offline_ms > 0,
        };
        let known = best.entry(*at).or_insert(point);
        // The bucket was offline only where no node reached it.
        let has_outage = known.has_outage && point.has_outage;
        if point.usual.is_some_and(|usual| known.usual.is_none_or(|other| usual < other)) {
            *known = point;
        }
        known.has_outage = has_outage;
    }
    let point = |index: i64| {
        let at = first + index * 3_600;
        best.get(&at).copied().unwrap_or(LatencyPoint {
            at: Timestamp::from_second(at).unwrap_or(now),
            usual: None,
            slow: None,
            has_outage: false,
        })
    };
    Ok((0..number).map(point).collect())
}

/// By day: the mean of the node that was fastest.
async fn days(viewer: &Viewer, view: &BucketView, number: i64) -> Result<Vec<LatencyPoint>, PageError> {
    let control = viewer.control();
    let last = Day::of(viewer.frame.now);
    let first = Day::from_number(last.number() - number + 1);
    let selection = control.select_buckets(&viewer.caller, Some(&[view.bucket.id]), None).await?;
    let statistics = control.node_statistics(selection, Some(first), Some(last))?;
    let found = control.bucket_days(&statistics, None, 1).await?;
    let mut points: Vec<LatencyPoint> = (0..number)
        .map(|index| LatencyPoint {
            at: Day::from_number(first.number() + index).start(),
            usual: None,
            slow: None,
            has_outage: false,
        })
        .collect();
    let mut best_share = vec![0.0_f64; points.len()];
    for day in found.iter().flat_map(|bucket| &bucket.days) {
        let index = usize::try_from(day.day.number() - first.number()).unwrap_or(usize::MAX);
        let (Some(point), Some(share)) = (points.get_mut(index), best_share.get_mut(index)) else { continue };
        *share = share.max(day.online_percent);
        point.has_outage = *share < 100.0;
        if day.latency_ms > 0.0 && point.usual.is_none_or(|other| day.latency_ms < other) {
            point.usual = Some(day.latency_ms);
        }
    }
    Ok(points)
}
