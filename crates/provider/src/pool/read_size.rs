//! How much is read at once: little at first, more while there is more.

const SMALLEST: usize = 8 * 1024;
/// Larger reads gain nothing, and every stream that is being read has a buffer of this size.
const LARGEST: usize = 400 * 1024;

/// The size of the next read. It doubles when a read fills it, and halves after two reads that used less than half.
/// Fixed sizes of 64 and 128 KiB were measured and are slower for large objects.
#[derive(Debug)]
pub(super) struct ReadSize {
    next: usize,
    was_small: bool,
}

impl Default for ReadSize {
    fn default() -> Self {
        Self { next: SMALLEST, was_small: false }
    }
}

impl ReadSize {
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Notes how many bytes a read returned.
    pub(super) fn record(&mut self, count: usize) {
        if count >= self.next {
            self.next = (self.next * 2).min(LARGEST);
            self.was_small = false;
        } else if count < self.next / 2 {
            if self.was_small {
                self.next = (self.next / 2).max(SMALLEST);
            }
            self.was_small = !self.was_small;
        } else {
            self.was_small = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_follows_what_arrives() {
        let mut size = ReadSize::default();
        for _ in 0..10 {
            size.record(size.next());
        }
        assert_eq!(size.next(), LARGEST);
        size.record(100);
        assert_eq!(size.next(), LARGEST, "one small read says nothing");
        for _ in 0..30 {
            size.record(100);
        }
        assert_eq!(size.next(), SMALLEST);
    }
}
