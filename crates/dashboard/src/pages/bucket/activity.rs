//! The tab *Activity* of a bucket: changes of its state, as the nodes reported them, and its outages.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::{BucketOutages, EventFilter, EventView};
use bucketry_control::cursor::Cursor as _;
use bucketry_model::id::BucketId;
use bucketry_model::status::ProbedStatus;
use bucketry_store::status_event::EventPosition;
use maud::{Markup, html};

use super::super::live::bucket_topic;
use super::{path, read, top};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::human;
use crate::links::query_text;
use crate::parts::pager::pager;
use crate::parts::time;
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;

/// Events per page.
const PER_PAGE: u32 = 50;
/// Outages that are listed.
const OUTAGES: usize = 20;

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>, SentQuery(query): SentQuery) -> Response {
    let result = screen(&viewer, &id, &query).await;
    viewer.answer(result).await
}

async fn screen(viewer: &Viewer, id: &str, query: &FieldValues) -> Result<Screen, PageError> {
    let view = read(viewer, id).await?;
    let id = view.bucket.id;
    let control = viewer.control();
    let after = query.get("after").and_then(EventPosition::from_text);
    let events = control.bucket_events(&viewer.caller, id, EventFilter::default(), after, PER_PAGE).await?;
    let outages = control.bucket_outages(&viewer.caller, id, None, None).await?;
    let here = path(viewer, id, "/activity");
    let first = query.get("after").map(|_| here.as_str());
    let last = events.last().filter(|_| events.len() == PER_PAGE as usize);
    let next = last.map(|last| {
        let position = EventPosition { at: to_position(last), number: last.event.number };
        format!("{here}{}", query_text(&[("after", &position.to_text())]))
    });
    let body = html! {
        (top(viewer, &view, "Activity"))
        div.two {
            section.panel #events data-refresh=(bucket_topic(id)) aria-labelledby="ev" {
                header { h2 #ev { "Changes of its state" } }
                div.body {
                    @if events.is_empty() { p.quiet { "Its state has not changed yet." } } @else { (lines(viewer, &events)) }
                }
                (pager("events", first, next.as_deref()))
            }
            (outages_panel(viewer, id, &outages))
        }
    };
    Ok(Screen::new(Section::Buckets, format!("Activity of {}", view.bucket.name.as_str()), body))
}

fn to_position(view: &EventView) -> i64 {
    bucketry_model::time::to_micros(view.event.at)
}

/// A list of events.
pub(super) fn lines(viewer: &Viewer, events: &[EventView]) -> Markup {
    html! {
        ul.log { @for view in events {
            @let node = view.node_name.as_deref().unwrap_or("a node that was removed");
            li {
                span {
                    @match view.event.to {
                        ProbedStatus::Online => { "Went online, reported by " (node) },
                        ProbedStatus::Offline => { "Went offline, reported by " (node) },
                    }
                    @if let Some(failure) = &view.event.failure { br; span.quiet.small { (time::in_text(&failure.message)) } }
                }
                (time::ago(view.event.at, viewer.frame.now))
            }
        } }
    }
}

fn outages_panel(viewer: &Viewer, id: BucketId, found: &BucketOutages) -> Markup {
    html! {
        section.panel #outages data-refresh=(bucket_topic(id)) aria-labelledby="ou" {
            header { h2 #ou { "Outages" } @if !found.complete { span.faint.small { "the latest ones" } } }
            div.body {
                @if found.outages.is_empty() { p.quiet { "No outage in the time for which changes are retained." } }
                @else {
                    ul.log { @for outage in found.outages.iter().take(OUTAGES) { li {
                        span {
                            (human::short_duration(outage.length(found.now)))
                            @if outage.end.is_none() { " so far" }
                            @if let Some(failure) = &outage.failure { br; span.quiet.small { (time::in_text(&failure.message)) } }
                        }
                        (time::ago(outage.start, viewer.frame.now))
                    } } }
                }
            }
        }
    }
}
