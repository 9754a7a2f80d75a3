//! A memory budget that bodies share, such as those of all clients that have not authenticated yet.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a body without any bytes waits for its first ones.
const WAIT: Duration = Duration::from_secs(2);
/// How long a body that has some bytes waits for more. It gives up early: bodies that each hold a part and wait for
/// the rest would block all others.
const WAIT_WITH_SOME: Duration = Duration::from_millis(100);

/// The budget, in bytes. Clones share it.
#[derive(Clone)]
pub struct BodyBudget {
    all: Arc<Semaphore>,
    /// The part of the budget that large messages of nodes may take, so that they can't prevent logins.
    large: Arc<Semaphore>,
}

/// Other bodies occupy the budget. They rarely do so for more than a few seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "too many requests are being received from clients that have not signed in yet: try again in a moment"
)]
pub struct BudgetExhausted;

/// The bytes that one body takes from the budget, until this is dropped.
pub struct BodyLease {
    budget: BodyBudget,
    is_large: bool,
    taken: Option<OwnedSemaphorePermit>,
    taken_of_large: Option<OwnedSemaphorePermit>,
}

impl BodyBudget {
    /// A budget of `bytes`, of which large messages may take two thirds.
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(bytes)), large: Arc::new(Semaphore::new(bytes / 3 * 2)) }
    }

    /// A lease without any bytes yet.
    pub fn lease(&self, is_large: bool) -> BodyLease {
        BodyLease { budget: self.clone(), is_large, taken: None, taken_of_large: None }
    }
}

impl BodyLease {
    /// Takes bytes that have arrived. Bytes that a client only announces take nothing.
    pub async fn take(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
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

async fn acquire(
    budget: &Arc<Semaphore>,
    bytes: usize,
    wait: Duration,
) -> Result<OwnedSemaphorePermit, BudgetExhausted> {
    let bytes = u32::try_from(bytes).map_err(|_| BudgetExhausted)?;
    let waiting = timeout(wait, Arc::clone(budget).acquire_many_owned(bytes));
    // The semaphore is never closed.
    waiting.await.ok().and_then(Result::ok).ok_or(BudgetExhausted)
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
        assert_eq!(budget.lease(true).take(1).await, Err(BudgetExhausted));
        let mut small = budget.lease(false);
        small.take(100).await.unwrap();
        assert!(budget.lease(false).take(1).await.is_err());
        drop(large);
        small.take(200).await.unwrap();
        drop(small);
        budget.lease(true).take(200).await.unwrap();
    }
}
