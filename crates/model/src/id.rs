//! Ids, with one type per kind of resource, so that the id of a bucket can't be passed for that of a workspace.
//!
//! On the wire and in the database, an id is a UUID version 7 as hyphenated lower-case text. It sorts by creation
//! time, which the cursors of lists in order of creation rely on.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an id. A malformed id is treated as not found.
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
            /// Creates an id from the current time and ten random bytes (UUID version 7).
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// When the resource was created, in milliseconds. `None` if the id is no UUID version 7.
            pub fn created(&self) -> Option<Timestamp> {
                let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
                let nanoseconds = i32::try_from(nanoseconds).ok()?;
                Timestamp::new(i64::try_from(seconds).ok()?, nanoseconds).ok()
            }

            /// The UUID as a number, its first byte being the highest.
            pub const fn to_u128(&self) -> u128 {
                self.0.as_u128()
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
                // Only the hyphenated form: `Uuid` also accepts braces and URNs, so a resource would have several
                // spellings.
                if text.len() != 36 {
                    return Err(NotAnId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId)
            }
        }
    )+};
}

ids! {
    /// An organization: the tenant that owns everything else.
    OrgId,
    /// A workspace: the part of an organization for which roles are granted.
    WorkspaceId,
    /// A registered bucket.
    BucketId,
    /// A repository: buckets behind one endpoint with one key.
    RepoId,
    /// An access key of a repository.
    RepoKeyId,
    /// A user account.
    UserId,
    /// A login session, or a personal API token.
    TokenId,
    /// A node: a gateway and prober next to buckets.
    NodeId,
    /// A public key that verifies messages of nodes.
    NodeKeyId,
    /// A job that the control plane gives to a node.
    JobId,
    /// A validation that a caller follows.
    ValidationId,
    /// A notification channel.
    ChannelId,
    /// A notification. Every attempt to deliver it has this id.
    NotificationId,
    /// A time in which channels aren't notified.
    SilenceId,
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
    fn an_id_has_the_time_of_its_creation() {
        let created = Timestamp::from_millisecond(1_790_000_000_123).unwrap();
        assert_eq!(BucketId::new(created, [7; 10]).created(), Some(created));
        let random: BucketId = "9b2fa3a2-5b1c-4c6e-8d4f-0123456789ab".parse().unwrap();
        assert_eq!(random.created(), None);
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
