//! Nodes, seen through the use cases: whose messages are taken, what they are sent, and how keys are rotated.

use std::time::Duration;

use crate::support::{FakeNode, World, sent};
use bucketry_control::buckets::BucketInput;
use bucketry_control::{Error, Thing};
use bucketry_model::secret::Secret;
use bucketry_vault::{NodeSigningKey, SecretContext};
use jiff::SignedDuration;

fn refused(result: Result<(), Error>, why: &str) {
    let told = result.unwrap_err();
    assert!(matches!(told, Error::NodeMessage(_)) && told.to_string().contains(why), "{told:?}");
}

#[tokio::test]
async fn a_message_is_taken_once_in_time_and_only_with_a_known_key() {
    let world = World::new().await;
    let heartbeat = FakeNode::heartbeat(vec![]);
    let message = world.node.signed("/node/status", &heartbeat);
    world.control.heartbeat(sent(&message)).await.unwrap();
    refused(world.control.heartbeat(sent(&message)).await.map(drop), "received before");

    let late = world.node.signed("/node/status", &heartbeat);
    world.clock.advance(SignedDuration::from_secs(301));
    refused(world.control.heartbeat(sent(&late)).await.map(drop), "clock");

    let mut changed = world.node.signed("/node/status", &heartbeat);
    changed["region"] = "elsewhere".into();
    refused(world.control.heartbeat(sent(&changed)).await.map(drop), "signature");

    let mut stranger = world.node.clone();
    stranger.key = NodeSigningKey::generate().unwrap().into();
    refused(stranger.beat(vec![]).await, "signature");
}

#[tokio::test]
async fn a_node_that_is_not_registered_is_told_so() {
    let world = World::new().await;
    let mut heartbeat = FakeNode::heartbeat(vec![]);
    heartbeat.ip = "node-2".to_owned();
    let told = world.control.heartbeat(sent(&world.node.signed("/node/status", &heartbeat))).await;
    assert!(matches!(told, Err(Error::NotFound(Thing::Node))), "{told:?}");
}

#[tokio::test]
async fn a_node_is_sent_everything_and_then_what_changes() {
    let world = World::new().await;
    let first = world.unchecked("First").await;
    let snapshot = world.node.sync("", 0).await.unwrap();
    assert!(snapshot.snapshot && !snapshot.more);
    assert_eq!(snapshot.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(), [first]);

    let waiting = {
        let (node, cursor) = (world.node.clone(), snapshot.cursor.clone());
        tokio::spawn(async move { node.sync(&cursor, 25).await })
    };
    let second = world.unchecked("Second").await;
    let changed = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(changed.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(), [second]);

    world.control.delete_bucket(&world.owner, first).await.unwrap();
    let rename = BucketInput { name: Some("Other".to_owned()), ..BucketInput::default() };
    world.control.update_bucket(&world.owner, second, &rename).await.unwrap();
    let removed = world.node.sync(&changed.cursor, 0).await.unwrap();
    assert_eq!((removed.removed.as_slice(), removed.buckets.len()), ([first].as_slice(), 0));
    let nothing = world.node.sync(&removed.cursor, 0).await.unwrap();
    assert!(nothing.buckets.is_empty() && nothing.removed.is_empty());
}

#[tokio::test]
async fn a_rotation_seals_every_secret_anew_while_everything_stays_in_use() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(world.unchecked(&format!("Bucket {n}")).await);
    }
    let old = world.node.identities.lock().unwrap().in_use();
    let _node = world.node.work_on();
    let state = world.rotate().await;
    assert_eq!((state.total, state.done, state.failed), (3, 3, 0));

    let recipients = world.node.identities.lock().unwrap().recipients();
    assert_eq!(recipients.len(), 1);
    assert_ne!(recipients[0].to_string(), old.to_string());
    for id in ids {
        let bucket = world.control.store().bucket(world.owner.org_id, id).await.unwrap().unwrap();
        let context = SecretContext::of_bucket(bucket.org_id, id);
        let identities = world.node.identities.lock().unwrap();
        let plain = bucketry_vault::open(&bucket.secret.unwrap(), &context, &identities).unwrap();
        assert_eq!(plain.expose(), "the-plain-secret");
    }
}

#[tokio::test]
async fn a_secret_is_sealed_to_the_keys_that_there_are_when_it_is_stored() {
    let world = World::new().await;
    let creating = async {
        let made = world.control.create_bucket(&world.owner, &world.bucket("Photos")).await.unwrap();
        world.control.store().bucket(world.owner.org_id, made.id).await.unwrap().unwrap()
    };
    let (bucket, ()) = tokio::join!(
        creating,
        world.node.work_after(async || {
            world.node.identities.lock().unwrap().add_new().unwrap();
            world.node.register().await.unwrap();
        })
    );
    let mut identities = world.node.identities.lock().unwrap();
    identities.retire_all_but_first().unwrap();
    let context = SecretContext::of_bucket(bucket.org_id, bucket.id);
    let plain = bucketry_vault::open(&bucket.secret.unwrap(), &context, &identities).unwrap();
    assert_eq!(plain.expose(), "the-plain-secret");
}

#[tokio::test]
async fn a_secret_that_no_node_can_open_stays_as_it_was_and_is_told() {
    let world = World::new().await;
    world.unchecked("Lost").await;
    *world.node.identities.lock().unwrap() = bucketry_vault::Identities::generate();
    world.node.register().await.unwrap();
    let input =
        BucketInput { secret: Some(Secret::new("new")), skip_validation: true, ..world.bucket("Kept") };
    world.control.create_bucket(&world.owner, &input).await.unwrap();
    let _node = world.node.work_on();
    let state = world.rotate().await;
    assert_eq!(state.failed, 1);
    assert_eq!(world.node.identities.lock().unwrap().recipients().len(), 2, "the old identity is kept");
}

#[tokio::test]
async fn a_rotation_passes_over_nodes_that_are_away() {
    let world = World::new().await;
    world.unchecked("Photos").await;
    // As an operator leaves one behind who renames the node.
    world.node.register_as("a-former-name").await.unwrap();
    world.clock.advance(SignedDuration::from_hours(1));
    world.node.beat(vec![]).await.unwrap();
    let _node = world.node.work_on();
    let state = world.rotate().await;
    assert_eq!((state.done, state.failed), (1, 0));
    assert_eq!(world.node.identities.lock().unwrap().recipients().len(), 1);
}
