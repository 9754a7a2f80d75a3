//! What repositories mean for buckets, workspaces and nodes.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::repository::{KeyAccess, RepositoryBucket, RepositoryMode};
use bucketry_model::role::Visibility;

use super::fixture::{TestContext, at, attachment, audit, fresh, location, name};
use crate::Store;
use crate::bucket::{BucketDeleted, BucketUpdate, BucketUpdated};
use crate::repository::{NewRepository, RepositoryInserted, RepositoryUpdate};
use crate::sync::{Changes, Subject};
use crate::workspace::WorkspaceChanged;

pub async fn a_bucket_in_use_stays_and_stays_where_it_is(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    let repository = context.repository("main", &[(bucket, "")]).await;
    assert_eq!(store.delete_bucket(context.org, bucket, &audit(at(1))).await.unwrap(), BucketDeleted::InUse);
    let found = store.bucket(context.org, bucket).await.unwrap().unwrap();
    assert!(found.secret.is_some());
    let workspace_id = context.another_workspace(1).await;
    let moved = BucketUpdate { workspace_id, ..context.update_of(bucket).await };
    assert_eq!(store.update_bucket(&moved, &audit(at(2))).await.unwrap(), BucketUpdated::InUse);
    store.delete_repository(context.org, repository, &audit(at(3))).await.unwrap();
    assert_eq!(store.update_bucket(&moved, &audit(at(4))).await.unwrap(), BucketUpdated::Updated);
    assert_eq!(
        store.delete_bucket(context.org, bucket, &audit(at(5))).await.unwrap(),
        BucketDeleted::Deleted
    );
}

pub async fn a_bucket_takes_no_name_that_its_repository_has(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (a, b) = (context.bucket("a").await, context.bucket("b").await);
    let new = NewRepository {
        buckets: vec![attachment(a, ""), attachment(b, "")],
        ..context.new_repository("main", &[])
    };
    store.insert_repository(&new, &audit(at(1))).await.unwrap();
    let as_b = BucketUpdate { location: location("b"), record_change: true, ..context.update_of(a).await };
    assert_eq!(store.update_bucket(&as_b, &audit(at(2))).await.unwrap(), BucketUpdated::SameNameInRepository);
    let as_c = BucketUpdate { location: location("c"), ..as_b };
    assert_eq!(store.update_bucket(&as_c, &audit(at(3))).await.unwrap(), BucketUpdated::Updated);
    let served = store.node_repositories(None, &[new.id]).await.unwrap().found;
    assert_eq!((served[0].version, served[0].buckets[0].bucket.as_str()), (2, "c"));
}

pub async fn a_workspace_with_repositories_stays(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let id = context.repository("main", &[]).await;
    let removed = store.delete_workspace(context.org, context.workspace, &audit(at(1))).await.unwrap();
    assert_eq!(removed, WorkspaceChanged::InUse);
    store.delete_repository(context.org, id, &audit(at(2))).await.unwrap();
    let removed = store.delete_workspace(context.org, context.workspace, &audit(at(3))).await.unwrap();
    assert_eq!(removed, WorkspaceChanged::Changed);
}

pub async fn repositories_of_buckets_are_told(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (a, b) = (context.bucket("a").await, context.bucket("b").await);
    let first = context.repository("first", &[(a, "x")]).await;
    let second = context.repository("second", &[(a, "y"), (b, "")]).await;
    let response = store.repositories_of_buckets(&[b, a, fresh(BucketId::new)]).await.unwrap();
    let response: Vec<_> =
        response.iter().map(|(bucket, one)| (*bucket, one.id, one.name.as_str())).collect();
    let mut expected = [(a, first, "first"), (a, second, "second"), (b, second, "second")];
    expected.sort();
    assert_eq!(response, expected);
    store.delete_repository(context.org, second, &audit(at(1))).await.unwrap();
    assert_eq!(store.repositories_of_buckets(&[a, b]).await.unwrap().len(), 1);
}

pub async fn buckets_of_mirrors_are_not_available(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let free = context.bucket_in(context.workspace, "free", at(1)).await;
    let normal = context.bucket_in(context.workspace, "normal", at(2)).await;
    let mirrored = context.bucket_in(context.workspace, "mirrored", at(3)).await;
    context.repository("normal", &[(normal, "")]).await;
    let mirror = NewRepository {
        mode: RepositoryMode::Mirror,
        buckets: vec![RepositoryBucket { master: true, ..attachment(mirrored, "") }],
        ..context.new_repository("mirror", &[])
    };
    assert_eq!(store.insert_repository(&mirror, &audit(at(4))).await.unwrap(), RepositoryInserted::Inserted);
    for visible in [Visibility::Organization, Visibility::Workspaces(vec![context.workspace])] {
        let page = store.available_buckets(&context.query(visible, None, 10)).await.unwrap();
        assert_eq!(page.iter().map(|one| one.bucket.id).collect::<Vec<_>>(), [normal, free]);
    }
    let foreign = other.bucket("foreign").await;
    let asked = [mirrored, foreign, fresh(BucketId::new)];
    let among = store.buckets_among(context.org, &asked).await.unwrap();
    assert_eq!(among.iter().map(|one| one.bucket.id).collect::<Vec<_>>(), [mirrored]);
    store.delete_repository(context.org, mirror.id, &audit(at(5))).await.unwrap();
    let page = store.available_buckets(&context.query(Visibility::Organization, None, 10)).await.unwrap();
    assert_eq!(page.len(), 3);
}

