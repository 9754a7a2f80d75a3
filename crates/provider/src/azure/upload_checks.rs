//! Remembers which uploads were in progress a moment ago, so that not every part costs a list of blocks.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use uuid::Uuid;

/// How many uploads are remembered per bucket. Parts of uploads beyond these cost a list each.
const MOST: usize = 256;

/// The last uploads that this node found in progress.
#[derive(Debug, Default)]
pub(super) struct UploadChecks(Mutex<VecDeque<(Uuid, Timestamp)>>);

impl UploadChecks {
    /// Remembers that an upload is in progress, for as many milliseconds as its list has blocks. A list of 10,000 blocks
    /// has 1.5 MB, so the lists of an upload take at most 150 kB per second however long it becomes.
    pub(super) fn remember(&self, upload: Uuid, now: Timestamp, blocks: usize) {
        let time = Duration::from_millis(u64::try_from(blocks).unwrap_or(u64::MAX));
        let Ok(until) = now.checked_add(time) else { return };
        let mut checks = self.0.lock();
        checks.retain(|(known, _)| *known != upload);
        if checks.len() == MOST {
            checks.pop_front();
        }
        checks.push_back((upload, until));
    }

    /// Whether the upload was in progress when it was last looked at, not long ago.
    pub(super) fn is_recent(&self, upload: Uuid, now: Timestamp) -> bool {
        self.0.lock().iter().any(|(known, until)| *known == upload && now < *until)
    }

    /// Forgets an upload that was completed or aborted.
    pub(super) fn forget(&self, upload: Uuid) {
        self.0.lock().retain(|(known, _)| *known != upload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_uploads_are_remembered_for_as_long_as_their_lists_are_large() {
        let (checks, now) = (UploadChecks::default(), Timestamp::UNIX_EPOCH);
        let upload = |n: usize| Uuid::from_u128(n as u128);
        let after = |milliseconds| now + Duration::from_millis(milliseconds);
        for n in 0..=MOST {
            checks.remember(upload(n), now, 10);
        }
        assert!(!checks.is_recent(upload(0), now), "there are more recent ones");
        assert!(checks.is_recent(upload(1), after(9)) && !checks.is_recent(upload(1), after(10)));
        checks.remember(upload(1), now, 2_000);
        assert!(checks.is_recent(upload(1), after(1_999)));
        checks.forget(upload(1));
        assert!(!checks.is_recent(upload(1), now));
    }
}
