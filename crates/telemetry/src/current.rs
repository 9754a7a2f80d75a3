//! The span that a task is working for, for code that knows nothing of requests.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::span::{SpanHandle, TraceSpan};

/// Whether this process traces anything. While it doesn't, asking for the current span costs one load.
static IS_ON: AtomicBool = AtomicBool::new(false);

tokio::task_local! {
    static CURRENT: SpanHandle;
}

pub(crate) fn switch_on() {
    IS_ON.store(true, Ordering::Relaxed);
}

/// Runs a future in a span. What it runs as another task is outside of the span.
pub async fn scope<F: Future>(span: SpanHandle, future: F) -> F::Output {
    CURRENT.scope(span, future).await
}

/// The span that the task runs in. `None` if it isn't traced.
#[inline]
pub fn handle() -> Option<SpanHandle> {
    if IS_ON.load(Ordering::Relaxed) { CURRENT.try_with(Clone::clone).ok() } else { None }
}

/// Begins a span for a request to another server, in the span that the task runs in. `None` if it isn't traced.
#[inline]
pub fn client_span(name: &'static str) -> Option<TraceSpan> {
    if IS_ON.load(Ordering::Relaxed) {
        CURRENT.try_with(|span| span.client_span(name)).ok().flatten()
    } else {
        None
    }
}
