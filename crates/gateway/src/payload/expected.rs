//! What a payload must be.

use super::checksum::{Algorithm, Checksum};
use crate::failure::Failure;

/// What the request declares about its payload.
#[derive(Debug)]
pub(crate) struct Expected {
    /// The length without framing, in bytes.
    pub(crate) length: u64,
    /// Whether the content may also be shorter, because only its end shows how long it is.
    pub(crate) may_be_shorter: bool,
    /// The hash that is protected by the request's signature.
    pub(crate) sha256: Option<[u8; 32]>,
    /// The MD5.
    pub(crate) md5: Option<[u8; 16]>,
    /// The checksum.
    pub(crate) checksum: Option<Checksum>,
    /// The algorithm of the checksum that follows the content.
    pub(crate) trailing: Option<Algorithm>,
    /// How the protocol reports content that is not what was declared.
    pub(crate) refuse: fn(Mismatch) -> Failure,
}

/// What the content doesn't match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// [`Expected::sha256`].
    SignedHash,
    /// [`Expected::md5`].
    Md5,
    /// The checksum, declared before or after the content.
    Checksum(Algorithm),
}
