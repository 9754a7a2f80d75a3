//! What the upload ids of repositories are sealed with: made once, opened by nodes only, the same for all keys.

use bucketry_control::repositories::KeyInput;
use bucketry_model::id::RepoId;
use bucketry_model::name::Name;
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::repository::RepositoryMode;
use bucketry_model::time::Clock as _;
use bucketry_store::repository::{NewRepository, RepositoryInserted};
use bucketry_vault::{Identities, SecretContext};

use crate::support::World;

async fn sent(world: &World) -> NodeRepository {
    world.node.sync("", 0).await.unwrap().repositories.remove(0)
}

fn opened(world: &World, sent: &NodeRepository) -> String {
    let context = SecretContext::of_repository(world.owner.org_id, sent.id);
    let identities = world.node.identities.lock().unwrap();
    let sealed = sent.sealing_key.as_ref().unwrap();
    bucketry_vault::open(sealed, &context, &identities).unwrap().expose().to_owned()
}

/// A repository as older versions made them.
async fn older(world: &World) -> RepoId {
    let id = RepoId::new(world.clock.now(), [7; 10]);
    let new = NewRepository {
        id,
        org_id: world.owner.org_id,
        workspace_id: world.workspace,
        name: Name::parse("Older").unwrap(),
        storage_type: bucketry_model::bucket::StorageType::S3,
        mode: RepositoryMode::Normal,
        buckets: vec![],
        sealing_key: None,
    };
    let inserted = world.control.store().insert_repository(&new, world.clock.now()).await.unwrap();
    assert_eq!(inserted, RepositoryInserted::Inserted);
    id
}

#[tokio::test]
async fn a_repository_has_one_sealing_key_whatever_becomes_of_its_access_keys() {
    let world = World::new().await;
    let repository = world.repository_of("Main", &[]).await;
    world.repository_of("Other", &[]).await;
    let told = world.node.sync("", 0).await.unwrap().repositories;
    let first = opened(&world, &told[0]);
    assert_eq!(first.len(), 43, "32 bytes in base64");
    assert_ne!(first, opened(&world, &told[1]));

    let input = KeyInput { name: Some("ci".to_owned()), access: Some("WRITE".to_owned()) };
    let key = world.control.create_repository_key(&world.owner, repository, &input).await.unwrap();
    world.control.revoke_repository_key(&world.owner, repository, key.id).await.unwrap();
    world.control.create_repository_key(&world.owner, repository, &input).await.unwrap();
    world.control.tidy().await.unwrap();
    let _node = world.node.work_on();
    assert_eq!(world.rotate().await.failed, 0);
    let after = sent(&world).await;
    assert_ne!(after.sealing_key, told[0].sealing_key, "sealed anew");
    assert_eq!(opened(&world, &after), first, "and the same");
}

#[tokio::test]
async fn repositories_from_before_are_given_their_key_by_the_housekeeping_or_with_an_access_key() {
    for by_housekeeping in [true, false] {
        let world = World::new().await;
        let repository = older(&world).await;
        let before = world.node.sync("", 0).await.unwrap();
        assert_eq!(before.repositories[0].sealing_key, None);
        if by_housekeeping {
            // Two control planes may do it at the same time.
            let (one, other) = tokio::join!(world.control.tidy(), world.control.tidy());
            one.unwrap();
            other.unwrap();
        } else {
            let input = KeyInput { name: Some("ci".to_owned()), access: Some("READ".to_owned()) };
            world.control.create_repository_key(&world.owner, repository, &input).await.unwrap();
        }
        let change = world.node.sync(&before.cursor, 0).await.unwrap();
        let first = opened(&world, &change.repositories[0]);
        world.control.tidy().await.unwrap();
        assert_eq!(opened(&world, &sent(&world).await), first);
    }
}

#[tokio::test]
async fn a_sealing_key_that_no_node_can_open_is_replaced_by_a_rotation() {
    let world = World::new().await;
    world.repository_of("Main", &[]).await;
    let before = sent(&world).await;
    *world.node.identities.lock().unwrap() = Identities::generate();
    world.node.register().await.unwrap();
    let _node = world.node.work_on();
    let state = world.rotate().await;
    assert_eq!((state.total, state.failed), (1, 0));
    let after = sent(&world).await;
    assert_ne!(after.sealing_key, before.sealing_key);
    assert_eq!(opened(&world, &after).len(), 43);
}
