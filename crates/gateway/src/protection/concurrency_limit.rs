//! Limits how many requests are in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of slots. Clones share them.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    taken: AtomicUsize,
    most: usize,
}

/// An occupied slot, which is freed when this is dropped.
#[derive(Debug)]
pub struct Slot(Arc<Counted>);

impl ConcurrencyLimit {
    /// Creates a limit with this many slots.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Counted { taken: AtomicUsize::new(0), most }))
    }

    /// Occupies a slot if one is free. Requests don't wait for slots: clients that get `SlowDown` retry anyway.
    pub fn take(&self) -> Option<Slot> {
        let taken = |n: usize| (n < self.0.most).then_some(n + 1);
        self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).ok()?;
        Some(Slot(Arc::clone(&self.0)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_holder_is_gone() {
        let slots = ConcurrencyLimit::new(2);
        let first = slots.take().unwrap();
        let _second = slots.clone().take().unwrap();
        assert!(slots.take().is_none());
        drop(first);
        assert!(slots.take().is_some());
    }
}
