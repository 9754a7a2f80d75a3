//! Seals secrets of buckets, repositories and notification channels to the nodes that may have to open them.

use bucketry_model::id::OrgId;
use bucketry_model::node::{Node, serves};
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::secret::Secret;
use bucketry_store::bucket::StoredSecret;
use bucketry_vault::{Recipient, SecretContext};

use crate::{Control, Error, Result};

impl Control {
    /// Seals a secret to every node that may have to open it.
    pub(crate) async fn seal(
        &self,
        org_id: OrgId,
        owner: SecretOwner,
        secret: &Secret,
    ) -> Result<StoredSecret> {
        let recipients = self.recipients(org_id).await?;
        if recipients.is_empty() {
            return Err(self.why_no_node(org_id, Error::NoRecipient).await?);
        }
        let context = SecretContext::of(org_id, owner);
        let sealed = bucketry_vault::seal(secret, &context, &recipients).map_err(Error::internal)?;
        Ok(StoredSecret { sealed, sealed_to: bucketry_vault::fingerprint(&recipients) })
    }

    /// Seals a secret again if nodes have joined or changed their keys since. A validation takes seconds, and what
    /// is stored must be sealed to the current keys.
    pub(crate) async fn seal_for_now(
        &self,
        org_id: OrgId,
        owner: SecretOwner,
        secret: &Secret,
        sealed: StoredSecret,
    ) -> Result<StoredSecret> {
        let recipients = self.recipients(org_id).await?;
        if bucketry_vault::fingerprint(&recipients) == sealed.sealed_to {
            return Ok(sealed);
        }
        self.seal(org_id, owner, secret).await
    }

    /// The current public keys of the nodes that serve an organization.
    pub(crate) async fn recipients(&self, org_id: OrgId) -> Result<Vec<Recipient>> {
        let nodes = self.known_nodes().await?;
        let mut texts: Vec<&str> =
            nodes.iter().filter(|node| serves(node, org_id)).filter_map(Node::sealing_recipient).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.into_iter().map(|text| text.parse().map_err(Error::internal)).collect()
    }
}
