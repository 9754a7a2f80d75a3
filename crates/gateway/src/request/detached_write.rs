//! A write that continues when its client disconnects. Once the request has been sent to the provider, the provider
//! may carry it out in any case, and the change must be counted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bucketry_telemetry::current;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::object::write_state::WriteState;
use crate::request::meter::SizeCount;

/// Awaits a write. Dropping this cancels a write that the provider hasn't been asked for yet. Any other write
/// continues in the background; if some of its payload was still to come from the client, it fails and nothing is
/// stored.
pub(crate) struct DetachedWrite<T: 'static> {
    /// `None` once the write has ended, which releases everything it holds.
    write: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    count: Option<SizeCount>,
    write_state: Arc<WriteState>,
    /// Tracks the writes that continue in the background.
    unattended: TaskTracker,
}

impl<T: 'static> DetachedWrite<T> {
    /// The write starts when it is first polled.
    pub(crate) fn new(
        write: impl Future<Output = T> + Send + 'static,
        count: SizeCount,
        write_state: Arc<WriteState>,
        unattended: &TaskTracker,
    ) -> Self {
        Self { write: Some(Box::pin(write)), count: Some(count), write_state, unattended: unattended.clone() }
    }
}

impl<T: 'static> Future for DetachedWrite<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(write) = &mut self.write else { return Poll::Pending };
        let answer = ready!(write.as_mut().poll(cx));
        self.write = None;
        Poll::Ready(answer)
    }
}

impl<T: 'static> Drop for DetachedWrite<T> {
    fn drop(&mut self) {
        let (Some(write), Some(count)) = (self.write.take(), self.count.take()) else { return };
        if !self.write_state.has_begun() {
            return;
        }
        // Without a runtime, the whole process is ending.
        let Ok(runtime) = Handle::try_current() else { return };
        let guard = self.write_state.detach();
        let write_state = Arc::clone(&self.write_state);
        let ending = async move {
            // The client is gone, so only the change of the stored size matters.
            let _ = write.await;
            count.add(write_state.take_size_change());
            drop(guard);
        };
        // The span of the request may have ended. What the write still causes belongs to it all the same.
        match current::handle() {
            None => self.unattended.spawn_on(ending, &runtime),
            Some(span) => self.unattended.spawn_on(current::scope(span, ending), &runtime),
        };
    }
}
