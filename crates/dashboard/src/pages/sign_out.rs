//! `POST /ui/sign-out`: ends the session.

use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::SET_COOKIE;

use crate::cookie;
use crate::viewer::OneTimeViewer;

pub(crate) async fn submit(OneTimeViewer(viewer): OneTimeViewer) -> Response {
    if let Err(error) = viewer.control().sign_out(&viewer.caller).await {
        return viewer.answer(Err(error.into())).await;
    }
    let mut response = Redirect::to(&viewer.links().ui("/sign-in")).into_response();
    if let Some(header) = cookie::remove_session(viewer.frame.is_https, viewer.links()) {
        response.headers_mut().insert(SET_COOKIE, header);
    }
    response
}
