//! Searching, filtering and sorting buckets and repositories.

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::id::{BucketId, NodeId, RepoId, WorkspaceId};
use bucketry_model::provider::Provider;
use bucketry_model::role::Visibility;
use bucketry_model::search::SearchWords;
use bucketry_model::status::{ProbedStatus, Status};
use bucketry_model::uptime::ProbeSample;

use super::fixture::{TestContext, at, audit, location, name, online};
use crate::Store;
use crate::bucket::{BucketInserted, BucketUpdate, NewBucket};
use crate::listing::{BucketFilter, BucketSearch, ListOrder, RepositorySearch, SORTABLE, SearchPage};
use crate::repository::RepositoryUpdate;

pub(super) fn offline(seconds: i64) -> ProbeSample {
    ProbeSample { status: ProbedStatus::Offline, ..online(seconds, 0) }
}

/// Whether a bucket with this provider, online or not, is expected.
type Selects = fn(Provider, bool) -> bool;

fn words(text: &str) -> SearchWords {
    SearchWords::parse(text).unwrap()
}

fn all(context: &TestContext<'_>) -> BucketSearch {
    BucketSearch {
        org_id: context.org,
        visible: Visibility::Organization,
        filter: BucketFilter::default(),
        words: None,
        order: None,
        after: None,
        limit: 100,
    }
}

/// The names on all pages of a list. `None` if it can't be sorted.
async fn try_walk(context: &TestContext<'_>, search: &BucketSearch) -> Option<Vec<String>> {
    let (mut search, mut names) = (search.clone(), Vec::new());
    loop {
        match context.store.search_buckets(&search).await.unwrap() {
            SearchPage::TooManyToSort => return None,
            SearchPage::Found { entries, next } => {
                assert!(entries.len() <= usize::try_from(search.limit).unwrap());
                names.extend(entries.iter().map(|one| one.bucket.name.to_string()));
                search.after = Some(match next {
                    Some(next) => next,
                    None => return Some(names),
                });
            }
        }
    }
}

async fn walk(context: &TestContext<'_>, search: &BucketSearch) -> Vec<String> {
    try_walk(context, search).await.unwrap()
}

async fn found(context: &TestContext<'_>, text: &str) -> Vec<String> {
    let mut names = walk(context, &BucketSearch { words: Some(words(text)), ..all(context) }).await;
    names.sort();
    names
}

async fn with_status(context: &TestContext<'_>, connected: &[NodeId], status: Status) -> Vec<String> {
    let filter =
        BucketFilter { statuses: vec![status], connected: connected.to_vec(), ..BucketFilter::default() };
    walk(context, &BucketSearch { filter, order: Some(ListOrder::Name), ..all(context) }).await
}

pub async fn buckets_are_found_by_the_beginnings_of_all_words(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    for label in ["Übersee Photos", "photo-archive", "backups"] {
        let new = NewBucket { location: location("eu-1"), ..context.new_bucket(label) };
        assert_eq!(store.insert_bucket(&new, &audit(at(0))).await.unwrap(), BucketInserted::Inserted);
    }
    other.bucket("photos of others").await;
    for (text, expected) in [
        ("PHOTO", vec!["photo-archive", "Übersee Photos"]),
        ("photos", vec!["Übersee Photos"]),
        ("ubersee", vec!["Übersee Photos"]),
        ("arch photo", vec!["photo-archive"]),
        ("eu back", vec!["backups"]),
        ("hoto", vec![]),
        ("photo backups", vec![]),
    ] {
        assert_eq!(found(&context, text).await, expected, "{text}");
    }
}

