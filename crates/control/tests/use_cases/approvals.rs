//! Tests of the approval of nodes: what a node gets before and after it, and what is sealed again when nodes leave.

use std::time::{Duration, Instant};

use bucketry_control::organizations::Registration;
use bucketry_control::secret_access::SecretAccess;
use bucketry_control::{Error, ResourceKind, Settings};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_store::vault::{RotationPhase, RotationState};
use jiff::SignedDuration;

use crate::support::TestContext;

// Its name comes after that of the other node, which opens secrets and is asked first.
const FAR: &str = "z-far-away";

async fn access(cx: &TestContext) -> SecretAccess {
    access_as(cx, &cx.owner).await
}

/// What a user learns about the node.
async fn access_as(cx: &TestContext, caller: &Caller) -> SecretAccess {
    let views = cx.control.nodes(caller).await.unwrap();
    views.iter().find(|view| view.node.name == FAR).unwrap().secrets
}

/// The owner of another organization.
async fn other_owner(cx: &TestContext) -> Caller {
    let registration = Registration {
        email: "other@example.org".to_owned(),
        password: Secret::new("Correct-Horse-2"),
        first_name: "Other".to_owned(),
        last_name: "Owner".to_owned(),
        company_name: "Elsewhere".to_owned(),
    };
    cx.control.register(registration, RequestOrigin::default()).await.unwrap();
    let session = cx.control.login("other@example.org", Secret::new("Correct-Horse-2"), None).await.unwrap();
    cx.control.authenticate(&session.access_token).await.unwrap()
}

#[tokio::test]
async fn a_new_node_gets_nothing_until_it_is_approved_and_then_everything() {
    let cx = TestContext::new().await;
    let before = cx.unchecked("Before").await;
    let far = cx.node.elsewhere(FAR).await;
    let id = far.register_as(FAR).await.unwrap().id;
    let meanwhile = cx.unchecked("Meanwhile").await;
    assert!(!cx.opens(&far, before).await && !cx.opens(&far, meanwhile).await);
    let refused = far.sync_as(FAR, "", 0).await.unwrap_err();
    assert!(matches!(&refused, Error::NodeNotApproved(name) if name == FAR), "{refused}");
    assert_eq!(access(&cx).await, SecretAccess::Pending);

    let member = cx.member("member@example.com", Some(WorkspaceRole::Admin)).await;
    let recipient = far.recipient();
    let forbidden = cx.control.approve_node(&member, id, &recipient).await;
    assert!(matches!(forbidden, Err(Error::Forbidden(_))), "{forbidden:?}");
    let other = cx.control.approve_node(&cx.owner, id, &cx.node.recipient()).await;
    assert!(matches!(other, Err(Error::Invalid(_))), "{other:?}");

    let _node = cx.node.work_on();
    cx.control.approve_node(&cx.owner, id, &recipient).await.unwrap();
    assert!(matches!(access(&cx).await, SecretAccess::Sealing { .. }));
    let after = cx.unchecked("After").await;
    assert!(cx.opens(&far, after).await, "new secrets are sealed to it at once");
    let state = cx.sealed_again().await;
    assert_eq!((state.done, state.failed), (3, 0));
    assert!(cx.opens(&far, before).await && cx.opens(&far, meanwhile).await);
    assert!(cx.opens(&cx.node, before).await, "the other node opens them as before");
    assert_eq!(access(&cx).await, SecretAccess::Complete);
    assert_eq!(far.sync_as(FAR, "", 0).await.unwrap().buckets.len(), 3);
}

#[tokio::test]
async fn what_a_removed_node_could_open_is_sealed_again_without_it() {
    let cx = TestContext::new().await;
    let far = cx.node.elsewhere(FAR).await;
    let id = far.register_as(FAR).await.unwrap().id;
    cx.control.approve_node(&cx.owner, id, &far.recipient()).await.unwrap();
    let bucket = cx.unchecked("Photos").await;
    assert!(cx.opens(&far, bucket).await);
    let _node = cx.node.work_on();
    cx.sealed_again().await;

    cx.control.delete_deployment_node(&cx.owner, id, false).await.unwrap();
    cx.sealed_again().await;
    assert!(cx.opens(&cx.node, bucket).await && !cx.opens(&far, bucket).await);
    far.register_as(FAR).await.unwrap();
    assert_eq!(access(&cx).await, SecretAccess::Pending, "it waits for approval again");
}

