//! Pages of buckets.

use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::Visibility;
use bucketry_model::status::ProbedStatus;

use super::fixture::{TestContext, at, audit, location, online};
use super::usage::row;
use crate::Store;
use crate::bucket::{ListedBucket, NewBucket, PageStart};

fn position(listed: &ListedBucket) -> PageStart {
    PageStart { created_at: listed.bucket.created_at, id: listed.bucket.id }
}

/// All ids in the order of the list, fetched page by page.
async fn walk(context: &TestContext<'_>, visible: &Visibility, limit: u32) -> Vec<BucketId> {
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = context.store.buckets(&context.query(visible.clone(), after, limit)).await.unwrap();
        let totals = context.store.usage_totals(&context.query(visible.clone(), after, limit)).await.unwrap();
        let positions: Vec<_> = page.iter().map(position).collect();
        assert_eq!(positions, totals.iter().map(|one| one.position).collect::<Vec<_>>());
        assert!(page.len() <= limit as usize);
        let Some(last) = positions.last() else { return walked };
        after = Some(*last);
        walked.extend(page.iter().map(|one| one.bucket.id));
    }
}

pub async fn a_list_shows_buckets_without_secrets_with_the_words_of_nodes(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [first, second] = ["node-1", "node-2"].map(|name| context.node(name));
    let (first, second) = (first.await, second.await);
    let mut bare = context.new_bucket("bare");
    bare.secret = None;
    store.insert_bucket(&bare, &audit(at(1))).await.unwrap();
    let full = context.new_bucket("photos");
    store.insert_bucket(&full, &audit(at(2))).await.unwrap();
    context.probe(first, full.id, &[online(10, 7)]).await;
    let mut offline = online(11, 0);
    (offline.status, offline.latency_ms) = (ProbedStatus::Offline, None);
    context.probe(second, full.id, &[offline]).await;

    let listed = store.buckets(&context.query(Visibility::Organization, None, 10)).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.bucket.id).collect::<Vec<_>>(), [full.id, bare.id]);
    assert_eq!(listed.iter().map(|one| one.has_secret).collect::<Vec<_>>(), [true, false]);
    assert!(listed.iter().all(|one| one.bucket.secret.is_none()));
    assert_eq!((&listed[0].bucket.name, &listed[0].bucket.location), (&full.name, &full.location));
    assert_eq!((listed[0].bucket.workspace_id, listed[0].bucket.version), (context.workspace, 1));
    let mut words = listed[0].nodes.clone();
    words.sort_by_key(|word| word.at);
    assert_eq!(
        (words[0].node_id, words[0].status, words[0].latency_ms),
        (first, ProbedStatus::Online, Some(7))
    );
    assert_eq!(
        (words[1].node_id, words[1].status, words[1].latency_ms),
        (second, ProbedStatus::Offline, None)
    );
    assert_eq!((words[0].at, words[1].at), (at(10), at(11)));
    assert!(listed[1].nodes.is_empty());

    store.unregister_node(first, &audit(at(20))).await.unwrap();
    let listed = store.buckets(&context.query(Visibility::Organization, None, 1)).await.unwrap();
    assert_eq!(listed[0].nodes.iter().map(|word| word.node_id).collect::<Vec<_>>(), [second]);
}

pub async fn only_visible_workspaces_are_listed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let second = context.another_workspace(1).await;
    let a = context.bucket_in(context.workspace, "a", at(1)).await;
    let b = context.bucket_in(second, "b", at(2)).await;
    other.bucket("c").await;
    for (visible, expected) in [
        (Visibility::Organization, vec![b, a]),
        (Visibility::Workspaces(vec![context.workspace]), vec![a]),
        (Visibility::Workspaces(vec![second]), vec![b]),
        (Visibility::Workspaces(vec![context.workspace, second]), vec![b, a]),
        (Visibility::Workspaces(vec![other.workspace]), vec![]),
        (Visibility::Workspaces(vec![]), vec![]),
    ] {
        assert_eq!(walk(&context, &visible, 10).await, expected, "{visible:?}");
    }
}

