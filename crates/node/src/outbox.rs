//! Samples that wait for the next heartbeat.

use std::collections::{BTreeSet, VecDeque};

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{BucketStatus, MAX_BATCH, StatusCounts};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::control_plane::MAX_CONTENT_BYTES;

/// The size of a sample as JSON, without the message of its failure.
const SAMPLE_BYTES: usize = 256;
/// How many samples a message has. The control plane accepts more, but both sides need several KiB for each while
/// they sign, verify and store it.
const MOST_PER_MESSAGE: usize = 1_000;
const _: () = assert!(MOST_PER_MESSAGE <= MAX_BATCH);
/// For how many samples memory is retained while there are none.
const RETAINED: usize = 1_024;

/// Samples on their way from the probes to the heartbeats. Bounded: while the control plane is unreachable, the
/// oldest are dropped.
pub(crate) struct Outbox {
    state: Mutex<OutboxState>,
    max_samples: usize,
    urgent: Notify,
}

#[derive(Default)]
struct OutboxState {
    samples: VecDeque<BucketStatus>,
    /// How many samples have left the queue, which is the index of the first one that is still in it.
    first: u64,
    forgotten: u64,
    census: StatusCounts,
    /// Buckets that are no longer probed, and of which no sample was added since.
    released: BTreeSet<BucketId>,
}

/// The samples of one message. They stay in the outbox until they are confirmed.
pub(crate) struct Batch {
    pub(crate) samples: Vec<BucketStatus>,
    pub(crate) census: StatusCounts,
    /// Buckets that are no longer probed. Only the last samples are followed by them, because a sample that arrives
    /// after them would count again.
    pub(crate) released: Vec<BucketId>,
    /// Whether more samples or released buckets wait behind these.
    pub(crate) more: bool,
    end: u64,
}

impl Outbox {
    pub(crate) fn new(max_samples: usize) -> Self {
        Self { state: Mutex::default(), max_samples, urgent: Notify::new() }
    }

    /// Adds a sample. An urgent sample (a changed status) triggers a heartbeat immediately.
    pub(crate) fn push(&self, sample: BucketStatus, census: StatusCounts, urgent: bool) {
        let mut state = self.state.lock();
        state.released.remove(&sample.bucket_id);
        state.samples.push_back(sample);
        while state.samples.len() > self.max_samples {
            state.samples.pop_front();
            state.first += 1;
            state.forgotten += 1;
        }
        state.census = census;
        drop(state);
        if urgent {
            self.urgent.notify_one();
        }
    }

    /// Withdraws what was reported about a bucket, because it is no longer probed.
    pub(crate) fn release(&self, id: BucketId) {
        self.state.lock().released.insert(id);
    }

    /// Sets the counts per status without adding a sample.
    pub(crate) fn set_census(&self, census: StatusCounts) {
        self.state.lock().census = census;
    }

    /// The oldest samples, as many as fit one message.
    pub(crate) fn next_batch(&self) -> Batch {
        let state = self.state.lock();
        let mut bytes = 0;
        let fits = |sample: &&BucketStatus| {
            bytes += SAMPLE_BYTES + sample.failure.as_ref().map_or(0, |failure| 2 * failure.message.len());
            bytes <= MAX_CONTENT_BYTES
        };
        let samples: Vec<_> = state.samples.iter().take(MOST_PER_MESSAGE).take_while(fits).cloned().collect();
        let end = state.first + samples.len() as u64;
        let are_last = samples.len() == state.samples.len();
        let most = if are_last { MOST_PER_MESSAGE } else { 0 };
        let released: Vec<_> = state.released.iter().take(most).copied().collect();
        let more = !are_last || released.len() < state.released.len();
        Batch { samples, census: state.census, released, more, end }
    }

    /// Removes the samples of a batch that was delivered, or that the control plane will never accept.
    pub(crate) fn confirm(&self, batch: &Batch) {
        let mut state = self.state.lock();
        for id in &batch.released {
            state.released.remove(id);
        }
        while state.first < batch.end && state.samples.pop_front().is_some() {
            state.first += 1;
        }
        // After an outage of the control plane, it has room for all that had to wait.
        if state.samples.is_empty() {
            state.samples.shrink_to(RETAINED);
        }
    }

