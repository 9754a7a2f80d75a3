//! The tab *Overview* of a bucket: availability, latency, traffic, the last diagnosis, who uses it, what happened.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::{BucketView, EventFilter};
use bucketry_model::pinning::BucketPins;
use bucketry_model::status::Status;
use jiff::Timestamp;
use maud::{Markup, html};

use super::super::live::bucket_topic;
use super::pins::names;
use super::{activity, availability, latency, may_change, path, read, top, traffic};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::human;
use crate::parts::checks;
use crate::parts::empty::failed_part;
use crate::parts::time;
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;

/// Events that are shown beside the diagnosis.
const EVENTS: u32 = 5;

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>, SentQuery(query): SentQuery) -> Response {
    let result = screen(&viewer, &id, &query).await;
    viewer.answer(result).await
}

async fn screen(viewer: &Viewer, id: &str, query: &FieldValues) -> Result<Screen, PageError> {
    let view = read(viewer, id).await?;
    let body = html! {
        (top(viewer, &view, "Overview"))
        (part(&view, "availability", "Availability", availability::panel(viewer, &view).await))
        div.two {
            (part(&view, "latency", "Latency", latency::panel(viewer, &view, query).await))
            (part(&view, "traffic", "Traffic", traffic::panel(viewer, &view, query).await))
        }
        div.two {
            (part(&view, "diagnosis", "Diagnosis", diagnosis(viewer, &view).await))
            (part(&view, "used-by", "Used by", Ok(used_by(viewer, &view).await)))
        }
        (facts(viewer, &view).await?)
    };
    Ok(Screen::new(Section::Buckets, view.bucket.name.as_str(), body))
}

/// A part, or why it can't be shown. The rest of the page is shown anyway.
fn part(view: &BucketView, id: &str, title: &str, result: Result<Markup, PageError>) -> Markup {
    match result {
        Ok(part) => part,
        Err(error) => {
            error.log();
            html! {
                section.panel #(id) data-refresh=(bucket_topic(view.bucket.id)) {
                    header { h2 { (title) } }
                    div.body { (failed_part(&error.message())) }
                }
            }
        }
    }
}

async fn diagnosis(viewer: &Viewer, view: &BucketView) -> Result<Markup, PageError> {
    let id = view.bucket.id;
    let found = viewer.control().bucket_diagnosis(&viewer.caller, id).await?;
    Ok(html! {
        section.panel #diagnosis data-refresh=(bucket_topic(view.bucket.id)) aria-labelledby="dg" {
            header {
                h2 #dg { "Diagnosis" }
                @if let Some(found) = &found {
                    span.faint.small {
                        @if let Some(node) = &found.node_name { (node) ", " }
                        (time::ago(found.row.at, viewer.frame.now))
                    }
                }
            }
            div.body {
                @match &found {
                    Some(found) => {
                        @if found.outdated { p.quiet.small { "Location or secret have changed since." } }
                        @if is_older_than_outage(view, found.row.at) {
                            p.quiet.small {
                                "These checks ran before the bucket went offline."
                                @if may_change(viewer, view) { " “Check now” shows what fails." }
                            }
                        }
                        (checks::checks(&found.row.checks))
                    },
                    None => p.quiet {
                        "The checks have never run."
                        @if may_change(viewer, view) { " “Check now” runs them and shows what works and what doesn’t." }
                    },
                }
            }
        }
    })
}

/// Whether what was found then says nothing about the outage that is shown above.
fn is_older_than_outage(view: &BucketView, at: Timestamp) -> bool {
    view.status == Status::Offline && view.since.is_some_and(|since| at < since)
}

