//! Tests of buckets that change their location: a stored secret opens only what it was entered for, and earlier
//! reports of nodes no longer count.

use crate::support::TestContext;
use bucketry_control::Error;
use bucketry_control::buckets::BucketInput;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbedStatus, Status};
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;

const ROLE: &str = "arn:aws:iam::123456789012:role/bucketry";
const ACCOUNT: &str = "reader@project.iam.gserviceaccount.com";

fn fields<T>(refused: Result<T, Error>) -> Vec<&'static str> {
    match refused {
        Err(Error::Invalid(fields)) => fields.into_iter().map(|field| field.field).collect(),
        Err(other) => unreachable!("{other}"),
        Ok(_) => Vec::new(),
    }
}

fn nothing() -> BucketInput {
    BucketInput { skip_validation: true, ..BucketInput::default() }
}

/// A bucket that nodes open with their own identity.
fn delegated(
    cx: &TestContext,
    name: &str,
    at: (StorageType, &str, &str),
    workspace: WorkspaceId,
) -> BucketInput {
    let (storage_type, key, bucket) = at;
    BucketInput {
        storage_type: Some(storage_type),
        key: Some(key.to_owned()),
        bucket: Some(bucket.to_owned()),
        secret: None,
        endpoint: None,
        workspace_id: Some(workspace.to_string()),
        skip_validation: true,
        ..cx.bucket(name)
    }
}

async fn other_workspace(cx: &TestContext) -> WorkspaceId {
    cx.control.create_workspace(&cx.owner, "Other").await.unwrap().id
}

#[tokio::test]
async fn a_member_who_does_not_know_the_secret_can_not_move_the_bucket() {
    let cx = TestContext::new().await;
    let _node = cx.node.work_on();
    let member = cx.member("writer@example.com", Some(WorkspaceRole::Write)).await;
    let id = cx.unchecked("Photos").await;
    let elsewhere = || Some("https://elsewhere.example.com".to_owned());
    for change in [
        BucketInput { bucket: Some("private".to_owned()), ..nothing() },
        BucketInput { endpoint: elsewhere(), ..nothing() },
        BucketInput { key: Some("AKID2".to_owned()), ..nothing() },
        BucketInput { storage_type: Some(StorageType::Gcs), ..nothing() },
        BucketInput { bucket: Some("private".to_owned()), secret: Some(Secret::new("")), ..nothing() },
        BucketInput { endpoint: elsewhere(), bucket: Some("private".to_owned()), ..nothing() },
    ] {
        for caller in [&member, &cx.owner] {
            assert_eq!(fields(cx.control.update_bucket(caller, id, &change).await), ["secret"], "{change:?}");
            assert_eq!(
                fields(cx.control.validate_bucket(caller, id, &change).await),
                ["secret"],
                "{change:?}"
            );
        }
    }
    assert!(cx.node.opened.lock().unwrap().is_empty(), "no node opened anything");
    let reader = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    let change = BucketInput { bucket: Some("private".to_owned()), ..nothing() };
    let refused = cx.control.update_bucket(&reader, id, &change).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "permissions are checked first: {refused:?}");

    let known = BucketInput { secret: Some(Secret::new("the-plain-secret")), ..change };
    cx.control.update_bucket(&member, id, &known).await.unwrap();
    cx.control.update_bucket(&member, id, &known).await.unwrap();
    let stored = cx.control.bucket(&cx.owner, id).await.unwrap().bucket;
    assert_eq!(stored.location.bucket, "private");
}

#[tokio::test]
async fn a_role_needs_its_external_id_again_or_an_empty_secret() {
    let cx = TestContext::new().await;
    let at = (StorageType::S3, ROLE, "photos");
    let new = delegated(&cx, "Photos", at, cx.workspace);
    let id = cx.control.create_bucket(&cx.owner, &new).await.unwrap().id;
    let own = cx.control.aws_external_id(cx.owner.org_id).await.unwrap();
    let to = |bucket: &str, secret: Option<&str>| BucketInput {
        bucket: Some(bucket.to_owned()),
        secret: secret.map(Secret::new),
        ..nothing()
    };
    for (change, wrong) in [
        (to("films", None), vec!["secret"]),
        (to("films", Some("an-id-of-somebody-else")), vec!["secret"]),
        (to("films", Some(&own)), vec![]),
        (to("music", Some("")), vec![]),
        (to("music", None), vec![]),
    ] {
        assert_eq!(fields(cx.control.update_bucket(&cx.owner, id, &change).await), wrong, "{change:?}");
    }
}