pub async fn a_bucket_is_found_by_what_it_is_called_now(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let second = context.another_workspace(1).await;
    let id = context.bucket("invoices").await;
    let update = BucketUpdate { name: name("receipts"), workspace_id: second, ..context.update_of(id).await };
    store.update_bucket(&update, &audit(at(1))).await.unwrap();
    // The name at the provider is still the first one.
    for text in ["receipts", "invoices"] {
        assert_eq!(found(&context, text).await, ["receipts"], "{text}");
    }
    for (workspace, count) in [(context.workspace, 0), (second, 1)] {
        for words in [Some(words("receipts")), None] {
            let visible = Visibility::Workspaces(vec![workspace]);
            let search = BucketSearch { visible, words, order: Some(ListOrder::Name), ..all(&context) };
            assert_eq!(walk(&context, &search).await.len(), count);
        }
    }
    let moved = BucketUpdate { location: location("bills"), ..context.update_of(id).await };
    store.update_bucket(&moved, &audit(at(2))).await.unwrap();
    assert_eq!((found(&context, "invoices").await.len(), found(&context, "bills").await.len()), (0, 1));
    store.delete_bucket(context.org, id, &audit(at(3))).await.unwrap();
    assert!(found(&context, "receipts").await.is_empty() && walk(&context, &all(&context)).await.is_empty());
}

pub async fn a_status_is_what_connected_nodes_report_now(store: &dyn Store) {
    use Status::{Disconnected, Offline, Online};
    let context = TestContext::new(store).await;
    let (a, b) = (context.node("a").await, context.node("b").await);
    let [both, one, none] =
        [context.bucket("both").await, context.bucket("one").await, context.bucket("z").await];
    context.probe(a, both, &[online(1, 5)]).await;
    context.probe(b, both, &[online(1, 5)]).await;
    context.probe(a, one, &[offline(1)]).await;
    context.probe(b, one, &[online(2, 5)]).await;
    for (connected, expected) in [
        (vec![a, b], [vec!["both", "one"], vec![], vec!["z"]]),
        (vec![a], [vec!["both"], vec!["one"], vec!["z"]]),
        (vec![b], [vec!["both", "one"], vec![], vec!["z"]]),
        (vec![], [vec![], vec![], vec!["both", "one", "z"]]),
    ] {
        for (status, names) in [Online, Offline, Disconnected].into_iter().zip(expected) {
            assert_eq!(
                with_status(&context, &connected, status).await,
                names,
                "{status} {}",
                connected.len()
            );
        }
    }
    context.probe(b, one, &[offline(60)]).await;
    assert_eq!(with_status(&context, &[a, b], Offline).await, ["one"]);
    // A changed secret ends what nodes reported.
    let changed = BucketUpdate { record_change: true, ..context.update_of(one).await };
    store.update_bucket(&changed, &audit(at(70))).await.unwrap();
    assert_eq!(with_status(&context, &[a, b], Disconnected).await, ["one", "z"]);
    // So does the removal of the node, even if it comes back.
    context.probe(a, none, &[online(80, 1)]).await;
    store.unregister_node(a, &audit(at(90))).await.unwrap();
    assert_eq!(with_status(&context, &[a, b], Disconnected).await, ["one", "z"]);
    assert_eq!(with_status(&context, &[a, b], Online).await, ["both"]);
}

