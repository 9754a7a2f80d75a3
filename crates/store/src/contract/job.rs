//! Jobs that any control plane may pass to their nodes.

use bucketry_model::id::{JobId, NodeId, OrgId};
use futures_util::future::join;

use super::fixture::{TestContext, at, fresh};
use crate::Store;
use crate::job::{JobAdded, JobReport, StoredJob, ValidationLimit};

const WAITING: u32 = 3;

fn job(node_id: NodeId) -> StoredJob {
    StoredJob {
        id: fresh(JobId::new),
        node_id,
        task: r#"{"kind":"newIdentity"}"#.to_owned(),
        deadline: at(60),
        validation: None,
    }
}

async fn added(store: &dyn Store, node_id: NodeId) -> JobId {
    let job = job(node_id);
    assert_eq!(store.add_job(&job, WAITING).await.unwrap(), JobAdded::Added);
    job.id
}

async fn taken(store: &dyn Store, node_id: NodeId) -> Vec<JobId> {
    store.take_jobs(node_id, at(0), at(1), 10).await.unwrap().into_iter().map(|job| job.id).collect()
}

pub async fn a_job_is_taken_once_and_only_for_its_node(store: &dyn Store) {
    let [a, b] = [fresh(NodeId::new), fresh(NodeId::new)];
    assert_eq!(store.nodes_with_jobs(10).await.unwrap(), []);
    let [first, second, other] = [added(store, a).await, added(store, a).await, added(store, b).await];
    assert_eq!(store.nodes_with_jobs(10).await.unwrap(), [a, b]);
    assert_eq!(store.nodes_with_jobs(1).await.unwrap(), [a]);
    let one = store.take_jobs(a, at(0), at(1), 1).await.unwrap();
    assert_eq!((one[0].id, one[0].task.as_str()), (first, r#"{"kind":"newIdentity"}"#));
    let (left, right) = join(taken(store, a), taken(store, a)).await;
    assert_eq!([left, right].concat(), [second], "two control planes take at the same time");
    assert_eq!(store.nodes_with_jobs(10).await.unwrap(), [b]);
    assert_eq!(taken(store, b).await, [other]);
}

pub async fn a_report_is_read_by_whoever_wants_the_result(store: &dyn Store) {
    let node = fresh(NodeId::new);
    let [id, other] = [added(store, node).await, added(store, node).await];
    taken(store, node).await;
    assert_eq!(store.job_reports(&[id, other]).await.unwrap(), []);
    store.note_job_progress(node, id, "1").await.unwrap();
    store.note_job_progress(node, id, "2").await.unwrap();
    let report = |outcome: Option<&str>| JobReport {
        id,
        progress: Some("2".to_owned()),
        outcome: outcome.map(ToOwned::to_owned),
    };
    assert_eq!(store.job_reports(&[id, other]).await.unwrap(), [report(None)]);
    store.finish_job(node, id, "done").await.unwrap();
    assert_eq!(store.job_reports(&[id]).await.unwrap(), [report(Some("done"))]);
    assert_eq!(store.job_reports(&[other, fresh(JobId::new)]).await.unwrap(), []);
    assert_eq!(store.job_reports(&[]).await.unwrap(), []);
}

pub async fn reports_of_other_nodes_and_on_jobs_that_ended_change_nothing(store: &dyn Store) {
    let [node, other] = [fresh(NodeId::new), fresh(NodeId::new)];
    let id = added(store, node).await;
    store.finish_job(node, id, "before it was given").await.unwrap();
    store.note_job_progress(node, id, "before it was given").await.unwrap();
    assert_eq!(store.job_reports(&[id]).await.unwrap(), []);
    taken(store, node).await;
    store.finish_job(other, id, "forged").await.unwrap();
    store.note_job_progress(other, id, "forged").await.unwrap();
    assert_eq!(store.job_reports(&[id]).await.unwrap(), []);
    store.finish_job(node, id, "first").await.unwrap();
    store.finish_job(node, id, "second").await.unwrap();
    store.note_job_progress(node, id, "late").await.unwrap();
    let report = JobReport { id, progress: None, outcome: Some("first".to_owned()) };
    assert_eq!(store.job_reports(&[id]).await.unwrap(), [report]);
}

pub async fn a_withdrawn_job_is_gone_and_so_is_one_that_nobody_waits_for(store: &dyn Store) {
    let node = fresh(NodeId::new);
    let [withdrawn, late] = [added(store, node).await, added(store, node).await];
    store.remove_job(withdrawn).await.unwrap();
    store.remove_job(withdrawn).await.unwrap();
    assert_eq!(store.take_jobs(node, at(60), at(61), 10).await.unwrap(), [], "the deadline has passed");
    assert_eq!(taken(store, node).await, [late]);
    store.finish_job(node, withdrawn, "done").await.unwrap();
    assert_eq!(store.job_reports(&[withdrawn]).await.unwrap(), []);
    assert_eq!(store.purge_jobs(at(60), 10).await.unwrap(), 0);
    assert_eq!(store.purge_jobs(at(61), 10).await.unwrap(), 1);
    assert_eq!(taken(store, node).await, []);
}

pub async fn a_job_that_was_taken_is_not_removed_as_one_that_waits(store: &dyn Store) {
    let node = fresh(NodeId::new);
    let waiting = added(store, node).await;
    assert!(store.remove_waiting_job(waiting).await.unwrap());
    assert!(!store.remove_waiting_job(waiting).await.unwrap());
    assert_eq!(taken(store, node).await, []);
    let fetched = added(store, node).await;
    taken(store, node).await;
    assert!(!store.remove_waiting_job(fetched).await.unwrap());
    store.finish_job(node, fetched, "done").await.unwrap();
    assert_eq!(store.job_reports(&[fetched]).await.unwrap().len(), 1);
}

pub async fn only_so_many_jobs_wait_for_one_node(store: &dyn Store) {
    let [node, other] = [fresh(NodeId::new), fresh(NodeId::new)];
    for _ in 0..WAITING {
        added(store, node).await;
    }
    assert_eq!(store.add_job(&job(node), WAITING).await.unwrap(), JobAdded::NodeIsBusy);
    added(store, other).await;
    taken(store, node).await;
    added(store, node).await;
}

fn validation(org_id: OrgId, now: i64) -> StoredJob {
    let limit = ValidationLimit { org_id, at_most: 2, now: at(now) };
    StoredJob { validation: Some(limit), ..job(fresh(NodeId::new)) }
}

pub async fn only_so_many_validations_of_one_organization_are_in_progress(store: &dyn Store) {
    let (one, another) = (TestContext::new(store).await.org, TestContext::another(store).await.org);
    let add = async |org, now| store.add_job(&validation(org, now), 10).await.unwrap();
    let in_progress = async |org, now| store.validations_in_progress(org, at(now), 10).await.unwrap();
    let first = validation(one, 0);
    assert_eq!(store.add_job(&first, 10).await.unwrap(), JobAdded::Added);
    assert_eq!((add(one, 0).await, add(one, 0).await), (JobAdded::Added, JobAdded::TooManyValidations));
    assert_eq!(add(another, 0).await, JobAdded::Added);
    assert_eq!((in_progress(one, 0).await, in_progress(another, 0).await), (2, 1));
    assert_eq!(store.validations_in_progress(one, at(0), 1).await.unwrap(), 1);
    store.remove_job(first.id).await.unwrap();
    assert_eq!((add(one, 0).await, add(one, 0).await), (JobAdded::Added, JobAdded::TooManyValidations));
    // Those of a process that died end with their deadline.
    assert_eq!((in_progress(one, 60).await, add(one, 60).await), (0, JobAdded::Added));
}

pub async fn validations_that_begin_at_once_do_not_exceed_the_limit(store: &dyn Store) {
    let org = TestContext::new(store).await.org;
    let add = async || store.add_job(&validation(org, 0), 10).await.unwrap();
    let ((a, b), (c, d)) = join(join(add(), add()), join(add(), add())).await;
    let added = [a, b, c, d].into_iter().filter(|added| *added == JobAdded::Added).count();
    assert_eq!(added, 2);
}
