//! Request ids, which a client's error, a log line and an operator's question have in common.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bucketry_model::splitmix;

/// Generates request ids. Generators with different seeds generate different ids.
#[derive(Debug)]
pub(crate) struct RequestIds {
    next: AtomicU64,
}

/// 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId([u8; 16]);

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

impl RequestIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self { next: AtomicU64::new(seed) }
    }

    pub(crate) fn next(&self) -> RequestId {
        // SplitMix64 yields every number once, in an order that doesn't reveal how many requests there were.
        let z = splitmix::mix(self.next.fetch_add(splitmix::STEP, Ordering::Relaxed));
        let mut digits = [0; 16];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(z.to_be_bytes()) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        RequestId(digits)
    }
}

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_requests_have_the_same_name() {
        let ids = RequestIds::new(u64::MAX - 5);
        let names: std::collections::HashSet<_> = (0..1_000).map(|_| ids.next().to_string()).collect();
        assert_eq!(names.len(), 1_000);
        assert!(names.iter().all(|name| name.len() == 16));
    }
}
