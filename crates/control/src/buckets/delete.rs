//! Deleting a registered bucket.

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::BucketId;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::bucket::BucketDeleted;

use crate::access::validated;
use crate::audit::{AuditedBucket, Described};
use crate::{Control, Error, ResourceKind, Result};

/// How many repositories a refusal lists by name.
const MOST_NAMES: usize = 5;

impl Control {
    /// Deletes a bucket that no repository uses. Its statistics are retained; its sealed secret is destroyed
    /// immediately.
    pub async fn delete_bucket(&self, caller: &Caller, id: BucketId) -> Result<()> {
        let stored = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let audit = self
            .audit_of(caller, AuditKind::Bucket, AuditAction::Deleted)
            .of(id, &stored.name)
            .in_workspace(stored.workspace_id)
            .before(AuditedBucket::of(&stored).described());
        match self.inner.store.delete_bucket(caller.org_id, id, &audit).await? {
            BucketDeleted::Deleted => {
                self.inner.changes.notify_waiters();
                Ok(())
            }
            BucketDeleted::InUse => Err(Error::InUse(self.in_use(id, "be deleted").await?)),
            BucketDeleted::NotFound => Err(Error::NotFound(ResourceKind::Bucket)),
        }
    }

    /// A message that names the repositories that use a bucket. They are in the bucket's workspace, so a caller who
    /// may change the bucket may also see their names.
    pub(super) async fn in_use(&self, id: BucketId, what: &str) -> Result<String> {
        let holders = self.inner.store.repositories_of_buckets(&[id]).await?;
        let mut names: Vec<String> =
            holders.iter().take(MOST_NAMES).map(|(_, holder)| format!("\"{}\"", holder.name)).collect();
        if holders.len() > MOST_NAMES {
            names.push(format!("{} more", holders.len() - MOST_NAMES));
        }
        let names = if names.is_empty() { "a repository".to_owned() } else { names.join(", ") };
        Ok(format!("the bucket can't {what} while it is used by {names}: remove it from there first"))
    }
}