async fn used_by(viewer: &Viewer, view: &BucketView) -> Markup {
    let filter = EventFilter::default();
    let events = viewer.control().bucket_events(&viewer.caller, view.bucket.id, filter, None, EVENTS).await;
    html! {
        section.panel #used-by data-refresh=(bucket_topic(view.bucket.id)) aria-labelledby="ub" {
            header { h2 #ub { "Used by" } }
            div.body {
                @if view.repositories.is_empty() {
                    p.quiet { "No repository contains this bucket, so no client reaches it through the gateway." }
                } @else {
                    ul.log { @for repository in &view.repositories { li {
                        a.link href=(viewer.links().ui(format_args!("/repositories/{}", repository.id))) {
                            (repository.name.as_str())
                        }
                        span.quiet.small { (repository.storage_type.as_str()) }
                    } } }
                }
                h2 { "Activity" }
                @match events {
                    Ok(events) if events.is_empty() => p.quiet { "Its state has not changed yet." },
                    Ok(events) => (activity::lines(viewer, &events)),
                    Err(error) => (failed_part(&PageError::from(error).message())),
                }
                p.small { a.link href=(path(viewer, view.bucket.id, "/activity")) { "All activity" } }
            }
        }
    }
}

async fn facts(viewer: &Viewer, view: &BucketView) -> Result<Markup, PageError> {
    let bucket = &view.bucket;
    let control = viewer.control();
    let size = control.bucket_size(&viewer.caller, bucket.id).await?;
    let workspace = control.workspace(&viewer.caller, bucket.workspace_id).await?;
    let selection = control.select_buckets(&viewer.caller, Some(&[bucket.id]), None).await?;
    let totals = control.bucket_totals(&selection, None, 1).await?;
    let totals = totals.first().map(|one| one.totals).unwrap_or_default();
    let location = &bucket.location;
    let pins = pinned_to(viewer, &bucket.pinned_to).await?;
    Ok(html! {
        section.panel aria-label="Facts" {
            dl.facts {
                @match size {
                    Some(size) => div {
                        dt { "Stored" }
                        dd title={ (human::exact(size.bytes)) " bytes" } { (human::bytes(size.bytes)) }
                    },
                    None => div {
                        dt { "Growth, total" }
                        dd title={ (human::exact(totals.size_change)) " bytes" } { (human::signed_bytes(totals.size_change)) }
                    },
                }
                div { dt { "Requests, total" } dd { (human::exact(totals.requests)) } }
                div {
                    dt { "Endpoint" }
                    dd.mono { (location.endpoint.as_ref().map_or_else(|| "public".to_owned(), ToString::to_string)) }
                }
                div { dt { "Key" } dd.mono { (location.key.as_deref().map_or_else(|| "none".to_owned(), shortened)) } }
                div { dt { "Secret" } dd { (secret(viewer, view)) } }
                div { dt { "Workspace" } dd { (workspace.workspace.name.as_str()) } }
                @if let Some(pins) = pins {
                    div { dt { "Pinned to" } dd { a.link href=(path(viewer, bucket.id, "/nodes")) { (pins) } } }
                }
                div { dt { "Storage type" } dd { (location.storage_type.as_str()) } }
                div { dt { "Registered" } dd { (time::date(bucket.created_at)) } }
            }
        }
    })
}

/// The nodes and regions that a bucket is pinned to. `None` if it isn't pinned.
async fn pinned_to(viewer: &Viewer, pins: &BucketPins) -> Result<Option<String>, PageError> {
    if pins.is_empty() {
        return Ok(None);
    }
    let known = viewer.control().nodes(&viewer.caller).await?;
    Ok(Some(names(pins, &known).join(", ")))
}

fn secret(viewer: &Viewer, view: &BucketView) -> Markup {
    let times = view.bucket.credential;
    html! {
        @if view.has_secret {
            @match times.set_at { Some(at) => { "set on " (time::date(at)) }, None => "set" }
            @match times.expires_at {
                Some(at) => { ", expires " (time::distance(at, viewer.frame.now)) },
                None => ", does not expire",
            }
        } @else { "none" }
    }
}

/// The beginning and the end of a long key.
fn shortened(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    if letters.len() <= 24 {
        return key.to_owned();
    }
    let (start, end) = (&letters[..10], &letters[letters.len() - 8..]);
    format!("{}…{}", start.iter().collect::<String>(), end.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_key_is_recognised_by_its_ends() {
        assert_eq!(shortened("0035f1c2d6b79a04"), "0035f1c2d6b79a04");
        assert_eq!(shortened("arn:aws:iam::123456789012:role/backups"), "arn:aws:ia…/backups");
    }
}