#[tokio::test]
async fn a_node_that_is_removed_while_it_waits_for_changes_gets_none() {
    let cx = TestContext::new().await;
    let far = cx.node.elsewhere(FAR).await;
    let id = far.register_as(FAR).await.unwrap().id;
    cx.control.approve_node(&cx.owner, id, &far.recipient()).await.unwrap();
    let cursor = far.sync_as(FAR, "", 0).await.unwrap().cursor;
    let waiting = far.sync_as(FAR, &cursor, 25);
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
    assert!(early.is_err(), "it waits: {early:?}");
    cx.control.delete_deployment_node(&cx.owner, id, true).await.unwrap();
    cx.unchecked("Photos").await;
    let refused = waiting.await.map(|answer| answer.buckets.len());
    assert!(matches!(refused, Err(Error::NotFound(ResourceKind::Node))), "{refused:?}");
}

#[tokio::test]
async fn the_only_node_that_opens_secrets_is_removed_only_by_force() {
    let cx = TestContext::new().await;
    cx.unchecked("Photos").await;
    let only = cx.node.register().await.unwrap().id;
    let refused = cx.control.delete_deployment_node(&cx.owner, only, false).await;
    assert!(matches!(refused, Err(Error::Rule { code: "NODE_NEEDED", .. })), "{refused:?}");
    cx.node.elsewhere(FAR).await;
    let refused = cx.control.delete_deployment_node(&cx.owner, only, false).await;
    assert!(matches!(refused, Err(Error::Rule { code: "NODE_NEEDED", .. })), "a pending node opens nothing");
    cx.control.delete_deployment_node(&cx.owner, only, true).await.unwrap();

    for skip_validation in [false, true] {
        let input = bucketry_control::buckets::BucketInput { skip_validation, ..cx.bucket("Other") };
        let refused = cx.control.create_bucket(&cx.owner, &input).await.map(drop).unwrap_err();
        assert!(matches!(&refused, Error::NodesPending(name) if name == FAR), "{refused}");
        assert_eq!(refused.code(), "NO_NODE_ONLINE");
    }
}

#[tokio::test]
async fn a_key_that_appears_without_a_rotation_waits_and_the_approved_one_stays_in_use() {
    let cx = TestContext::new().await;
    let far = cx.node.elsewhere(FAR).await;
    let node = far.register_as(FAR).await.unwrap();
    cx.control.approve_node(&cx.owner, node.id, &far.recipient()).await.unwrap();
    let approved = far.recipient();
    far.identities.lock().unwrap().add_new().unwrap();
    let node = far.register_as(FAR).await.unwrap();
    assert_eq!(node.sealing_recipient(), Some(approved.as_str()));
    cx.control.approve_node(&cx.owner, node.id, &far.recipient()).await.unwrap();
    let node = far.register_as(FAR).await.unwrap();
    assert_eq!(node.sealing_recipient(), Some(far.recipient().as_str()));
}

#[tokio::test]
async fn owners_of_other_organizations_decide_about_their_own_nodes_only() {
    let cx = TestContext::with(Settings { open_registration: true, ..Settings::default() }).await;
    let own = cx.node.of_organization(&cx.owner, "z-own").await;
    let own_id = own.register_as("z-own").await.unwrap().id;
    let other = other_owner(&cx).await;
    let far = cx.node.elsewhere(FAR).await;
    let id = far.register_as(FAR).await.unwrap().id;
    assert_eq!(
        access_as(&cx, &other).await,
        SecretAccess::Pending,
        "they see why the node doesn't serve them"
    );
    let refused = cx.control.approve_node(&other, id, &far.recipient()).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let refused = cx.control.delete_deployment_node(&other, id, true).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let hidden = cx.control.approve_node(&other, own_id, &own.recipient()).await;
    assert!(matches!(hidden, Err(Error::NotFound(_))), "{hidden:?}");

    cx.control.approve_node(&cx.owner, id, &far.recipient()).await.unwrap();
    let state = cx.control.store().rewrap().await.unwrap().unwrap();
    let finished_at = Some(state.started_at);
    let failed = RotationState { phase: RotationPhase::Done, failed: 2, finished_at, ..state };
    assert!(cx.control.store().set_rewrap(&failed).await.unwrap());
    assert_eq!(access(&cx).await, SecretAccess::Incomplete { failed: Some(2) });
    assert_eq!(access_as(&cx, &other).await, SecretAccess::Incomplete { failed: None });
}

