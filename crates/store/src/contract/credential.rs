//! The age and the expiry of secrets, and the external id of an organization.

use bucketry_model::bucket::CredentialTimes;
use bucketry_model::role::Visibility;

use super::fixture::{TestContext, at, audit, new_organization, secret};
use crate::Store;
use crate::bucket::{BucketInserted, BucketUpdate, BucketUpdated, EndingCredential, NewBucket, SecretUpdate};

fn times(set_at: Option<i64>, expires_at: Option<i64>) -> CredentialTimes {
    CredentialTimes { set_at: set_at.map(at), expires_at: expires_at.map(at) }
}

pub async fn age_and_end_of_a_secret_go_with_the_secret(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new = NewBucket { secret_expires_at: Some(at(900)), ..context.new_bucket("photos") };
    assert_eq!(store.insert_bucket(&new, &audit(at(10))).await.unwrap(), BucketInserted::Inserted);
    let listed = store.buckets(&context.query(Visibility::Organization, None, 10)).await.unwrap();
    assert_eq!(listed[0].bucket.credential, times(Some(10), Some(900)));

    let replace = |expires_at: Option<i64>| SecretUpdate::Replace {
        secret: secret("another"),
        expires_at: expires_at.map(at),
    };
    for (seconds, change, expected) in [
        (20, SecretUpdate::Keep, times(Some(10), Some(900))),
        (30, replace(Some(800)), times(Some(30), Some(800))),
        (40, replace(None), times(Some(40), None)),
        (50, SecretUpdate::Clear, times(None, None)),
    ] {
        let update = BucketUpdate { secret: change, record_change: true, ..context.update_of(new.id).await };
        assert_eq!(store.update_bucket(&update, &audit(at(seconds))).await.unwrap(), BucketUpdated::Updated);
        let found = store.bucket(context.org, new.id).await.unwrap().unwrap();
        assert_eq!(found.credential, expected, "after {seconds} s");
    }
}

pub async fn a_bucket_without_a_secret_has_no_age_and_no_end(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new = NewBucket { secret: None, secret_expires_at: Some(at(900)), ..context.new_bucket("photos") };
    store.insert_bucket(&new, &audit(at(10))).await.unwrap();
    let found = store.bucket(context.org, new.id).await.unwrap().unwrap();
    assert_eq!(found.credential, CredentialTimes::default());
    assert_eq!(store.count_credentials_ending(at(10_000)).await.unwrap(), 0);
}

pub async fn ending_secrets_are_told_earliest_first_and_counted(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let mut ids = Vec::new();
    for (label, end) in [("late", 300), ("soon", 100), ("later", 400), ("removed", 150), ("next", 200)] {
        let new = NewBucket { secret_expires_at: Some(at(end)), ..context.new_bucket(label) };
        store.insert_bucket(&new, &audit(at(0))).await.unwrap();
        ids.push(new.id);
    }
    context.bucket("for ever").await;
    store.delete_bucket(context.org, ids[3], &audit(at(1))).await.unwrap();

    let response = store.credentials_ending(at(100), at(300), 10).await.unwrap();
    let ending =
        |index: usize, end| EndingCredential { id: ids[index], org_id: context.org, expires_at: at(end) };
    assert_eq!(
        response,
        [ending(4, 200), ending(0, 300)],
        "after the first time, up to and including the second"
    );
    assert_eq!(store.credentials_ending(at(0), at(500), 1).await.unwrap(), [ending(1, 100)]);
    for (until, count) in [(99, 0), (100, 1), (300, 3), (500, 4)] {
        assert_eq!(store.count_credentials_ending(at(until)).await.unwrap(), count, "until {until} s");
    }
}

pub async fn ending_secrets_are_listed_where_they_are_visible(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let add = async |of: &TestContext<'_>, workspace_id, label: &str, end| {
        let new = NewBucket { workspace_id, secret_expires_at: Some(at(end)), ..of.new_bucket(label) };
        store.insert_bucket(&new, &audit(at(0))).await.unwrap();
        new.id
    };
    let elsewhere = context.another_workspace(0).await;
    let late = add(&context, context.workspace, "late", 300).await;
    let soon = add(&context, elsewhere, "soon", 100).await;
    let gone = add(&context, context.workspace, "gone", 50).await;
    add(&other, other.workspace, "foreign", 10).await;
    store.delete_bucket(context.org, gone, &audit(at(1))).await.unwrap();

    let list = async |visible: Visibility, until, limit| {
        let ends = store.credential_ends(context.org, &visible, at(until), limit).await.unwrap();
        ends.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Visibility::Organization, 300, 10).await, [soon, late]);
    assert_eq!(list(Visibility::Organization, 299, 10).await, [soon]);
    assert_eq!(list(Visibility::Organization, 300, 1).await, [soon]);
    assert_eq!(list(Visibility::Workspaces(vec![context.workspace]), 300, 10).await, [late]);
    assert_eq!(list(Visibility::Workspaces(vec![context.workspace, elsewhere]), 300, 10).await, [soon, late]);
    let ends = store.credential_ends(context.org, &Visibility::Organization, at(300), 10).await.unwrap();
    assert_eq!(
        (ends[0].name.as_str(), ends[0].workspace_id, ends[0].expires_at),
        ("soon", elsewhere, at(100))
    );
}

pub async fn an_organization_keeps_its_first_external_id(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    for (org, offered, kept) in
        [(context.org, "first", "first"), (context.org, "second", "first"), (other.org, "third", "third")]
    {
        assert_eq!(store.aws_external_id(org, offered).await.unwrap().as_deref(), Some(kept));
    }
    assert_eq!(store.aws_external_id(new_organization("x").id, "fourth").await.unwrap(), None);
}

pub async fn two_external_ids_at_once_give_one(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (one, other) = futures_util::future::join(
        store.aws_external_id(context.org, "one"),
        store.aws_external_id(context.org, "other"),
    )
    .await;
    assert_eq!(one.unwrap(), other.unwrap());
}
