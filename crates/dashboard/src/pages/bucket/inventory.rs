//! The tab *Inventory* of a bucket: how full it is, by prefix and class.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::inventories::InventoryView;
use bucketry_model::inventory::Inventory;
use maud::{Markup, html};

use super::super::live::bucket_topic;
use super::{may_change, path, read, top};
use crate::failure::PageError;
use crate::human;
use crate::parts::empty::empty;
use crate::parts::icon::{Icon, icon};
use crate::parts::notice::notice;
use crate::parts::state::Mark;
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let result = screen(&viewer, &id).await;
    viewer.answer(result).await
}

/// `POST`: starts a walk.
pub(crate) async fn start(viewer: Viewer, Path(id): Path<String>) -> Response {
    let outcome = begin(&viewer, &id).await;
    viewer.answer_form(outcome).await
}

async fn begin(viewer: &Viewer, id: &str) -> Result<FormOutcome, PageError> {
    let view = read(viewer, id).await?;
    viewer.control().start_inventory(&viewer.caller, view.bucket.id).await?;
    Ok(FormOutcome::Moved(path(viewer, view.bucket.id, "/inventory")))
}

async fn screen(viewer: &Viewer, id: &str) -> Result<Screen, PageError> {
    let view = read(viewer, id).await?;
    let found = viewer.control().bucket_inventory(&viewer.caller, view.bucket.id).await?;
    let start = may_change(viewer, &view) && found.progress.is_none();
    let button = start.then(|| {
        html! {
            form method="post" action=(path(viewer, view.bucket.id, "/inventory")) {
                button.btn { (icon(Icon::Again)) "Measure now" }
            }
        }
    });
    let body = html! {
        (top(viewer, &view, "Inventory"))
        @if let Some((error, at)) = &found.last_error {
            (notice(Mark::Bad, "The last measurement failed", html! { (time::in_text(error)) " " (time::ago(*at, viewer.frame.now)) }, None))
        }
        div #inventory data-refresh={ (bucket_topic(view.bucket.id)) " traffic" } {
            @if let Some(progress) = &found.progress {
                p.quiet { "Measuring: " (human::exact(i64::try_from(progress.objects).unwrap_or(i64::MAX))) " objects so far." }
            }
            @match found.results.first() {
                Some(latest) => (result(viewer, &found, latest, button)),
                None => section.panel {
                    (empty(
                        Icon::Bucket,
                        "Never measured",
                        "An inventory lists all objects once and adds up their sizes. It reads no contents, but providers may charge \
                         for the requests.",
                        button,
                    ))
                },
            }
        }
    };
    Ok(Screen::new(Section::Buckets, format!("Inventory of {}", view.bucket.name.as_str()), body))
}

fn result(viewer: &Viewer, found: &InventoryView, latest: &Inventory, button: Option<Markup>) -> Markup {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let largest = latest.prefixes.iter().map(|prefix| prefix.bytes).max().unwrap_or(0).max(1);
    html! {
        section.panel aria-labelledby="in" {
            header { h2 #in { "Measured " (time::ago(latest.finished_at, viewer.frame.now)) } @if let Some(button) = button { (button) } }
            dl.facts {
                div { dt { "Objects" } dd { (human::exact(number(latest.objects))) } }
                div { dt { "Size" } dd title={ (human::exact(number(latest.bytes))) " bytes" } { (human::bytes(number(latest.bytes))) } }
                @if let Some(current) = found.current.filter(|current| !current.is_measured) {
                    div { dt { "Now, with later traffic" } dd { (human::bytes(current.bytes)) } }
                }
                @for class in latest.classes.iter().take(4) {
                    div { dt { (class.class) } dd { (human::bytes(number(class.bytes))) } }
                }
            }
            @if !latest.prefixes.is_empty() {
                table.table {
                    thead { tr {
                        th scope="col" { "Prefix" } th.r scope="col" { "Objects" } th.r scope="col" { "Size" } th.c2 scope="col" { "Share" }
                    } }
                    tbody { @for prefix in &latest.prefixes { tr {
                        td.name { code { (if prefix.prefix.is_empty() { "(no prefix)" } else { prefix.prefix.as_str() }) } }
                        td.r { (human::exact(number(prefix.objects))) }
                        td.r title={ (human::exact(number(prefix.bytes))) " bytes" } { (human::bytes(number(prefix.bytes))) }
                        td.c2 { meter min="0" max=(largest) value=(prefix.bytes) aria-label={ "Size of " (prefix.prefix) } {} }
                    } } }
                }
            }
        }
    }
}
