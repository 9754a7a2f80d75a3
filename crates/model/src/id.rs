//! Identifiers, one type per kind of thing, so that a bucket's id can't be passed where a workspace's is meant.
//!
//! On the wire and in the database an id is the hyphenated lower-case text of a UUID version 7: it sorts by the time
//! of its making, which is what cursors over "newest first" lists need.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an id. Callers answer "not found": an id that can't exist names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected the text of a UUID")]
pub struct NotAnId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id from the present time and ten random bytes (UUID version 7).
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                // Only the hyphenated form: `Uuid` would also read braces and URNs, giving one thing many names.
                if text.len() != 36 {
                    return Err(NotAnId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId)
            }
        }
    )+};
}

ids! {
    /// An organization: the tenant that everything else belongs to.
    OrgId,
    /// A workspace: the part of an organization that roles are granted in.
    WorkspaceId,
    /// A registered bucket.
    BucketId,
    /// A repository: buckets behind one endpoint and one key.
    RepoId,
    /// An access key of a repository.
    RepoKeyId,
    /// A person's account.
    UserId,
    /// A login session, or a personal API token.
    TokenId,
    /// A node: the gateway and prober that runs next to buckets.
    NodeId,
    /// A public key that node messages are verified with.
    NodeKeyId,
    /// A piece of work that the control plane asks a node for.
    JobId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = BucketId::new(Timestamp::UNIX_EPOCH, [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let early = BucketId::new(Timestamp::from_millisecond(1_000).unwrap(), [255; 10]);
        let late = BucketId::new(Timestamp::from_millisecond(1_001).unwrap(), [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn other_spellings_of_a_uuid_are_no_ids() {
        let text = BucketId::new(Timestamp::UNIX_EPOCH, [7; 10]).to_string();
        for wrong in [
            format!("{{{text}}}"),
            text.replace('-', ""),
            format!("urn:uuid:{text}"),
            String::new(),
            "undefined".into(),
        ] {
            assert_eq!(wrong.parse::<BucketId>(), Err(NotAnId), "{wrong}");
        }
    }
}
