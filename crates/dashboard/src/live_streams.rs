//! How many live streams are open. Each takes a connection of a browser, which has few, and a task of the server.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_model::id::TokenId;
use parking_lot::Mutex;

/// The most streams of one session. Tabs of one browser share a stream where they can.
const PER_SESSION: usize = 6;
/// The most streams of all sessions together.
const TOGETHER: usize = 2_000;

/// Counts the open streams. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct LiveStreams {
    by_session: Arc<Mutex<HashMap<TokenId, usize>>>,
}

/// An open stream. Dropping it makes room for another.
pub(crate) struct OpenStream {
    streams: LiveStreams,
    session: TokenId,
}

impl LiveStreams {
    /// Admits a stream of a session. `None` if there are too many.
    pub(crate) fn open(&self, session: TokenId) -> Option<OpenStream> {
        let mut by_session = self.by_session.lock();
        if by_session.values().sum::<usize>() >= TOGETHER {
            return None;
        }
        let own = by_session.entry(session).or_default();
        if *own >= PER_SESSION {
            return None;
        }
        *own += 1;
        Some(OpenStream { streams: self.clone(), session })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut by_session = self.streams.by_session.lock();
        if let Some(own) = by_session.get_mut(&self.session) {
            *own -= 1;
            if *own == 0 {
                by_session.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_six_streams_and_a_closed_one_makes_room() {
        let session = |number| TokenId::new(jiff::Timestamp::UNIX_EPOCH, [number; 10]);
        let streams = LiveStreams::default();
        let mut open: Vec<_> = (0..PER_SESSION).map(|_| streams.open(session(1)).unwrap()).collect();
        assert!(streams.open(session(1)).is_none());
        let other = streams.open(session(2));
        assert!(other.is_some(), "another session");
        open.pop();
        assert!(streams.open(session(1)).is_some());
        drop((open, other));
        assert!(streams.by_session.lock().is_empty());
    }
}
