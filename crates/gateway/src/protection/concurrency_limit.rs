//! Bounds on what is in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of places. Clones share them.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    taken: AtomicUsize,
    most: usize,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Slot(Arc<Counted>);

impl ConcurrencyLimit {
    /// So many places.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Counted { taken: AtomicUsize::new(0), most }))
    }

    /// Takes a place, if one is free. Nobody waits for one: a client that is told to slow down comes back by itself.
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
