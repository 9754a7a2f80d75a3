//! Kinds of resources and actions: their numbers in the database and in the contract's system events, and their
//! names.

use std::fmt;
use std::str::FromStr;

macro_rules! numbered {
    (
        $(#[$doc:meta])* $name:ident, $unknown:ident, $wrong:literal:
        $($(#[$variant_doc:meta])* $variant:ident = $number:literal $text:literal),+ $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// One of a newer version, by its number. While servers are upgraded, they share their records.
            Newer(i64),
        }

        #[doc = concat!("The text or number is none of a [`", stringify!($name), "`].")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error($wrong)]
        pub struct $unknown;

        impl $name {
            /// All that this version knows, by number.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The number in the database. Below 100, it is also the contract's index.
            pub fn number(self) -> i64 {
                match self { $(Self::$variant => $number,)+ Self::Newer(number) => number }
            }

            /// The name on the wire; `unknown` for one of a newer version.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ Self::Newer(_) => "unknown" }
            }

            /// Whether the public contract knows it, so that system events show it.
            pub fn is_public(self) -> bool {
                self.number() < 100
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self::ALL.iter().copied().find(|one| one.number() == number).unwrap_or(Self::Newer(number))
            }
        }

        /// The name on the wire. For one of a newer version, it contains the number.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Newer(number) => write!(f, "unknown-{number}"),
                    known => f.write_str(known.as_str()),
                }
            }
        }

        impl FromStr for $name {
            type Err = $unknown;
            fn from_str(text: &str) -> Result<Self, $unknown> {
                Self::ALL.iter().copied().find(|one| one.as_str().eq_ignore_ascii_case(text)).ok_or($unknown)
            }
        }
    };
}

numbered! {
    /// A kind of resource.
    AuditKind, UnknownAuditKind,
    "must be one of workspace, bucket, repo, user, org, workspaceuser, node, orgkey, repokey, token, session, \
     vault, route, channel, silence":
    /// A workspace.
    Workspace = 0 "workspace",
    /// A registered bucket.
    Bucket = 1 "bucket",
    /// A repository.
    Repository = 2 "repo",
    /// A user of the organization.
    User = 3 "user",
    /// The organization.
    Organization = 4 "org",
    /// A membership in a workspace.
    WorkspaceUser = 5 "workspaceuser",
    /// A node.
    Node = 9 "node",
    /// A key that verifies messages of nodes.
    NodeKey = 10 "orgkey",
    /// An access key of a repository.
    RepositoryKey = 100 "repokey",
    /// A personal API token.
    ApiToken = 101 "token",
    /// A session: signing in and out.
    Session = 102 "session",
    /// The keys that protect secrets.
    Vault = 103 "vault",
    /// A call that changes nothing and was refused.
    Route = 104 "route",
    /// A notification channel.
    NotificationChannel = 105 "channel",
    /// A time in which channels aren't notified.
    NotificationSilence = 106 "silence",
}

numbered! {
    /// What was done to a resource.
    AuditAction, UnknownAuditAction,
    "must be one of created, updated, deleted, read, used, signed-in, signed-out":
    /// It was created.
    Created = 0 "created",
    /// It was changed.
    Updated = 1 "updated",
    /// It was deleted, removed or revoked.
    Deleted = 2 "deleted",
    /// It was read or checked. Only refusals are recorded.
    Read = 100 "read",
    /// A key was used. Only refusals are recorded.
    Used = 101 "used",
    /// Somebody signed in.
    SignedIn = 102 "signed-in",
    /// Somebody signed out.
    SignedOut = 103 "signed-out",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_actions_read_back_from_their_numbers_and_names() {
        for kind in AuditKind::ALL {
            assert_eq!(AuditKind::from(kind.number()), *kind);
            assert_eq!(kind.as_str().to_uppercase().parse(), Ok(*kind));
            assert!(UnknownAuditKind.to_string().contains(kind.as_str()), "{kind:?}");
        }
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::from(action.number()), *action);
            assert_eq!(action.as_str().parse(), Ok(*action));
            assert!(UnknownAuditAction.to_string().contains(action.as_str()), "{action:?}");
        }
    }

    #[test]
    fn those_of_a_newer_version_are_shown_by_their_numbers() {
        let newer = AuditKind::from(1_007);
        assert_eq!((newer, newer.number()), (AuditKind::Newer(1_007), 1_007));
        assert_eq!(newer.to_string(), "unknown-1007");
        assert_eq!(AuditKind::Bucket.to_string(), "bucket");
        assert_eq!("unknown-1007".parse::<AuditKind>(), Err(UnknownAuditKind));
    }
}
