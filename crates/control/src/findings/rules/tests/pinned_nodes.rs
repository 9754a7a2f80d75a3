//! Buckets that are pinned to nodes that are missing.

use FindingCode::{BucketOffline, NodeSilent, PinnedNodesMissing};

use super::*;

#[test]
fn buckets_whose_pinned_nodes_are_all_missing_are_one_finding() {
    let pinned = |n, nodes: &[u8], regions: &[&str]| {
        let regions = regions.iter().map(|name| (*name).to_owned());
        let pinned_to = BucketPins::new(nodes.iter().copied().map(node_id), regions).unwrap();
        UnreachableBucket { pinned_to, ..disconnected(n, &[]) }
    };
    let buckets = || {
        vec![pinned(1, &[2], &[]), pinned(2, &[2], &["ap-1"]), pinned(3, &[9], &[]), pinned(4, &[1, 9], &[])]
    };
    let scan = evaluate(&observations(vec![node(1, 5), node(2, 600)], buckets()));
    let found = shown(&scan);
    let codes: Vec<_> = found.iter().map(|one| one.key.code).collect();
    assert_eq!(codes, [PinnedNodesMissing, BucketOffline, NodeSilent], "bucket 4 waits for its node");
    assert_eq!(
        found[0].sentence,
        "3 buckets (bucket-1, bucket-2 and bucket-3) are pinned to a removed node, node-2 (silent) and region ap-1 (no \
         connected node), so no node serves them. Start a node there, or change the pins."
    );
    assert_eq!(found[0].command.as_deref(), Some("bucket update bucket-1 --unpin"));
    // Who can't see the cause sees the effect.
    let of_buckets = scan.shown(at(NOW), |one| one.key.subject == SubjectKind::Bucket).findings;
    assert!(of_buckets[0].sentence.starts_with("None of the nodes that it is pinned to"), "{of_buckets:?}");

    let reported = UnreachableBucket { pinned_to: buckets()[0].pinned_to.clone(), ..disconnected(1, &[2]) };
    let mut seen = observations(vec![node(1, 5), node(2, 600)], vec![reported]);
    seen.counts = vec![kind(&[2], 1)];
    assert_eq!(list(&evaluate(&seen)), [(NodeSilent, "node-2".to_owned())], "its silence explains it");
    let scan = evaluate(&observations(vec![node(2, 600)], buckets()));
    assert_eq!(list(&scan), [(NodeSilent, "node-2".to_owned())], "no node is connected at all");
}
