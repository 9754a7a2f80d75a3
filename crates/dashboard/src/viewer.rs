//! Who looks at a page. Handlers take a viewer first, so that nobody who hasn't signed in learns anything.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Redirect, Response};
use bucketry_control::{Control, Error};
use bucketry_model::role::{Caller, OrgRole};
use bucketry_web::access_log::RequestTrace;
use http::header::SET_COOKIE;
use http::request::Parts;

use crate::client::ClientFrame;
use crate::cookie;
use crate::failure::PageError;
use crate::layout::{self, SignedInPerson};
use crate::links::{Links, query_text};
use crate::role_needed;
use crate::screen::{FormOutcome, Screen};
use crate::state::Dashboard;

/// Somebody who has signed in, and the request.
pub(crate) struct Viewer {
    pub(crate) caller: Caller,
    pub(crate) frame: ClientFrame,
    pub(crate) person: SignedInPerson,
}

/// Somebody who has signed in, perhaps with a one-time password that must be changed first. Only for the pages that such a
/// session may see.
pub(crate) struct OneTimeViewer(pub(crate) Viewer);

impl Viewer {
    /// The use cases.
    pub(crate) fn control(&self) -> &Control {
        self.frame.app.control()
    }

    pub(crate) fn links(&self) -> &Links {
        self.frame.links()
    }

    /// Whether the viewer administers the whole organization.
    pub(crate) fn is_administrator(&self) -> bool {
        self.caller.may_in_org(OrgRole::Administrators)
    }

    /// The page, or why it can't be shown.
    pub(crate) async fn answer(&self, result: Result<Screen, PageError>) -> Response {
        match result {
            Ok(screen) => layout::document(&self.frame, Some(&self.person), screen),
            Err(error) => {
                let whom = role_needed::whom_to_ask(&self.caller, &self.frame, &error).await;
                layout::failure(&self.frame, Some(&self.person), &error, &whom)
            }
        }
    }

    /// What a form leads to.
    pub(crate) async fn answer_form(&self, result: Result<FormOutcome, PageError>) -> Response {
        match result {
            Ok(FormOutcome::Moved(to)) => Redirect::to(&to).into_response(),
            Ok(FormOutcome::Shown(screen)) => self.answer(Ok(screen)).await,
            Err(error) => self.answer(Err(error)).await,
        }
    }
}

impl FromRequestParts<Dashboard> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Dashboard) -> Result<Self, Response> {
        let OneTimeViewer(viewer) = OneTimeViewer::from_request_parts(parts, app).await?;
        if viewer.caller.must_change_password {
            let to = query_text(&[("to", &viewer.frame.requested)]);
            return Err(Redirect::to(&app.links().ui(format_args!("/password{to}"))).into_response());
        }
        Ok(viewer)
    }
}

impl FromRequestParts<Dashboard> for OneTimeViewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Dashboard) -> Result<Self, Response> {
        let frame = ClientFrame::of(parts, app);
        let refused = |error: PageError| layout::bare_failure(&frame, &error);
        app.limits().check_address(frame.address).map_err(refused)?;
        let Some(value) = &frame.session else { return Err(sign_in_first(&frame, parts)) };
        let mut caller = match app.control().authenticate_browser(value).await {
            Ok(caller) => caller,
            Err(Error::Unauthenticated(_) | Error::TokenExpired(_)) => {
                return Err(sign_in_first(&frame, parts));
            }
            Err(other) => return Err(refused(other.into())),
        };
        caller.origin = frame.origin();
        app.limits().check_session(caller.token_id).map_err(refused)?;
        if let Some(trace) = parts.extensions.get::<Arc<RequestTrace>>() {
            trace.set_user(caller.user_id);
        }
        let person =
            SignedInPerson::of(&caller, app.control()).await.map_err(|error| refused(error.into()))?;
        Ok(Self(Viewer { caller, frame, person }))
    }
}

/// Sends the browser to the page for signing in, and back afterwards if it was reading.
fn sign_in_first(frame: &ClientFrame, parts: &Parts) -> Response {
    let is_reading = parts.method.is_safe();
    let is_home = frame.requested == frame.links().ui("");
    let to = if is_reading && !is_home { frame.requested.as_str() } else { "" };
    let mut response = Redirect::to(&frame.links().ui_with("/sign-in", &[("to", to)])).into_response();
    // A cookie whose session has ended would be sent for nothing.
    if frame.session.is_some()
        && let Some(header) = cookie::remove_session(frame.is_https, frame.links())
    {
        response.headers_mut().insert(SET_COOKIE, header);
    }
    response
}
