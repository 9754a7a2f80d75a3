//! Buckets that are to be elsewhere: what was stored opens only what it was entered for, and what nodes said of the
//! place before counts no longer.

use std::sync::Arc;

use crate::support::World;
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

/// A bucket that the nodes open by what they are themselves.
fn delegated(
    world: &World,
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
        ..world.bucket(name)
    }
}

async fn other_workspace(world: &World) -> WorkspaceId {
    world.control.create_workspace(&world.owner, "Other").await.unwrap().id
}

#[tokio::test]
async fn a_member_who_does_not_know_the_secret_can_not_move_the_bucket() {
    let world = World::new().await;
    let _node = world.node.work_on();
    let member = world.member("writer@example.com", Some(WorkspaceRole::Write)).await;
    let id = world.unchecked("Photos").await;
    let elsewhere = || Some("https://elsewhere.example.com".to_owned());
    for change in [
        BucketInput { bucket: Some("private".to_owned()), ..nothing() },
        BucketInput { endpoint: elsewhere(), ..nothing() },
        BucketInput { key: Some("AKID2".to_owned()), ..nothing() },
        BucketInput { storage_type: Some(StorageType::Gcs), ..nothing() },
        BucketInput { bucket: Some("private".to_owned()), secret: Some(Secret::new("")), ..nothing() },
        BucketInput { endpoint: elsewhere(), bucket: Some("private".to_owned()), ..nothing() },
    ] {
        for caller in [&member, &world.owner] {
            assert_eq!(
                fields(world.control.update_bucket(caller, id, &change).await),
                ["secret"],
                "{change:?}"
            );
            assert_eq!(
                fields(world.control.validate_bucket(caller, id, &change).await),
                ["secret"],
                "{change:?}"
            );
        }
    }
    assert!(world.node.opened.lock().unwrap().is_empty(), "no node was asked to open anything");
    let reader = world.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    let change = BucketInput { bucket: Some("private".to_owned()), ..nothing() };
    let refused = world.control.update_bucket(&reader, id, &change).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "rights come first: {refused:?}");

    let known = BucketInput { secret: Some(Secret::new("the-plain-secret")), ..change };
    world.control.update_bucket(&member, id, &known).await.unwrap();
    world.control.update_bucket(&member, id, &known).await.unwrap();
    let stored = world.control.bucket(&world.owner, id).await.unwrap().bucket;
    assert_eq!(stored.location.bucket, "private");
}

#[tokio::test]
async fn a_role_needs_its_external_id_again_or_an_empty_secret() {
    let world = World::new().await;
    let at = (StorageType::S3, ROLE, "photos");
    let new = delegated(&world, "Photos", at, world.workspace);
    let id = world.control.create_bucket(&world.owner, &new).await.unwrap().id;
    let own = world.control.aws_external_id(world.owner.org_id).await.unwrap();
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
        assert_eq!(fields(world.control.update_bucket(&world.owner, id, &change).await), wrong, "{change:?}");
    }
}

#[tokio::test]
async fn what_nodes_take_on_without_a_secret_does_not_open_another_workspace() {
    let world = World::new().await;
    let theirs = other_workspace(&world).await;
    let member = world.member("writer@example.com", Some(WorkspaceRole::Write)).await;
    let other_account = "other@project.iam.gserviceaccount.com";
    for (storage_type, key, other_key, names) in [
        (StorageType::S3, ROLE, "arn:aws:iam::123456789012:role/other", ["a", "b", "c"]),
        (StorageType::Gcs, ACCOUNT, other_account, ["d", "e", "f"]),
    ] {
        let [private, name, again] = names;
        let create = async |caller: &Arc<Caller>, name: &str, key: &str, bucket: &str, workspace| {
            let new = delegated(&world, name, (storage_type, key, bucket), workspace);
            world.control.create_bucket(caller, &new).await
        };
        create(&world.owner, private, key, "private", theirs).await.unwrap();
        assert_eq!(
            fields(create(&member, name, key, "photos", world.workspace).await),
            ["key"],
            "their identity"
        );
        let refused = create(&member, name, other_key, "private", world.workspace).await;
        assert_eq!(fields(refused), ["key"], "their bucket");
        let id: BucketId = create(&member, name, other_key, "photos", world.workspace).await.unwrap().id;
        for change in [
            BucketInput { bucket: Some("private".to_owned()), secret: Some(Secret::new("")), ..nothing() },
            BucketInput { key: Some(key.to_owned()), secret: Some(Secret::new("")), ..nothing() },
        ] {
            assert_eq!(
                fields(world.control.update_bucket(&member, id, &change).await),
                ["key"],
                "{change:?}"
            );
            assert_eq!(
                fields(world.control.validate_bucket(&member, id, &change).await),
                ["key"],
                "{change:?}"
            );
        }
        let renamed = BucketInput { name: Some(again.to_owned()), ..nothing() };
        world.control.update_bucket(&member, id, &renamed).await.unwrap();
        // Whoever may change both workspaces may have the identity in both.
        create(&world.owner, name, key, "private", world.workspace).await.unwrap();
    }
}

#[tokio::test]
async fn a_node_that_still_probes_the_place_before_is_not_believed() {
    let world = World::new().await;
    let _node = world.node.work_on();
    let id = world.control.create_bucket(&world.owner, &world.bucket("Photos")).await.unwrap().id;
    let status = async || {
        let view = world.control.bucket(&world.owner, id).await.unwrap();
        let listed = world.control.list_buckets(&world.owner, None, None, 10).await.unwrap().remove(0);
        assert_eq!((view.status, view.latency_ms), (listed.status, listed.latency_ms));
        (view.status, view.latency_ms)
    };
    assert_eq!(status().await, (Status::Online, Some(12)), "the validation is the first report");
    let version =
        || async { world.control.store().bucket(world.owner.org_id, id).await.unwrap().unwrap().version };
    let before = version().await;

    let change = BucketInput { secret: Some(Secret::new("another")), ..nothing() };
    let updated = world.control.update_bucket(&world.owner, id, &change).await.unwrap();
    assert_eq!((updated.status, updated.latency_ms), (Status::Disconnected, None));
    let probe = |version| BucketStatus {
        bucket_id: id,
        status: ProbedStatus::Online,
        latency_ms: Some(7),
        created_at: world.clock.now(),
        failure: None,
        version,
    };
    world.clock.advance(SignedDuration::from_secs(20));
    world.node.beat(vec![probe(Some(before))]).await.unwrap();
    assert_eq!(status().await, (Status::Disconnected, None));
    // Names are not announced: the node goes on with the version that it knows.
    let renamed = BucketInput { name: Some("Pictures".to_owned()), ..nothing() };
    let announced = version().await;
    world.control.update_bucket(&world.owner, id, &renamed).await.unwrap();
    world.node.beat(vec![probe(Some(announced))]).await.unwrap();
    assert_eq!(status().await, (Status::Online, Some(7)));
}