    /// Waits until there is a sample that can't wait for the next regular heartbeat.
    pub(crate) async fn urgent(&self) {
        self.urgent.notified().await;
    }

    pub(crate) fn census(&self) -> StatusCounts {
        self.state.lock().census
    }

    /// The number of waiting samples, and of dropped ones.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let state = self.state.lock();
        (state.samples.len(), state.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::diagnosis::CheckCode;
    use bucketry_model::id::BucketId;
    use bucketry_model::status::{ProbeFailure, ProbedStatus};
    use jiff::Timestamp;

    use super::*;

    fn sample(second: i64) -> BucketStatus {
        BucketStatus {
            bucket_id: BucketId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            status: ProbedStatus::Online,
            latency_ms: Some(1),
            created_at: Timestamp::from_second(second).unwrap(),
            failure: None,
            version: Some(1),
        }
    }

    fn filled(max: usize, count: i64) -> Outbox {
        let outbox = Outbox::new(max);
        (0..count).for_each(|second| outbox.push(sample(second), StatusCounts::default(), false));
        outbox
    }

    fn seconds(batch: &Batch) -> Vec<i64> {
        batch.samples.iter().map(|sample| sample.created_at.as_second()).collect()
    }

    #[test]
    fn samples_leave_in_order_and_only_when_confirmed() {
        let outbox = filled(10, 3);
        assert_eq!(seconds(&outbox.next_batch()), [0, 1, 2]);
        let batch = outbox.next_batch();
        outbox.push(sample(3), StatusCounts::default(), false);
        outbox.confirm(&batch);
        assert_eq!(seconds(&outbox.next_batch()), [3]);
        outbox.confirm(&batch);
        assert_eq!(outbox.counts(), (1, 0), "confirming twice takes nothing away");
    }

    #[test]
    fn released_buckets_follow_the_last_samples_unless_they_are_probed_again() {
        let outbox = filled(5_000, 1_500);
        let another = BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        outbox.release(sample(0).bucket_id);
        outbox.release(another);
        let first = outbox.next_batch();
        assert!(first.more && first.released.is_empty());
        outbox.confirm(&first);
        outbox.push(sample(2_000), StatusCounts::default(), false);
        let last = outbox.next_batch();
        assert_eq!((last.samples.len(), &last.released, last.more), (501, &vec![another], false));
        outbox.confirm(&last);
        assert!(outbox.next_batch().released.is_empty());
    }

    #[test]
    fn the_oldest_are_forgotten_even_while_they_are_being_sent() {
        let outbox = filled(3, 3);
        let batch = outbox.next_batch();
        outbox.push(sample(3), StatusCounts::default(), false);
        outbox.push(sample(4), StatusCounts::default(), false);
        outbox.confirm(&batch);
        assert_eq!(seconds(&outbox.next_batch()), [3, 4]);
        assert_eq!(outbox.counts(), (2, 2));
    }

    #[test]
    fn a_message_holds_what_the_control_plane_takes_and_no_more() {
        let outbox = filled(20_000, 12_000);
        let mut sizes = vec![];
        loop {
            let batch = outbox.next_batch();
            sizes.push(batch.samples.len());
            outbox.confirm(&batch);
            if !batch.more {
                break;
            }
        }
        assert!(sizes.iter().all(|size| *size <= MOST_PER_MESSAGE), "{sizes:?}");
        assert!(outbox.state.lock().samples.capacity() <= 2 * RETAINED, "the memory is free again");
        assert_eq!(sizes.iter().sum::<usize>(), 12_000);

        let failure = ProbeFailure { code: CheckCode::ConnectTimeout, message: "x".repeat(500) };
        let outbox = Outbox::new(20_000);
        for second in 0..5_000 {
            let sample = BucketStatus { failure: Some(failure.clone()), ..sample(second) };
            outbox.push(sample, StatusCounts::default(), false);
        }
        let text = serde_json::to_string(&outbox.next_batch().samples).unwrap();
        assert!(text.len() < 1 << 20, "{} bytes", text.len());
    }
}
