//! Shows one page in place of all others once a newer version has upgraded the database in a way that this version can't work with.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::client::ClientFrame;
use crate::failure::PageError;
use crate::layout;
use crate::state::Dashboard;

/// Refuses everything that would use the database.
///
/// Middleware for [`axum::middleware::from_fn_with_state`].
pub(crate) async fn refuse_if_outdated(
    State(app): State<Dashboard>,
    request: Request,
    next: Next,
) -> Response {
    let Err(outdated) = app.control().refuse_if_outdated() else { return next.run(request).await };
    if request.uri().path().starts_with("/ui/assets/") {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    layout::bare_failure(&ClientFrame::of(&parts, &app), &PageError::Control(outdated))
}
