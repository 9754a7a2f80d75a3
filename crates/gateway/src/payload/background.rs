//! Computes a hash on another thread than the one that moves the bytes.
//!
//! SHA-256 of a large payload takes as long as moving it. Pieces are handed over as they pass, shared rather than
//! copied. A blocking thread of the runtime hashes the pieces that are waiting, then returns to the pool. The
//! thread that moves bytes waits while too many bytes are not hashed yet, which bounds memory, and once more at the
//! end.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::checksum::RunningChecksum;

/// How many bytes may wait to be hashed.
const MAX_WAITING: usize = 512 << 10;
/// The smallest payload for which waking another thread pays off, in bytes.
const WORTH_IT: u64 = 1 << 20;

/// A hash that is computed in the background. Dropping it leaves at most [`MAX_WAITING`] bytes to be hashed in
/// vain.
pub(super) struct BackgroundHash(Arc<Mutex<HasherState>>);

struct HasherState {
    /// `None` while a thread is hashing.
    hash: Option<RunningChecksum>,
    pieces: VecDeque<Bytes>,
    waiting: usize,
    /// The task that waits for room or for the end.
    waker: Option<Waker>,
}

impl BackgroundHash {
    /// Whether hashing in the background pays off: the payload is large, and there is another core.
    pub(super) fn pays(length: u64) -> bool {
        static CORES: OnceLock<usize> = OnceLock::new();
        let cores =
            CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        length >= WORTH_IT && *cores > 1 && Handle::try_current().is_ok()
    }

    /// Continues a hash in the background.
    pub(super) fn new(hash: RunningChecksum) -> Self {
        let state = HasherState { hash: Some(hash), pieces: VecDeque::new(), waiting: 0, waker: None };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Hands over a piece.
    pub(super) fn update(&self, piece: Bytes) {
        let mut state = self.0.lock();
        state.waiting += piece.len();
        state.pieces.push_back(piece);
        if let Some(hash) = state.hash.take() {
            drop(state);
            let shared = Arc::clone(&self.0);
            drop(tokio::task::spawn_blocking(move || work(&shared, hash)));
        }
    }

    /// Waits until the hash is not too far behind.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_until(cx, |state| state.waiting <= MAX_WAITING)
    }

    /// Waits until everything is hashed.
    pub(super) fn poll_done(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_until(cx, |state| state.hash.is_some())
    }

    fn poll_until(&self, cx: &mut Context<'_>, is_so: impl FnOnce(&HasherState) -> bool) -> Poll<()> {
        let mut state = self.0.lock();
        if is_so(&state) {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The hash. Call it after [`Self::poll_done`] was ready.
    pub(super) fn finish(self) -> Option<Bytes> {
        self.0.lock().hash.take().map(RunningChecksum::finish)
    }
}

/// Hashes waiting pieces until none are left.
fn work(shared: &Mutex<HasherState>, mut hash: RunningChecksum) {
    loop {
        let mut state = shared.lock();
        let pieces = std::mem::take(&mut state.pieces);
        let waker = if state.waiting <= MAX_WAITING || pieces.is_empty() { state.waker.take() } else { None };
        if pieces.is_empty() {
            state.hash = Some(hash);
            drop(state);
            waker.into_iter().for_each(Waker::wake);
            return;
        }
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        for piece in pieces {
            hash.update(&piece);
            shared.lock().waiting -= piece.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::payload::checksum::Algorithm;

    fn hash() -> RunningChecksum {
        RunningChecksum::new(Algorithm::Sha256)
    }

    #[tokio::test]
    async fn it_is_the_hash_of_all_pieces_in_their_order() {
        let mut expected = hash();
        let background = BackgroundHash::new(hash());
        for number in 0..200_u8 {
            let piece = Bytes::from(vec![number; 10_000 + usize::from(number)]);
            expected.update(&piece);
            poll_fn(|cx| background.poll_room(cx)).await;
            background.update(piece);
            assert!(background.0.lock().waiting <= MAX_WAITING + 20_000, "the mover waits for the hash");
        }
        poll_fn(|cx| background.poll_done(cx)).await;
        assert_eq!(background.finish(), Some(expected.finish()));
    }

    #[tokio::test]
    async fn a_small_payload_is_hashed_where_it_passes() {
        assert!(!BackgroundHash::pays(WORTH_IT - 1));
    }
}
