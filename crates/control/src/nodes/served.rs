//! Which buckets of a repository a node serves.

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::NodeRepositoryBucket;
use bucketry_model::repository::RepositoryMode;

/// Removes the buckets of a repository that a node doesn't serve. In mode MIRROR, all names lead to the master bucket, so
/// without it none is left: another bucket must not take its place.
pub(super) fn retain_served(
    mode: RepositoryMode,
    buckets: &mut Vec<NodeRepositoryBucket>,
    is_served: impl Fn(BucketId) -> bool,
) {
    match mode {
        RepositoryMode::Normal => buckets.retain(|bucket| is_served(bucket.bucket_id)),
        RepositoryMode::Mirror => {
            let master = buckets.iter().find(|bucket| bucket.master).or(buckets.first());
            if master.is_some_and(|master| !is_served(master.bucket_id)) {
                buckets.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::repository::Folder;
    use jiff::Timestamp;

    use super::*;

    fn attached(buckets: &[(u8, bool)]) -> Vec<NodeRepositoryBucket> {
        let attachment = |(n, master): &(u8, bool)| NodeRepositoryBucket {
            bucket_id: BucketId::new(Timestamp::UNIX_EPOCH, [*n; 10]),
            bucket: format!("b{n}"),
            folder: Folder::parse("").unwrap(),
            master: *master,
        };
        buckets.iter().map(attachment).collect()
    }

    #[test]
    fn a_mirror_without_its_master_leads_nowhere() {
        let left = |mode, buckets: &[(u8, bool)], missing: u8| {
            let mut left = attached(buckets);
            retain_served(mode, &mut left, |id| id != attached(&[(missing, false)])[0].bucket_id);
            left.into_iter().map(|one| one.bucket).collect::<Vec<_>>()
        };
        assert_eq!(left(RepositoryMode::Normal, &[(1, false), (2, false)], 1), ["b2"]);
        assert_eq!(left(RepositoryMode::Mirror, &[(1, false), (2, true)], 2), [""; 0]);
        assert_eq!(
            left(RepositoryMode::Mirror, &[(1, false), (2, true)], 1),
            ["b1", "b2"],
            "its name leads to the master"
        );
        assert_eq!(
            left(RepositoryMode::Mirror, &[(1, false), (2, false)], 1),
            [""; 0],
            "the first is the master"
        );
        assert_eq!(left(RepositoryMode::Mirror, &[], 1), [""; 0]);
    }
}
