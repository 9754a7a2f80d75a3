//! `POST /ui/theme`: remembers the theme in a cookie.

use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::SET_COOKIE;

use crate::cookie;
use crate::field_values::SentForm;
use crate::theme::Theme;
use crate::viewer::Viewer;

pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let theme = Theme::named(fields.text("theme"));
    let mut response = Redirect::to(&viewer.links().ui("/settings")).into_response();
    if let Some(header) = cookie::set_theme(theme.as_str(), viewer.frame.is_https, viewer.links()) {
        response.headers_mut().insert(SET_COOKIE, header);
    }
    response
}
