//! What a repository's upload ids are sealed with: 32 random bytes that only nodes can open, the same for all of its
//! access keys.
//!
//! It is made with the repository where a node is there to seal it to, else with the first access key, without which
//! nobody could use it. For repositories from before there were such keys the housekeeping makes it. Whoever comes
//! second finds it there, so it never changes but where no node can open it any more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bucketry_model::id::{OrgId, RepoId};
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::secret::Secret;
use bucketry_store::bucket::StoredSecret;

use crate::{Control, Error, Result};

const RANDOM_BYTES: usize = 32;
/// How many repositories without a key are looked at in one go.
const PAGE: u32 = 200;

impl Control {
    /// A new key; `None` where no node has registered yet that it could be sealed to.
    pub(crate) async fn new_sealing_key(&self, org_id: OrgId, id: RepoId) -> Result<Option<StoredSecret>> {
        let random = self.inner.environment.random::<RANDOM_BYTES>()?;
        let key = Secret::new(URL_SAFE_NO_PAD.encode(random));
        match self.seal(org_id, SecretOwner::Repository(id), &key).await {
            Ok(sealed) => Ok(Some(sealed)),
            Err(Error::NoRecipient) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the key of a repository that has none.
    pub(super) async fn ensure_sealing_key(&self, org_id: OrgId, id: RepoId) -> Result<()> {
        if self.inner.store.lacks_sealing_key(org_id, id).await? {
            self.make_sealing_key(org_id, id).await?;
        }
        Ok(())
    }

    /// Makes the keys of all repositories that have none, where there is a node to seal them to.
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
