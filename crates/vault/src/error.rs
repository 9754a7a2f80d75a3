//! What can go wrong, told by what the caller can do about it.

use std::path::PathBuf;

/// An error of the vault. None of them holds a secret or a private key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The text is no public key. Ask the node for its recipients again.
    #[error("not an age X25519 recipient: expected age1…")]
    NotARecipient,
    /// Nothing to seal to. Wait until a node has registered.
    #[error("there is no recipient to seal to")]
    NoRecipients,
    /// The text is not a sealed secret, or it was cut short or changed.
    #[error("the sealed secret is damaged")]
    Damaged,
    /// It is sealed to other keys than ours. Another node may be able to open it; else the secret must be entered
    /// again.
    #[error("the secret is sealed to other keys than those of this node")]
    SealedToOthers,
    /// It opens, and belongs to another record: somebody moved it. Don't use it.
    #[error("the sealed secret belongs to another record")]
    WrongContext,
    /// It was sealed by a newer version. Upgrade this node.
    #[error("the secret was sealed by a newer version of this program")]
    NewerFormat,
    /// A file of keys that others than its owner may read. Take their rights away, and think about making new keys.
    #[error("{path} can be read by others (mode {mode:04o}): run `chmod 600 {path}`", path = path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file of keys can't be read or written.
    #[error("can't {action} {path}", path = path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file doesn't hold the keys that it should. Restore it from a backup.
    #[error("{path} is not a file of keys: {reason}", path = path.display())]
    NotAKeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The node has so many keys that it takes no more. Let a rotation end, so that the older ones are retired.
    #[error("this node has too many keys: retire the older ones first")]
    TooManyKeys,
    /// The text is no RSA key that messages can be signed or verified with.
    #[error("not an RSA key of 2048 to 8192 bits as PEM")]
    NotAnRsaKey,
    /// The operating system gave no random bytes, or the key failed to work. Try again.
    #[error("the cryptographic operation failed")]
    Cryptography,
}
