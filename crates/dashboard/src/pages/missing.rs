//! Addresses below `/ui` that no page has.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::failure::PageError;
use crate::state::Dashboard;
use crate::viewer::Viewer;

/// Those who haven't signed in are asked to, and learn nothing about which pages there are.
pub(crate) async fn show(viewer: Viewer) -> Response {
    viewer.answer(Err(PageError::NoSuchPage)).await
}

/// `/ui/`
pub(crate) async fn home(State(app): State<Dashboard>) -> Response {
    Redirect::permanent(&app.links().ui("")).into_response()
}