pub async fn filters_and_orders_walk_all_pages_without_gap_or_repetition(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("a").await;
    let workspaces =
        [context.workspace, context.another_workspace(1).await, context.another_workspace(2).await];
    let aws = BucketLocation { endpoint: None, ..location("x") };
    let blob = BucketLocation { storage_type: StorageType::Blob, endpoint: None, ..location("x") };
    let mut made: Vec<(String, i64, WorkspaceId, Provider, bool)> = Vec::new();
    for number in 0..120_usize {
        let (location, provider) = match number % 3 {
            0 => (aws.clone(), Provider::Aws),
            1 => (blob.clone(), Provider::Azure),
            _ => (location("x"), Provider::Other),
        };
        let (label, workspace) = (format!("b{:03}", (number * 77) % 120), workspaces[number % 7 % 3]);
        let new = NewBucket { workspace_id: workspace, location, ..context.new_bucket(&label) };
        let now = i64::try_from(number / 2).unwrap();
        store.insert_bucket(&new, &audit(at(now))).await.unwrap();
        let is_online = number % 5 != 0;
        context.probe(node, new.id, &[if is_online { online(100, 1) } else { offline(100) }]).await;
        made.push((label, now, workspace, provider, is_online));
    }
    let filters: [(BucketFilter, Selects); 4] = [
        (BucketFilter::default(), |_, _| true),
        (BucketFilter { statuses: vec![Status::Offline], ..BucketFilter::default() }, |_, online| !online),
        (
            BucketFilter { providers: vec![Provider::Aws, Provider::Other], ..BucketFilter::default() },
            |one, _| one != Provider::Azure,
        ),
        (
            BucketFilter {
                statuses: vec![Status::Online],
                storage_types: vec![StorageType::Blob],
                ..BucketFilter::default()
            },
            |one, online| one == Provider::Azure && online,
        ),
    ];
    for (filter, selects) in filters {
        for visible in [workspaces.to_vec(), workspaces[1..].to_vec(), vec![]] {
            for (order, limit) in [(ListOrder::Name, 7), (ListOrder::Newest, 7), (ListOrder::Name, 1)] {
                let filter = BucketFilter { connected: vec![node], ..filter.clone() };
                let of = match visible.len() {
                    3 => Visibility::Organization,
                    _ => Visibility::Workspaces(visible.clone()),
                };
                let search = BucketSearch { filter, visible: of, order: Some(order), limit, ..all(&context) };
                let mut listed = walk(&context, &search).await;
                let mut expected: Vec<_> = made
                    .iter()
                    .filter(|(_, _, workspace, provider, online)| {
                        visible.contains(workspace) && selects(*provider, *online)
                    })
                    .collect();
                if order == ListOrder::Newest {
                    let times: Vec<i64> =
                        listed.iter().map(|one| made.iter().find(|made| made.0 == *one).unwrap().1).collect();
                    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
                    listed.sort();
                }
                expected.sort_by(|a, b| a.0.cmp(&b.0));
                assert_eq!(listed, expected.iter().map(|made| made.0.as_str()).collect::<Vec<_>>());
                // The same with a word that all of them have.
                let mut sorted =
                    walk(&context, &BucketSearch { words: Some(words("x")), ..search.clone() }).await;
                sorted.sort();
                assert_eq!(sorted, listed);
            }
        }
    }
}

pub async fn results_are_in_the_order_of_words_and_few_can_be_sorted(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let many = usize::try_from(SORTABLE).unwrap() + 5;
    let mut ids: Vec<BucketId> = Vec::new();
    for number in 0..many {
        // Two words begin with "bulk".
        let label =
            if number % 400 == 0 { format!("bulk{number} bulkier rare") } else { format!("bulk{number}") };
        ids.push(context.bucket(&label).await);
    }
    let search =
        |text: &str, order, limit| BucketSearch { words: Some(words(text)), order, limit, ..all(&context) };
    let results = walk(&context, &search("bulk", None, 97)).await;
    assert_eq!(results.len(), many);
    assert!(try_walk(&context, &search("bulk", Some(ListOrder::Name), 97)).await.is_none());
    for order in [None, Some(ListOrder::Name), Some(ListOrder::Newest)] {
        let rare = walk(&context, &search("bulk rare", order, 2)).await;
        assert_eq!(rare.len(), 3, "{order:?}");
    }
    let by_name = walk(&context, &search("bulk rare", Some(ListOrder::Name), 1)).await;
    assert_eq!(by_name, ["bulk0 bulkier rare", "bulk400 bulkier rare", "bulk800 bulkier rare"]);
    // No page looks at more than a bounded number of words: it ends early and says where to continue.
    let filter = BucketFilter { providers: vec![Provider::Aws], ..BucketFilter::default() };
    assert!(walk(&context, &BucketSearch { filter, ..search("bulk", None, 10) }).await.is_empty());
}