pub async fn every_change_of_a_repository_raises_its_version_and_is_announced(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let mut last = store.latest_change().await.unwrap();
    let id = context.repository("main", &[]).await;
    let mut versions = Vec::new();
    let mut announced = async |what: &str| {
        let changes = store.changes_after(Some(context.org), last, 10).await.unwrap();
        let Changes::Since(changes) = changes else { panic!("too old") };
        let subjects: Vec<_> = changes.iter().map(|change| change.subject).collect();
        assert_eq!(subjects, [Subject::Repository(id)], "{what}");
        last = changes[0].sequence;
        let served = store.node_repositories(Some(context.org), &[id]).await.unwrap().found;
        versions.extend(served.first().map(|served| (served.version, served.storage_type)));
    };
    announced("making it").await;
    let update = RepositoryUpdate {
        name: name("Other"),
        storage_type: StorageType::Gcs,
        ..context.repository_update_of(id).await
    };
    store.update_repository(&update, &audit(at(1))).await.unwrap();
    announced("a change").await;
    let key = context.key(id, "key").await;
    announced("a new key").await;
    store
        .update_repository_key(context.org, id, key, &name("key"), KeyAccess::Read, &audit(at(2)))
        .await
        .unwrap();
    announced("a changed key").await;
    store.revoke_repository_key(context.org, id, key, &audit(at(3))).await.unwrap();
    announced("a revoked key").await;
    store.delete_repository(context.org, id, &audit(at(4))).await.unwrap();
    announced("its removal").await;
    let (s3, gcs) = (StorageType::S3, StorageType::Gcs);
    assert_eq!(versions, [(1, s3), (2, gcs), (3, gcs), (4, gcs), (5, gcs)]);
    assert_eq!(store.changes_after(Some(other.org), 0, 10).await.unwrap(), Changes::Since(vec![]));
}

pub async fn repositories_are_walked_by_id_with_buckets_and_live_keys(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let bucket = context.bucket("photos").await;
    let mut own = Vec::new();
    for n in 0..5 {
        let id = context.repository(&format!("repository {n}"), &[(bucket, &format!("folder-{n}"))]).await;
        context.key(id, "live").await;
        let revoked = context.key(id, "revoked").await;
        store.revoke_repository_key(context.org, id, revoked, &audit(at(1))).await.unwrap();
        own.push(id);
    }
    let removed = context.repository("removed", &[]).await;
    store.delete_repository(context.org, removed, &audit(at(1))).await.unwrap();
    let foreign = other.repository("foreign", &[]).await;
    let all = [own.as_slice(), &[foreign]].concat();
    for (org, mut expected) in [(Some(context.org), own.clone()), (None, all)] {
        expected.sort();
        let mut walked: Vec<RepoId> = Vec::new();
        loop {
            let page = store.node_repositories_after(org, walked.last().copied(), 2).await.unwrap();
            if page.is_empty() {
                break;
            }
            walked.extend(page.iter().map(|one| one.id));
        }
        assert_eq!(walked, expected);
    }
    let served = store.node_repositories(Some(context.org), &[own[3], removed, foreign]).await.unwrap().found;
    assert_eq!(served.len(), 1);
    let one = &served[0];
    assert_eq!(
        (one.org_id, one.name.as_str(), one.mode),
        (context.org, "repository 3", RepositoryMode::Normal)
    );
    let attachment = &one.buckets[0];
    assert_eq!(
        (attachment.bucket_id, attachment.bucket.as_str(), attachment.folder.as_str()),
        (bucket, "photos", "folder-3")
    );
    let keys: Vec<_> = one.keys.iter().map(|key| (key.access, key.secret.as_text())).collect();
    assert_eq!(keys, [(KeyAccess::Write, "sealed live")]);
    assert!(store.node_repositories(Some(other.org), &own).await.unwrap().found.is_empty());
}

pub async fn the_generation_changes_with_what_repositories_hold(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let mut last = store.bucket_generation(context.org).await.unwrap();
    let mut changed = async |what: &str| {
        let now = store.bucket_generation(context.org).await.unwrap();
        assert_ne!(now, last, "{what} goes unnoticed");
        last = now;
    };
    let id = context.repository("main", &[]).await;
    changed("a new repository").await;
    let update = RepositoryUpdate { name: name("Other"), ..context.repository_update_of(id).await };
    store.update_repository(&update, &audit(at(1))).await.unwrap();
    changed("a new name").await;
    store.delete_repository(context.org, id, &audit(at(2))).await.unwrap();
    changed("a removal").await;
}
