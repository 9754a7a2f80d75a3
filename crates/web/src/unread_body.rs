//! The part of a refused request that its handler did not read.

use axum::body::Body;
use axum::extract::Request;

use crate::drain::{drain, is_worth_draining};
use crate::shared_body::SharedBody;

/// The body of a request that may be refused before it is read.
pub struct UnreadBody(SharedBody<Body>);

impl UnreadBody {
    /// Shares the request's body. `None` where there is nothing to read.
    pub fn of(request: &mut Request) -> Option<Self> {
        if !is_worth_draining(request.headers(), request.version(), request.body()) {
            return None;
        }
        let mut shared = SharedBody::Here(std::mem::take(request.body_mut()));
        *request.body_mut() = Body::new(shared.lend()?);
        Some(Self(shared))
    }

    /// Reads the rest of the body, so that the client gets to read the response.
    pub async fn drain(mut self) {
        if let Some(body) = self.0.take_back() {
            drain(body).await;
        }
    }
}
