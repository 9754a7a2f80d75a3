//! What a repository's sealing key seals for its clients. All nodes and all access keys of a repository share the
//! key, so what one node gave to a client is valid at every node and with every access key, also after a restart.

use bucketry_model::secret::Secret;

use crate::failure::Failure;
use crate::routing::page_token::PageTokens;
use crate::routing::upload_id::UploadIds;

/// Seals and opens a repository's continuation tokens and upload ids.
#[derive(Debug)]
pub struct Seals {
    pub(crate) page_tokens: PageTokens,
    pub(crate) upload_ids: UploadIds,
}

impl Seals {
    /// Takes the repository's sealing key. Fails only if the cryptography library does.
    pub fn new(sealing_key: &Secret) -> Result<Self, Failure> {
        Ok(Self { page_tokens: PageTokens::new(sealing_key)?, upload_ids: UploadIds::new(sealing_key)? })
    }
}

/// The error for a repository whose sealing key the node doesn't have. An older control plane sends none, and a key
/// that was sealed for other nodes can't be opened.
pub(crate) fn no_sealing_key() -> Failure {
    Failure::unavailable(
        2,
        "This node can't use upload ids or continuation tokens of this repository yet, because it does not have the \
         repository's sealing key. Try again soon. If the error persists, an operator can run `bucketry vault \
         rotate`, which seals all keys to all nodes.",
    )
}