pub async fn a_cursor_walks_a_thousand_buckets_of_merged_workspaces_without_gap_or_repetition(
    store: &dyn Store,
) {
    let context = TestContext::new(store).await;
    let mut workspaces = vec![context.workspace];
    for seconds in 1..4 {
        workspaces.push(context.another_workspace(seconds).await);
    }
    let mut made: Vec<(PageStart, WorkspaceId)> = Vec::new();
    for number in 0..1_000_usize {
        // Several buckets have the same time, and the workspaces come in no regular order.
        let seconds = i64::try_from(number / 3).unwrap();
        let workspace = workspaces[(number * number / 7) % 4];
        let id = context.bucket_in(workspace, &format!("bucket {number}"), at(seconds)).await;
        made.push((PageStart { created_at: at(seconds), id }, workspace));
    }
    made.sort_by_key(|(start, _)| std::cmp::Reverse((start.created_at, start.id)));
    let expected = |visible: &[WorkspaceId]| -> Vec<BucketId> {
        made.iter().filter(|(_, workspace)| visible.contains(workspace)).map(|(start, _)| start.id).collect()
    };
    assert_eq!(walk(&context, &Visibility::Organization, 97).await, expected(&workspaces));
    for some in [&workspaces[..1], &workspaces[1..3], &workspaces[..]] {
        let visible = Visibility::Workspaces(some.to_vec());
        assert_eq!(walk(&context, &visible, 97).await, expected(some));
    }
}

pub async fn a_cursor_walks_more_workspaces_than_one_statement_merges(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let mut workspaces = Vec::new();
    let mut made = Vec::new();
    for number in 0..150 {
        let workspace = context.another_workspace(number).await;
        workspaces.push(workspace);
        let now = at((number * 37) % 150);
        made.push((now, context.bucket_in(workspace, &format!("bucket {number}"), now).await));
    }
    made.sort_by_key(|(now, _)| std::cmp::Reverse(*now));
    let made: Vec<_> = made.into_iter().map(|(_, id)| id).collect();
    assert_eq!(walk(&context, &Visibility::Workspaces(workspaces), 13).await, made);
}

pub async fn buckets_made_in_the_same_moment_are_listed_by_id(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(context.bucket(&format!("bucket {number}")).await);
    }
    made.sort();
    made.reverse();
    assert_eq!(walk(&context, &Visibility::Organization, 2).await, made);
}

pub async fn totals_are_listed_like_buckets(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let quiet = context.bucket_in(context.workspace, "quiet", at(1)).await;
    let busy = context.bucket_in(context.workspace, "busy", at(2)).await;
    let batch = UsageBatch { spool: "s".to_owned(), number: 1, rows: vec![row(busy, 60, 3)] };
    store.add_usage(node, None, &batch, at(100)).await.unwrap();
    for visible in [Visibility::Organization, Visibility::Workspaces(vec![context.workspace])] {
        let listed = store.usage_totals(&context.query(visible, None, 10)).await.unwrap();
        let response: Vec<_> = listed.iter().map(|one| (one.position.id, one.totals.requests)).collect();
        assert_eq!(response, [(busy, 3), (quiet, 0)]);
    }
}

pub async fn buckets_are_walked_by_their_names_at_the_provider(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    other.bucket("foreign").await;
    let mut expected = Vec::new();
    for (label, bucket) in [("one", "data"), ("two", "archive"), ("three", "data"), ("gone", "data")] {
        let new = NewBucket { location: location(bucket), ..context.new_bucket(label) };
        store.insert_bucket(&new, &audit(at(0))).await.unwrap();
        expected.push((bucket, new.id));
    }
    store.delete_bucket(context.org, expected[3].1, &audit(at(1))).await.unwrap();
    expected.truncate(3);
    expected.sort_unstable();
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = store.registered_names(context.org, after.as_ref(), 1).await.unwrap();
        walked.extend(page.names.into_iter().map(|one| (one.bucket, one.id)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let walked: Vec<_> = walked.iter().map(|(bucket, id)| (bucket.as_str(), *id)).collect();
    assert_eq!(walked, expected);
}
