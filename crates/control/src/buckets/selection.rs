//! The buckets of a statistic: all that the caller may see, or those that the request names.

use bucketry_model::id::{BucketId, OrgId, WorkspaceId};
use bucketry_model::role::{Caller, Visibility};
use bucketry_model::time::from_micros;
use bucketry_store::bucket::{BucketQuery, PageStart};

use crate::{Control, Result};

/// Buckets whose statistics the caller may read.
#[derive(Debug, Clone)]
pub struct BucketSelection {
    pub(super) org_id: OrgId,
    which: Which,
}

#[derive(Debug, Clone)]
enum Which {
    /// Existing buckets, newest first.
    Visible(Visibility),
    /// Buckets in the order named. Deleted ones are included, because their statistics are retained.
    Named(Vec<BucketId>),
}

/// A page of a selection.
pub(super) enum SelectedPage<'a> {
    /// The store lists these.
    Listed(BucketQuery),
    /// These buckets.
    Named(&'a [BucketId]),
}

impl BucketSelection {
    /// At most `limit` buckets after a position.
    pub(super) fn page(&self, after: Option<PageStart>, limit: u32) -> SelectedPage<'_> {
        match &self.which {
            Which::Visible(visible) => {
                let visible = visible.clone();
                SelectedPage::Listed(BucketQuery { org_id: self.org_id, visible, after, limit })
            }
            Which::Named(ids) => {
                let from = match after {
                    None => 0,
                    Some(last) => ids.iter().position(|id| *id == last.id).map_or(ids.len(), |at| at + 1),
                };
                let rest = &ids[from..];
                SelectedPage::Named(&rest[..rest.len().min(limit as usize)])
            }
        }
    }

    #[cfg(test)]
    pub(super) fn none(org_id: OrgId) -> Self {
        Self { org_id, which: Which::Named(Vec::new()) }
    }

    /// The position of a named bucket in the list.
    pub(super) fn position(id: BucketId) -> PageStart {
        PageStart { created_at: from_micros(0), id }
    }
}

impl Control {
    /// Selects the named buckets, or all that the caller may see if none are named, optionally limited to one
    /// workspace. Unknown ids are left out. A bucket that the caller may not read is forbidden, and so is a
    /// workspace that the caller can't access.
    pub async fn select_buckets(
        &self,
        caller: &Caller,
        named: Option<&[BucketId]>,
        workspace: Option<WorkspaceId>,
    ) -> Result<BucketSelection> {
        let visible = self.visible(caller, workspace).await?;
        let which = match named {
            None => Which::Visible(visible),
            Some(ids) => Which::Named(self.named_buckets(caller, ids, workspace).await?),
        };
        Ok(BucketSelection { org_id: caller.org_id, which })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn named_buckets_are_paged_in_their_order() {
        let ids: Vec<BucketId> =
            [3, 1, 2].map(|number| BucketId::new(Timestamp::UNIX_EPOCH, [number; 10])).into();
        let org_id = OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let selection = BucketSelection { org_id, which: Which::Named(ids.clone()) };
        let page = |after: Option<BucketId>, limit| match selection
            .page(after.map(BucketSelection::position), limit)
        {
            SelectedPage::Named(ids) => ids.to_vec(),
            SelectedPage::Listed(_) => panic!("named, not listed"),
        };
        assert_eq!(page(None, 2), ids[..2]);
        assert_eq!(page(Some(ids[1]), 2), ids[2..]);
        assert!(page(Some(ids[2]), 2).is_empty());
        let unknown = BucketId::new(Timestamp::UNIX_EPOCH, [9; 10]);
        assert!(page(Some(unknown), 2).is_empty());
    }
}
