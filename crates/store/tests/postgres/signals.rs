//! Signals between processes on one database.

use std::time::Duration;

use bucketry_model::id::{JobId, NodeId, NodeKeyId, WorkspaceId};
use bucketry_store::bucket::BucketStore;
use bucketry_store::contract::change;
use bucketry_store::job::{JobAdded, JobStore, StoredJob};
use bucketry_store::node::{KeyApproval, NodeApproved, NodeKey, NodeRegistration, NodeStore};
use bucketry_store::organization::OrganizationStore;
use bucketry_store::postgres::{Options, PostgresStore};
use bucketry_store::signal::{Signal, SignalStore, Signals};
use bucketry_store::user::{UserChanges, UserStore};
use bucketry_store::workspace::{NewWorkspace, WorkspaceStore};
use bucketry_store::{Result, Store, StoreError};

use crate::engine::{bucket, name, now, organization};
use crate::server::{database, open, run};

/// The time limit for what must happen eventually.
const PATIENCE: Duration = Duration::from_secs(20);

async fn two_processes() -> (String, PostgresStore, PostgresStore) {
    let database = database().await;
    let options = Options { connections: 2, ..Options::default() };
    let (here, there) = (open(&database, &options).await, open(&database, &options).await);
    here.insert_organization(&organization(), &change(now())).await.unwrap();
    (database, here, there)
}

async fn next(signals: &mut dyn Signals) -> Result<Signal> {
    tokio::time::timeout(PATIENCE, signals.next()).await.expect("a signal")
}

fn job() -> StoredJob {
    let (id, node_id) = (JobId::new(now(), [1; 10]), NodeId::new(now(), [1; 10]));
    StoredJob {
        id,
        node_id,
        task: "{}".to_owned(),
        deadline: now() + Duration::from_mins(1),
        validation: None,
    }
}

#[tokio::test]
async fn a_process_is_told_what_another_one_stored_and_not_what_it_stored_itself() {
    let (_, here, there) = two_processes().await;
    let mut signals = there.listen().await.unwrap().unwrap();
    let job = job();
    there.insert_bucket(&bucket(1), &change(now())).await.unwrap();
    here.insert_bucket(&bucket(2), &change(now())).await.unwrap();
    assert_eq!(here.add_job(&job, 10).await.unwrap(), JobAdded::Added);
    there.take_jobs(job.node_id, now(), now(), 10).await.unwrap();
    there.note_job_progress(job.node_id, job.id, "{}").await.unwrap();
    here.finish_job(job.node_id, job.id, "{}").await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(next(&mut *signals).await.unwrap());
    }
    assert_eq!(seen, [Signal::Changed, Signal::JobAdded(job.node_id), Signal::JobReported(job.id)]);
    drop(signals);
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_signal_makes_cached_lists_outdated_at_once() {
    let (_, here, there) = two_processes().await;
    let org = organization().id;
    let mut signals = there.listen().await.unwrap().unwrap();
    let before = there.bucket_generation(org).await.unwrap();
    here.insert_bucket(&bucket(1), &change(now())).await.unwrap();
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::Changed);
    assert_ne!(there.bucket_generation(org).await.unwrap(), before);
}

#[tokio::test]
async fn a_process_whose_connection_was_cut_learns_that_it_missed_signals_and_listens_again() {
    let (database, here, there) = two_processes().await;
    let mut signals = there.listen().await.unwrap().unwrap();
    let cut = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND query LIKE 'LISTEN%'"
    );
    run("postgres", &cut).await;
    let lost = next(&mut *signals).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    drop(signals);
    let listening = async {
        loop {
            match there.listen().await {
                Ok(Some(signals)) => break signals,
                other => assert!(matches!(other, Err(StoreError::Unavailable(_)))),
            }
        }
    };
    let mut signals = tokio::time::timeout(PATIENCE, listening).await.expect("a new connection");
    here.insert_bucket(&bucket(1), &change(now())).await.unwrap();
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::Changed);
}

#[tokio::test]
async fn what_is_not_stored_is_told_too_up_to_the_longest_text() {
    let (_, here, there) = two_processes().await;
    let mut signals = there.listen().await.unwrap().unwrap();
    let long = Signal::RequestsAdmitted("token 7 5 ".repeat(650));
    here.send(vec![long.clone(), Signal::RequestsAdmitted("token 8 1".to_owned())]).await.unwrap();
    assert_eq!(next(&mut *signals).await.unwrap(), long);
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::RequestsAdmitted("token 8 1".to_owned()));
}

#[tokio::test]
async fn whoever_caches_callers_is_told_when_one_changes() {
    let (_, here, there) = two_processes().await;
    let mut signals = there.listen().await.unwrap().unwrap();
    let owner = organization().owner.id;
    let org = organization().id;
    let changes =
        UserChanges { first_name: Some(name("Augusta")), last_name: None, org_role: None, password: None };
    here.update_user(org, owner, &changes, &change(now())).await.unwrap();
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::CallersChanged);
    let workspace = NewWorkspace { id: WorkspaceId::new(now(), [9; 10]), name: name("Films") };
    here.insert_workspace(org, &workspace, owner, &change(now())).await.unwrap();
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::CallersChanged);
    here.delete_workspace(org, workspace.id, &change(now())).await.unwrap();
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::CallersChanged);
}

#[tokio::test]
async fn other_processes_are_told_of_a_node_that_is_approved_loses_its_approval_or_is_removed() {
    let (_, here, there) = two_processes().await;
    let key_id = NodeKeyId::new(now(), [3; 10]);
    let key = NodeKey { id: key_id, org_id: None, public_key: "a key".to_owned(), created_at: now() };
    here.insert_node_key(&key, 1, &change(now())).await.unwrap();
    let id = NodeId::new(now(), [4; 10]);
    let registration = NodeRegistration {
        id,
        org_id: None,
        name: "eu-1".to_owned(),
        region: "eu".to_owned(),
        provider: "OTHER".to_owned(),
        version: "0.1.0".to_owned(),
        recipients: vec!["age1first".to_owned()],
        approval: KeyApproval::AsBefore,
        key_id,
        quota: None,
        silent_at: None,
    };
    here.register_node(&registration, &change(now())).await.unwrap();
    let mut signals = there.listen().await.unwrap().unwrap();
    assert_eq!(here.approve_node(id, "age1first", &change(now())).await.unwrap(), NodeApproved::Approved);
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::NodesChanged);
    // Another machine takes the name of the node, which was silent for an hour.
    let later = change(now() + jiff::SignedDuration::from_hours(1));
    let other = NodeRegistration { recipients: vec!["age1other".to_owned()], ..registration };
    here.register_node(&other, &later).await.unwrap();
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::NodesChanged);
    assert!(here.unregister_node(id, &change(now())).await.unwrap());
    assert_eq!(next(&mut *signals).await.unwrap(), Signal::NodesChanged);
}
