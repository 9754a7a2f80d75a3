//! Errors of the vault. Each variant says what the caller can do.

use std::path::PathBuf;

/// An error of the vault. No variant contains a secret or a private key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The text is not a public key. Fetch the node's recipients again.
    #[error("not an age X25519 public key: expected age1…")]
    NotARecipient,
    /// No public key was given. Wait until a node has registered.
    #[error("there is no node to seal the secret to")]
    NoRecipients,
    /// The text is not a sealed secret, or it was truncated or changed. The secret must be entered again.
    #[error("the sealed secret is damaged")]
    Damaged,
    /// None of this node's keys opens the secret. Another node may be able to; otherwise the secret must be entered
    /// again.
    #[error("the secret is not sealed to any key of this node")]
    SealedToOthers,
    /// The secret opens, but was sealed for another record, so somebody moved it. Don't use it.
    #[error("the sealed secret belongs to another record")]
    WrongContext,
    /// The plaintext has an unknown version. Upgrade this node.
    #[error("the secret was sealed by a newer version of Bucketry: upgrade this node")]
    NewerFormat,
    /// Other users may read a key file. Remove their permissions, and consider new keys.
    #[error("{path} can be read by others (mode {mode:04o}): run `chmod 600 {path}`", path = path.display())]
    ReadableByOthers {
        /// The key file.
        path: PathBuf,
        /// The permission bits, such as `0o644`.
        mode: u32,
    },
    /// A key file can't be read or written.
    #[error("can't {action} {path}", path = path.display())]
    File {
        /// What failed: `read`, `create` or `write`.
        action: &'static str,
        /// The key file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A file doesn't contain valid keys. Restore it from a backup.
    #[error("{path} is not a valid key file: {reason}", path = path.display())]
    NotAKeyFile {
        /// The file that was read.
        path: PathBuf,
        /// What is wrong with the content.
        reason: &'static str,
    },
    /// The node has the maximum number of keys. Finish a rotation, which retires the older keys.
    #[error("this node has too many keys: finish the rotation, which retires the older ones")]
    TooManyKeys,
    /// The text is not an RSA key that can sign or verify messages.
    #[error("not an RSA key of 2048 to 8192 bits as PEM")]
    NotAnRsaKey,
    /// Random bytes were unavailable, or a cryptographic operation failed. Try again.
    #[error("the cryptographic operation failed")]
    Cryptography,
}