pub async fn repositories_are_found_and_listed_by_name(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let second = context.another_workspace(1).await;
    let [b, a, c] = [
        context.repository("Beta photos", &[]).await,
        context.repository("alpha", &[]).await,
        context.repository("Gamma photos", &[]).await,
    ];
    let update = RepositoryUpdate { workspace_id: second, ..context.repository_update_of(c).await };
    store.update_repository(&update, &audit(at(1))).await.unwrap();
    let list = async |visible: &Visibility, text: Option<&str>, order| -> Vec<RepoId> {
        let mut search = RepositorySearch {
            org_id: context.org,
            visible: visible.clone(),
            words: text.map(words),
            order,
            after: None,
            limit: 1,
        };
        let mut ids = Vec::new();
        loop {
            let SearchPage::Found { entries, next } = store.search_repositories(&search).await.unwrap()
            else {
                panic!("too many")
            };
            ids.extend(entries.iter().map(|one| one.id));
            let Some(next) = next else { return ids };
            search.after = Some(next);
        }
    };
    let organization = Visibility::Organization;
    let workspaces = Visibility::Workspaces(vec![context.workspace, second]);
    for visible in [&organization, &workspaces] {
        assert_eq!(list(visible, None, Some(ListOrder::Name)).await, [a, b, c]);
        assert_eq!(list(visible, None, Some(ListOrder::Newest)).await, [c, a, b]);
        assert_eq!(list(visible, Some("phot"), Some(ListOrder::Name)).await, [b, c]);
    }
    let only_second = Visibility::Workspaces(vec![second]);
    assert_eq!(list(&only_second, Some("photos"), None).await, [c]);
    assert_eq!(list(&only_second, None, Some(ListOrder::Name)).await, [c]);
    store.delete_repository(context.org, c, &audit(at(2))).await.unwrap();
    assert_eq!(list(&organization, Some("photos"), None).await, [b]);
    assert_eq!(list(&organization, None, Some(ListOrder::Name)).await, [a, b]);
}

pub async fn unused_facets_are_purged(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("a").await;
    let id = context.bucket("one").await;
    context.probe(node, id, &[offline(1)]).await;
    context.probe(node, id, &[online(2, 1)]).await;
    assert_eq!(store.purge_facets(at(0)).await.unwrap(), 0, "used lately");
    assert_eq!(store.purge_facets(at(100)).await.unwrap(), 2, "without reports, and OFFLINE");
    assert_eq!(with_status(&context, &[node], Status::Online).await, ["one"]);
}

pub async fn buckets_are_counted_by_what_they_have_in_common(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let mut ids = Vec::new();
    for label in ["a", "b", "c", "d"] {
        ids.push(context.bucket(label).await);
    }
    let workspace = context.another_workspace(0).await;
    let elsewhere = context.bucket_in(workspace, "e", at(0)).await;
    for (id, sample) in
        [(ids[0], offline(1)), (ids[1], offline(1)), (elsewhere, offline(1)), (ids[2], online(1, 5))]
    {
        context.probe(node, id, &[sample]).await;
    }

    let count = async |visible: &Visibility, status, at_most| {
        let connected = vec![node];
        let filter = BucketFilter { statuses: vec![status], connected, ..BucketFilter::default() };
        store.count_facets(context.org, visible, &filter, at_most).await.unwrap()
    };
    let all = Visibility::Organization;
    let found = count(&all, Status::Offline, 100).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].buckets, &*found[0].reports), (3, &[(node, ProbedStatus::Offline)][..]));
    assert_eq!(count(&all, Status::Offline, 2).await[0].buckets, 2, "no more than are counted");
    assert_eq!(
        count(&Visibility::Workspaces(vec![context.workspace]), Status::Offline, 100).await[0].buckets,
        2
    );
    assert!(count(&Visibility::Workspaces(vec![]), Status::Offline, 100).await.is_empty());
    let unprobed = count(&all, Status::Disconnected, 100).await;
    assert_eq!((unprobed[0].buckets, unprobed[0].reports.len()), (1, 0));

    store.delete_bucket(context.org, ids[3], &audit(at(2))).await.unwrap();
    assert!(count(&all, Status::Disconnected, 100).await.is_empty(), "the facet stays, without buckets");
}
