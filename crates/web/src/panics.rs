//! Turns panics of handlers into responses.

use std::any::Any;

use axum::body::Body;
use axum::response::Response;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

/// A layer that catches panics. `respond` gets the panic's message, which may contain anything, so it must not get
/// to the client.
pub fn catch_panics(
    respond: impl Fn(&str) -> Response + Clone,
) -> CatchPanicLayer<impl ResponseForPanic<ResponseBody = Body>> {
    CatchPanicLayer::custom(move |panic: Box<dyn Any + Send>| respond(message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