#[tokio::test]
async fn owners_are_shown_the_nodes_that_they_may_approve() {
    let cx = TestContext::with(Settings { open_registration: true, ..Settings::default() }).await;
    let other = other_owner(&cx).await;
    let member = cx.member("member@example.com", Some(WorkspaceRole::Admin)).await;
    // Each organization has an approved node and one that waits.
    for (owner, approved, waiting) in [(&cx.owner, "first", "z-own"), (&other, "second", "theirs")] {
        let node = cx.node.of_one_of_several(owner, approved).await;
        node.with_other_keys().register_as(waiting).await.unwrap();
    }
    let far = cx.node.elsewhere(FAR).await;
    let id = far.register_as(FAR).await.unwrap().id;
    let waiting = async |caller: &Caller, most: usize| {
        let found = cx.control.nodes_to_approve(caller, most).await.unwrap();
        (found.count, found.first.into_iter().map(|(_, name)| name).collect::<Vec<_>>())
    };
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(waiting(&cx.owner, 3).await, (2, named(&[FAR, "z-own"])));
    assert_eq!(waiting(&cx.owner, 1).await, (2, named(&[FAR])));
    assert_eq!(waiting(&other, 3).await, (1, named(&["theirs"])), "not those of the deployment");
    assert_eq!(waiting(&member, 3).await, (0, named(&[])));
    cx.control.approve_node(&cx.owner, id, &far.recipient()).await.unwrap();
    assert_eq!(waiting(&cx.owner, 3).await, (1, named(&["z-own"])));
}

#[tokio::test]
async fn a_node_that_waits_is_not_named_as_the_reason_while_an_approved_one_is_only_away() {
    let cx = TestContext::new().await;
    cx.node.elsewhere(FAR).await;
    cx.clock.advance(SignedDuration::from_mins(5));
    let refused = cx.control.create_bucket(&cx.owner, &cx.bucket("Photos")).await.map(drop).unwrap_err();
    assert!(matches!(refused, Error::NoNodeOnline), "{refused}");
}

#[tokio::test]
async fn another_machine_with_the_name_of_a_connected_node_is_refused_until_that_one_has_stopped() {
    let cx = TestContext::new().await;
    let far = cx.node.elsewhere(FAR).await;
    let id = far.register_as(FAR).await.unwrap().id;
    cx.control.approve_node(&cx.owner, id, &far.recipient()).await.unwrap();
    let other = far.with_other_keys();
    let refused = other.register_as(FAR).await.unwrap_err();
    assert_eq!(refused.code(), "NODE_NAME_TAKEN");
    assert!(refused.to_string().contains("choose another name"), "{refused}");
    let bucket = cx.unchecked("Photos").await;
    assert!(cx.opens(&far, bucket).await && !cx.opens(&other, bucket).await);
    assert!(matches!(access(&cx).await, SecretAccess::Complete | SecretAccess::Sealing { .. }));

    cx.clock.advance(SignedDuration::from_secs(61));
    let node = other.register_as(FAR).await.unwrap();
    assert!(
        node.id == id && node.is_pending(),
        "it takes the place of the one that stopped, but opens nothing"
    );
}

/// Approves a node whose secrets another one has to seal, while the one that was seen last has stopped.
async fn sealed_beside_a_stopped_node(settings: Settings) {
    let shares_database = settings.shares_database;
    let cx = TestContext::with(settings).await;
    let control = cx.control.clone();
    let mut following = tokio::task::JoinSet::new();
    following.spawn(async move { control.follow_other_processes().await });
    let stopped = cx.node.elsewhere("a-stopped").await;
    let id = stopped.register_as("a-stopped").await.unwrap().id;
    cx.control.approve_node(&cx.owner, id, &stopped.recipient()).await.unwrap();
    let bucket = cx.unchecked("Photos").await;
    let _node = cx.node.work_on();
    cx.sealed_again().await;
    cx.clock.advance(SignedDuration::from_secs(10));
    stopped.beat_as("a-stopped", vec![]).await.unwrap();

    let far = cx.node.elsewhere(FAR).await;
    let id = far.register_as(FAR).await.unwrap().id;
    cx.control.approve_node(&cx.owner, id, &far.recipient()).await.unwrap();
    let began = Instant::now();
    let state = cx.sealed_again().await;
    assert_eq!((state.done, state.failed), (1, 0), "shares_database: {shares_database}");
    assert!(cx.opens(&far, bucket).await && cx.opens(&stopped, bucket).await);
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    assert!(stopped.sync_as("a-stopped", "c.0", 0).await.unwrap().jobs.is_empty(), "its job is withdrawn");
}

#[tokio::test]
async fn a_node_that_has_just_stopped_does_not_keep_the_others_from_sealing() {
    sealed_beside_a_stopped_node(Settings::default()).await;
}

#[tokio::test]
async fn a_stopped_node_does_not_keep_others_from_sealing_if_processes_share_the_database() {
    sealed_beside_a_stopped_node(Settings { shares_database: true, ..Settings::default() }).await;
}
