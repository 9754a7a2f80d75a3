//! The cursor of `GET /node/sync`: where a node is in the snapshot or in the changes.

use std::str::FromStr;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_store::sync::Subject;

use crate::{Error, Result};

/// Separates the digest of the share from the position.
pub(super) const SHARE_MARK: char = '~';
/// Precedes each subject that is held back.
const HELD_MARK: char = '!';
/// The most subjects that are held back. If more can't be read, the response fails, because a cursor is part of an address.
pub(super) const MOST_HELD: usize = 50;

/// A node's position in the snapshot or in the changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SyncCursor {
    /// Before the snapshot.
    Start,
    /// In the buckets of a snapshot that began when `sequence` was the latest change.
    Buckets { sequence: i64, after: BucketId },
    /// In the repositories of such a snapshot, which follow its buckets.
    Repositories { sequence: i64, after: RepoId },
    /// After all changes up to this one, except that the node lacks the latest state of the `held` subjects: they were changed,
    /// and the server that it asked couldn't read them. In ascending order.
    Changes { sequence: i64, held: Vec<Subject> },
}

impl SyncCursor {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Start => String::new(),
            Self::Buckets { sequence, after } => format!("s.{sequence}.{after}"),
            Self::Repositories { sequence, after } => format!("r.{sequence}.{after}"),
            Self::Changes { sequence, held } => {
                let held = held.iter().map(|subject| match subject {
                    Subject::Bucket(id) => format!("{HELD_MARK}b{id}"),
                    Subject::Repository(id) => format!("{HELD_MARK}r{id}"),
                });
                std::iter::once(format!("c.{sequence}")).chain(held).collect()
            }
        }
    }
}

/// The text isn't a cursor.
struct NotACursor;

fn parsed<T: FromStr>(text: &str) -> std::result::Result<T, NotACursor> {
    text.parse().map_err(|_| NotACursor)
}

fn position(text: &str) -> std::result::Result<SyncCursor, NotACursor> {
    let mut parts = text.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(""), None, None) => Ok(SyncCursor::Start),
        (Some("c"), Some(changes), None) => {
            let mut parts = changes.split(HELD_MARK);
            let sequence = parsed(parts.next().unwrap_or_default())?;
            let held: Vec<Subject> = parts.map(held).collect::<std::result::Result<_, _>>()?;
            if held.len() > MOST_HELD {
                return Err(NotACursor);
            }
            Ok(SyncCursor::Changes { sequence, held })
        }
        (Some("s"), Some(sequence), Some(after)) => {
            Ok(SyncCursor::Buckets { sequence: parsed(sequence)?, after: parsed(after)? })
        }
        (Some("r"), Some(sequence), Some(after)) => {
            Ok(SyncCursor::Repositories { sequence: parsed(sequence)?, after: parsed(after)? })
        }
        _ => Err(NotACursor),
    }
}

fn held(text: &str) -> std::result::Result<Subject, NotACursor> {
    match (text.strip_prefix('b'), text.strip_prefix('r')) {
        (Some(id), _) => parsed(id).map(Subject::Bucket),
        (None, Some(id)) => parsed(id).map(Subject::Repository),
        (None, None) => Err(NotACursor),
    }
}

impl FromStr for SyncCursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        position(text).map_err(|NotACursor| {
            Error::field("cursor", "is not a cursor of /node/sync: leave it out to start over")
        })
    }
}

/// A node's cursor: its position, and which share of the probes it has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeCursor {
    pub(super) position: SyncCursor,
    /// The digest of the share.
    pub(super) share: Option<u64>,
}

impl FromStr for NodeCursor {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let (position, share) = match text.split_once(SHARE_MARK) {
            Some((position, share)) => (position, u64::from_str_radix(share, 16).ok()),
            None => (text, None),
        };
        Ok(Self { position: position.parse()?, share })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn cursors_read_back_and_strange_ones_are_refused() {
        let after = BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let after_repository = RepoId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let changes = |held: Vec<Subject>| SyncCursor::Changes { sequence: 7, held };
        let both = vec![Subject::Bucket(after), Subject::Repository(after_repository)];
        for cursor in [
            SyncCursor::Start,
            SyncCursor::Buckets { sequence: 5, after },
            SyncCursor::Repositories { sequence: 6, after: after_repository },
            changes(vec![]),
            changes(both.clone()),
            changes(vec![Subject::Bucket(after); MOST_HELD]),
        ] {
            assert_eq!(cursor.to_text().parse::<SyncCursor>().unwrap(), cursor);
        }
        let cursor = NodeCursor { position: changes(vec![]), share: Some(255) };
        assert_eq!("c.7~ff".parse::<NodeCursor>().unwrap(), cursor);
        assert_eq!("c.7".parse::<NodeCursor>().unwrap(), NodeCursor { share: None, ..cursor });
        let cursor = NodeCursor { position: changes(both), share: Some(255) };
        let text = format!("c.7!b{after}!r{after_repository}~ff");
        assert_eq!(text.parse::<NodeCursor>().unwrap(), cursor);
        let too_many = changes(vec![Subject::Bucket(after); MOST_HELD + 1]).to_text();
        let wrong = [
            "c",
            "c.x",
            "s.1",
            "s.1.x",
            "c.1.2",
            "x.1",
            "r.1",
            "c.99999999999999999999",
            "c.7!",
            "c.7!b",
            "c.7!x1",
        ];
        for wrong in wrong.into_iter().chain([too_many.as_str()]) {
            assert!(wrong.parse::<SyncCursor>().is_err(), "{wrong}");
        }
    }
}