#[tokio::test]
async fn what_nodes_take_on_without_a_secret_does_not_open_another_workspace() {
    let cx = TestContext::new().await;
    let theirs = other_workspace(&cx).await;
    let member = cx.member("writer@example.com", Some(WorkspaceRole::Write)).await;
    let other_account = "other@project.iam.gserviceaccount.com";
    for (storage_type, key, other_key, names) in [
        (StorageType::S3, ROLE, "arn:aws:iam::123456789012:role/other", ["a", "b", "c"]),
        (StorageType::Gcs, ACCOUNT, other_account, ["d", "e", "f"]),
    ] {
        let [private, name, again] = names;
        let create = async |caller: &Caller, name: &str, key: &str, bucket: &str, workspace| {
            let new = delegated(&cx, name, (storage_type, key, bucket), workspace);
            cx.control.create_bucket(caller, &new).await
        };
        create(&cx.owner, private, key, "private", theirs).await.unwrap();
        assert_eq!(
            fields(create(&member, name, key, "photos", cx.workspace).await),
            ["key"],
            "their identity"
        );
        let refused = create(&member, name, other_key, "private", cx.workspace).await;
        assert_eq!(fields(refused), ["key"], "their bucket");
        let id: BucketId = create(&member, name, other_key, "photos", cx.workspace).await.unwrap().id;
        for change in [
            BucketInput { bucket: Some("private".to_owned()), secret: Some(Secret::new("")), ..nothing() },
            BucketInput { key: Some(key.to_owned()), secret: Some(Secret::new("")), ..nothing() },
        ] {
            assert_eq!(fields(cx.control.update_bucket(&member, id, &change).await), ["key"], "{change:?}");
            assert_eq!(fields(cx.control.validate_bucket(&member, id, &change).await), ["key"], "{change:?}");
        }
        let renamed = BucketInput { name: Some(again.to_owned()), ..nothing() };
        cx.control.update_bucket(&member, id, &renamed).await.unwrap();
        // A caller with WRITE in both workspaces may use the identity in both.
        create(&cx.owner, name, key, "private", cx.workspace).await.unwrap();
    }
}

#[tokio::test]
async fn a_node_that_still_probes_the_place_before_is_not_believed() {
    let cx = TestContext::new().await;
    let _node = cx.node.work_on();
    let id = cx.control.create_bucket(&cx.owner, &cx.bucket("Photos")).await.unwrap().id;
    let status = async || {
        let view = cx.control.bucket(&cx.owner, id).await.unwrap();
        let listed = cx.control.list_buckets(&cx.owner, None, None, 10).await.unwrap().remove(0);
        assert_eq!((view.status, view.latency_ms), (listed.status, listed.latency_ms));
        (view.status, view.latency_ms)
    };
    assert_eq!(status().await, (Status::Online, Some(12)), "the validation is the first report");
    let version = || async { cx.control.store().bucket(cx.owner.org_id, id).await.unwrap().unwrap().version };
    let before = version().await;

    let change = BucketInput { secret: Some(Secret::new("another")), ..nothing() };
    let updated = cx.control.update_bucket(&cx.owner, id, &change).await.unwrap();
    assert_eq!((updated.status, updated.latency_ms), (Status::Disconnected, None));
    let probe = |version| BucketStatus {
        bucket_id: id,
        status: ProbedStatus::Online,
        latency_ms: Some(7),
        created_at: cx.clock.now(),
        failure: None,
        version,
    };
    cx.clock.advance(SignedDuration::from_secs(20));
    cx.node.beat(vec![probe(Some(before))]).await.unwrap();
    assert_eq!(status().await, (Status::Disconnected, None));
    // A new name causes no change event, so the node continues with the version that it knows.
    let renamed = BucketInput { name: Some("Pictures".to_owned()), ..nothing() };
    let announced = version().await;
    cx.control.update_bucket(&cx.owner, id, &renamed).await.unwrap();
    cx.node.beat(vec![probe(Some(announced))]).await.unwrap();
    assert_eq!(status().await, (Status::Online, Some(7)));
}
