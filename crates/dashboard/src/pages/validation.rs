//! Checks in progress. A script reads these pages while a node makes the checks; they can also be opened.

use std::time::Duration;

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::validations::{LONGEST_WAIT, ValidationProgress};
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::{BucketId, ValidationId};
use maud::{Markup, html};

use super::bucket::{self, path};
use super::check_panel::{CheckPanel, live_region};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::parts::heading::Heading;
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;

/// `GET /ui/validations/{validation}`: of a bucket that isn't registered, for the user who began it.
pub(crate) async fn of_new_bucket(
    viewer: Viewer,
    Path(validation): Path<String>,
    SentQuery(query): SentQuery,
) -> Response {
    let result = new_bucket_screen(&viewer, &validation, &query).await;
    viewer.answer(result).await
}

/// `GET /ui/buckets/{id}/check/{validation}`: of a registered bucket, for those who may validate it.
pub(crate) async fn of_bucket(
    viewer: Viewer,
    Path((id, validation)): Path<(String, String)>,
    SentQuery(query): SentQuery,
) -> Response {
    let result = bucket_screen(&viewer, &id, &validation, &query).await;
    viewer.answer(result).await
}

/// The panel of a check of a bucket that isn't registered.
pub(super) async fn new_bucket_panel(
    viewer: &Viewer,
    id: ValidationId,
    query: &FieldValues,
) -> Result<CheckPanel, PageError> {
    let progress = read(viewer, id, None, query).await?;
    let address = |revision: u64| {
        let after = revision.to_string();
        viewer.links().ui_with(format_args!("/validations/{id}"), &[("after", &after)])
    };
    Ok(CheckPanel::of(viewer, progress, address, true))
}

async fn new_bucket_screen(viewer: &Viewer, id: &str, query: &FieldValues) -> Result<Screen, PageError> {
    let panel = new_bucket_panel(viewer, parsed(id)?, query).await?;
    let heading = Heading {
        crumbs: &[
            ("Buckets", viewer.links().ui("/buckets")),
            ("Add a bucket", viewer.links().ui("/buckets/add")),
        ],
        title: "Checks of a new bucket",
        ..Heading::default()
    };
    let body = html! { (heading.render()) (panel.render()) (again(&panel)) (live_region()) };
    Ok(Screen::new(Section::Buckets, "Checks of a new bucket", body))
}

async fn bucket_screen(
    viewer: &Viewer,
    id: &str,
    validation: &str,
    query: &FieldValues,
) -> Result<Screen, PageError> {
    let id: BucketId = id.parse().map_err(|_| Error::NotFound(ResourceKind::Bucket))?;
    let validation = parsed(validation)?;
    let progress = read(viewer, validation, Some(id), query).await?;
    let view = viewer.control().bucket(&viewer.caller, id).await?;
    let address = |revision: u64| {
        let after = revision.to_string();
        viewer.links().ui_with(format_args!("/buckets/{id}/check/{validation}"), &[("after", &after)])
    };
    let panel = CheckPanel::of(viewer, progress, address, false);
    let body = html! {
        (bucket::top(viewer, &view, "Checks"))
        (panel.render())
        (again(&panel))
        p { a.link href=(path(viewer, id, "")) { "Back to " (view.bucket.name.as_str()) } }
        (live_region())
    };
    Ok(Screen::new(Section::Buckets, format!("Checks of {}", view.bucket.name.as_str()), body))
}

/// Where no script does it.
fn again(panel: &CheckPanel) -> Markup {
    html! {
        @if panel.is_followed() { noscript { p { a.link href="?" { "Show what has happened since" } } } }
    }
}

fn parsed(id: &str) -> Result<ValidationId, PageError> {
    Ok(id.parse().map_err(|_| Error::NotFound(ResourceKind::Validation))?)
}

async fn read(
    viewer: &Viewer,
    id: ValidationId,
    of: Option<BucketId>,
    query: &FieldValues,
) -> Result<ValidationProgress, PageError> {
    let after = query.get("after").and_then(|text| text.parse().ok());
    let wait = if after.is_some() { LONGEST_WAIT } else { Duration::ZERO };
    Ok(viewer.control().validation_progress(&viewer.caller, id, of, after, wait).await?)
}
