//! Traffic of a bucket: by hour for a day, by day for longer.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::BucketView;
use bucketry_control::overview::ChartRange;
use maud::{Markup, html};

use super::super::overview;
use super::{path, read};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::layout;
use crate::links::query_text;
use crate::parts::plot::{TrafficBar, TrafficPlot};
use crate::parts::tabs;
use crate::viewer::Viewer;

/// The ranges: value, label, label in a sentence, periods.
const RANGES: [(&str, &str, &str, ChartRange); 4] = [
    ("24h", "24 h", "the last 24 hours", ChartRange::Hours(24)),
    ("7d", "7 d", "the last 7 days", ChartRange::Days(7)),
    ("30d", "30 d", "the last 30 days", ChartRange::Days(30)),
    ("1y", "1 y", "the last year", ChartRange::Days(365)),
];

fn chosen(query: &FieldValues) -> (&'static str, &'static str, &'static str, ChartRange) {
    *RANGES.iter().find(|(value, ..)| *value == query.text("traffic")).unwrap_or(&RANGES[2])
}

pub(super) async fn panel(
    viewer: &Viewer,
    view: &BucketView,
    query: &FieldValues,
) -> Result<Markup, PageError> {
    let (value, label, words, range) = chosen(query);
    let periods = viewer.control().bucket_traffic_chart(&viewer.caller, view.bucket.id, range).await?;
    let bars: Vec<TrafficBar> = periods.iter().map(overview::bar).collect();
    let csv =
        format!("{}{}", path(viewer, view.bucket.id, "/traffic.csv"), query_text(&[("traffic", value)]));
    let plot = TrafficPlot {
        id: "traffic",
        range: words,
        is_hourly: matches!(range, ChartRange::Hours(_)),
        bars: &bars,
        csv: &csv,
    };
    let link = |(value, label, ..): (&'static str, &'static str, &str, ChartRange)| {
        let query = query_text(&[("latency", query.text("latency")), ("traffic", value)]);
        (label, format!("{}{query}#traffic", path(viewer, view.bucket.id, "")))
    };
    Ok(html! {
        section.panel #traffic data-refresh="traffic" aria-labelledby="tr" {
            header { h2 #tr { "Traffic" } (tabs::ranges("Range of traffic", &RANGES.map(link), label)) }
            div.body { (plot.render()) }
        }
    })
}

/// `GET /ui/buckets/{id}/traffic.csv`
pub(crate) async fn csv(viewer: Viewer, Path(id): Path<String>, SentQuery(query): SentQuery) -> Response {
    match periods(&viewer, &id, &query).await {
        Ok(text) => layout::csv("traffic.csv", text),
        Err(error) => viewer.answer(Err(error)).await,
    }
}

async fn periods(viewer: &Viewer, id: &str, query: &FieldValues) -> Result<String, PageError> {
    let view = read(viewer, id).await?;
    let (.., range) = chosen(query);
    let periods = viewer.control().bucket_traffic_chart(&viewer.caller, view.bucket.id, range).await?;
    Ok(overview::csv(&periods))
}
