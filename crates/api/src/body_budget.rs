//! The memory of bodies whose senders have not proven yet who they are: one budget for all of them.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{ApiError, ApiResult};

/// How long a body waits for its first bytes.
const WAIT: Duration = Duration::from_secs(2);
/// How long one waits that has some already. It gives them up soon: bodies that each hold a part and wait for the rest
/// would keep all the others out.
const WAIT_WITH_SOME: Duration = Duration::from_millis(100);

/// The budget, in bytes. Clones share it.
#[derive(Clone)]
pub(crate) struct BodyBudget {
    all: Arc<Semaphore>,
    /// What large messages of nodes may take of it: they must not keep people from signing in.
    large: Arc<Semaphore>,
}

/// The bytes that a body takes of the budget, until this is dropped.
pub(crate) struct BodyLease {
    budget: BodyBudget,
    is_large: bool,
    taken: Option<OwnedSemaphorePermit>,
    taken_of_large: Option<OwnedSemaphorePermit>,
}

impl BodyBudget {
    /// So many bytes in all, two thirds of them for large messages.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(bytes)), large: Arc::new(Semaphore::new(bytes / 3 * 2)) }
    }

    /// A lease without any bytes.
    pub(crate) fn lease(&self, is_large: bool) -> BodyLease {
        BodyLease { budget: self.clone(), is_large, taken: None, taken_of_large: None }
    }
}

impl BodyLease {
    /// Takes some more bytes, those that came. What a client only announces takes none.
    pub(crate) async fn take(&mut self, bytes: usize) -> ApiResult<()> {
        let wait = if self.taken.is_some() { WAIT_WITH_SOME } else { WAIT };
        if self.is_large {
            let more = acquire(&self.budget.large, bytes, wait).await?;
            merge(&mut self.taken_of_large, more);
        }
        let more = acquire(&self.budget.all, bytes, wait).await?;
        merge(&mut self.taken, more);
        Ok(())
    }
}

fn merge(taken: &mut Option<OwnedSemaphorePermit>, more: OwnedSemaphorePermit) {
    match taken {
        Some(taken) => taken.merge(more),
        None => *taken = Some(more),
    }
}

async fn acquire(budget: &Arc<Semaphore>, bytes: usize, wait: Duration) -> ApiResult<OwnedSemaphorePermit> {
    let bytes = u32::try_from(bytes).map_err(ApiError::internal)?;
    let waiting = timeout(wait, Arc::clone(budget).acquire_many_owned(bytes));
    let Ok(permit) = waiting.await else {
        let message = "too many requests are being received from clients that have not signed in yet: try again in a moment";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", message).retry_after(2));
    };
    permit.map_err(ApiError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bodies_share_the_budget_and_large_ones_leave_room_for_small_ones() {
        let budget = BodyBudget::new(300);
        let mut large = budget.lease(true);
        large.take(150).await.unwrap();
        large.take(50).await.unwrap();
        let refused = budget.lease(true).take(1).await.unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.code()), (503, "OVERLOADED"));
        let mut small = budget.lease(false);
        small.take(100).await.unwrap();
        assert!(budget.lease(false).take(1).await.is_err());
        drop(large);
        small.take(200).await.unwrap();
        drop(small);
        budget.lease(true).take(200).await.unwrap();
    }
}
