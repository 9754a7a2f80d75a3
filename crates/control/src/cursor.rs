//! Cursors: where the next page of a list begins, as opaque text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucketry_model::id::{
    BucketId, ChannelId, NodeId, NotificationId, RepoId, SilenceId, TokenId, UserId, WorkspaceId,
};
use bucketry_model::time::{from_micros, to_micros};
use bucketry_store::audit::AuditPosition;
use bucketry_store::bucket::PageStart;
use bucketry_store::listing::{ListPosition, NamePosition, WordPosition};
use bucketry_store::status_event::EventPosition;
use bucketry_store::usage::{HourPosition, SeriesPosition};

/// The longest text that is read as a cursor, in bytes. Enough for a folded name of the longest length.
const LONGEST: usize = 2_048;

/// A position in a list that can be written as a cursor. Clients must not parse it, because the format may change.
pub trait Cursor: Sized + Send + 'static {
    /// The position as plain text. It begins with a letter per kind of list, so that a cursor of one list is
    /// refused by another.
    fn to_plain(&self) -> String;
    /// Parses what `to_plain` wrote.
    fn from_plain(plain: &str) -> Option<Self>;

    /// The opaque text.
    fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_plain())
    }

    /// Parses the opaque text.
    fn from_text(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        Self::from_plain(&plain)
    }
}

macro_rules! page_cursors {
    ($($letter:literal $id:ident),+) => {$(
        impl Cursor for PageStart<$id> {
            fn to_plain(&self) -> String {
                format!(concat!($letter, "{}:{}"), to_micros(self.created_at), self.id)
            }

            fn from_plain(plain: &str) -> Option<Self> {
                let (micros, id) = plain.strip_prefix($letter)?.split_once(':')?;
                Some(Self { created_at: from_micros(micros.parse().ok()?), id: id.parse().ok()? })
            }
        }
    )+};
}

page_cursors!('b' BucketId, 'r' RepoId);

impl Cursor for SeriesPosition {
    fn to_plain(&self) -> String {
        format!("s{}:{}", self.at, self.series)
    }

    fn from_plain(plain: &str) -> Option<Self> {
        let (at, series) = plain.strip_prefix('s')?.split_once(':')?;
        Some(Self { at: at.parse().ok()?, series: series.parse().ok()? })
    }
}

impl Cursor for HourPosition {
    fn to_plain(&self) -> String {
        format!("h{}:{}:{}", self.at, self.workspace_id, self.node_id)
    }

    fn from_plain(plain: &str) -> Option<Self> {
        let (at, ids) = plain.strip_prefix('h')?.split_once(':')?;
        let (workspace_id, node_id) = ids.split_once(':')?;
        Some(Self {
            at: at.parse().ok()?,
            workspace_id: workspace_id.parse().ok()?,
            node_id: node_id.parse().ok()?,
        })
    }
}

impl Cursor for EventPosition {
    fn to_plain(&self) -> String {
        format!("e{}:{}", self.at, self.number)
    }

    fn from_plain(plain: &str) -> Option<Self> {
        let (at, number) = plain.strip_prefix('e')?.split_once(':')?;
        Some(Self { at: at.parse().ok()?, number: number.parse().ok()? })
    }
}

impl Cursor for AuditPosition {
    fn to_plain(&self) -> String {
        format!("a{}:{}", to_micros(self.at), self.id)
    }

    fn from_plain(plain: &str) -> Option<Self> {
        let (at, id) = plain.strip_prefix('a')?.split_once(':')?;
        Some(Self { at: from_micros(at.parse().ok()?), id: id.parse().ok()? })
    }
}

macro_rules! list_cursors {
    ($($letter:literal $id:ident),+) => {$(
        impl Cursor for ListPosition<$id> {
            fn to_plain(&self) -> String {
                match self {
                    Self::Newest(start) => start.to_plain(),
                    Self::Name(NamePosition { name, id }) => format!(concat!("n", $letter, "{}:{}"), id, name),
                    Self::Word(WordPosition { reading, word, id }) => {
                        format!(concat!("w", $letter, "{}:{}:{}"), reading, id, word)
                    }
                }
            }

            fn from_plain(plain: &str) -> Option<Self> {
                if let Some(named) = plain.strip_prefix(concat!("n", $letter)) {
                    let (id, name) = named.split_once(':')?;
                    return Some(Self::Name(NamePosition { name: name.to_owned(), id: id.parse().ok()? }));
                }
                if let Some(found) = plain.strip_prefix(concat!("w", $letter)) {
                    let mut parts = found.splitn(3, ':');
                    let (reading, id) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
                    return Some(Self::Word(WordPosition { reading, word: parts.next()?.to_owned(), id }));
                }
                PageStart::from_plain(plain).map(Self::Newest)
            }
        }
    )+};
}

list_cursors!('b' BucketId, 'r' RepoId);

macro_rules! id_cursors {
    ($($letter:literal $id:ident),+) => {$(
        impl Cursor for $id {
            fn to_plain(&self) -> String {
                format!(concat!($letter, "{}"), self)
            }
            fn from_plain(plain: &str) -> Option<Self> {
                plain.strip_prefix($letter)?.parse().ok()
            }
        }
    )+};
}

id_cursors!('u' UserId, 'w' WorkspaceId, 't' TokenId, 'c' ChannelId, 'm' NotificationId, 'q' SilenceId,
    'o' NodeId);

/// A position in a list that is ordered by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AfterName(pub String);

impl Cursor for AfterName {
    fn to_plain(&self) -> String {
        format!("n{}", self.0)
    }

    fn from_plain(plain: &str) -> Option<Self> {
        plain.strip_prefix('n').map(|name| Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_others_are_refused() {
        let id = BucketId::new(from_micros(5), [1; 10]);
        let start = PageStart { created_at: from_micros(1_700_000_000_123_456), id };
        let text = start.to_text();
        assert_eq!(PageStart::from_text(&text), Some(start));
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(UserId::from_text(&text), None);
        for wrong in ["", "x", "AAAA", "!!", &"A".repeat(2_100), &AfterName("x".into()).to_text()] {
            assert_eq!(PageStart::<BucketId>::from_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn positions_of_every_order_read_back() {
        let id = BucketId::new(from_micros(5), [1; 10]);
        let start = PageStart { created_at: from_micros(60), id };
        let name = NamePosition { name: "ü:".repeat(127), id };
        let word = WordPosition { reading: 2, word: "photos".to_owned(), id };
        for position in [ListPosition::Newest(start), ListPosition::Name(name), ListPosition::Word(word)] {
            assert_eq!(ListPosition::from_text(&position.to_text()), Some(position));
        }
        assert_eq!(ListPosition::<RepoId>::from_text(&start.to_text()), None);
        assert_eq!(ListPosition::from_text(&start.to_text()), Some(ListPosition::Newest(start)));
    }

    #[test]
    fn places_in_the_audit_read_back() {
        let place = AuditPosition { at: from_micros(60), id: 7 };
        assert_eq!(AuditPosition::from_text(&place.to_text()), Some(place));
    }

    #[test]
    fn places_in_a_series_read_back() {
        let place = SeriesPosition { at: 60, series: 7 };
        assert_eq!(SeriesPosition::from_text(&place.to_text()), Some(place));
    }
}
