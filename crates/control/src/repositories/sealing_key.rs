//! The key that seals a repository's upload ids and continuation tokens: 32 random bytes that only nodes can open, the
//! same for all of the repository's access keys.
//!
//! The key is created with the repository if there is a node to seal it to, otherwise with the first access key,
//! without which nobody could use it. Maintenance creates it for repositories that are older than these keys. An
//! existing key is never replaced, unless no node can open it any more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucketry_model::id::{OrgId, RepoId};
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::secret::Secret;
use bucketry_store::bucket::StoredSecret;

use crate::{Control, Error, Result};

const RANDOM_BYTES: usize = 32;
/// How many repositories without a key are processed at once.
const PAGE: u32 = 200;

impl Control {
    /// Creates a key; `None` if no node has registered yet that it could be sealed to.
    pub(crate) async fn new_sealing_key(&self, org_id: OrgId, id: RepoId) -> Result<Option<StoredSecret>> {
        let random = self.inner.environment.random::<RANDOM_BYTES>()?;
        let key = Secret::new(URL_SAFE_NO_PAD.encode(random));
        match self.seal(org_id, SecretOwner::Repository(id), &key).await {
            Ok(sealed) => Ok(Some(sealed)),
            Err(Error::NoRecipient | Error::NodesPending(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates the repository's key if it has none.
    pub(super) async fn ensure_sealing_key(&self, org_id: OrgId, id: RepoId) -> Result<()> {
        if self.inner.store.lacks_sealing_key(org_id, id).await? {
            self.make_sealing_key(org_id, id).await?;
        }
        Ok(())
    }

    /// Creates the keys of all repositories that have none, if there is a node to seal them to.
    pub(crate) async fn make_missing_sealing_keys(&self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.inner.store.repositories_without_sealing_key(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (id, org_id) in page {
                self.make_sealing_key(org_id, id).await?;
            }
        }
    }

    async fn make_sealing_key(&self, org_id: OrgId, id: RepoId) -> Result<()> {
        let Some(key) = self.new_sealing_key(org_id, id).await? else { return Ok(()) };
        if self.inner.store.set_sealing_key(org_id, id, &key, self.inner.environment.now()).await? {
            self.inner.changes.notify_waiters();
        }
        Ok(())
    }
}
