//! Changes of the status of buckets, and the last diagnosis.

use bucketry_model::diagnosis::{Check, CheckCode, CheckName};
use bucketry_model::id::{BucketId, NodeId, WorkspaceId};
use bucketry_model::role::Visibility;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::status_event::StatusEvent;
use bucketry_model::uptime::ProbeSample;

use super::fixture::{TestContext, at, audit, fresh, online};
use crate::Store;
use crate::diagnosis::DiagnosisRow;
use crate::status_event::{EventPosition, EventQuery, EventScope};

fn failed(seconds: i64) -> ProbeSample {
    let failure = ProbeFailure { code: CheckCode::ConnectTimeout, message: "no answer".to_owned() };
    ProbeSample {
        at: at(seconds),
        status: ProbedStatus::Offline,
        latency_ms: None,
        failure: Some(failure),
        version: None,
    }
}

impl TestContext<'_> {
    fn events_of(&self, scope: EventScope) -> EventQuery {
        EventQuery { org_id: self.org, scope, to: None, since: None, until: None, after: None, limit: 100 }
    }

    async fn events(&self, query: EventQuery) -> Vec<StatusEvent> {
        self.store.status_events(&query).await.unwrap()
    }
}

fn seconds(events: &[StatusEvent]) -> Vec<i64> {
    events.iter().map(|event| event.at.as_second() - at(0).as_second()).collect()
}

pub async fn a_change_of_the_status_is_an_event_and_moves_since(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    let samples = [online(0, 5), online(60, 5), failed(120), failed(180), online(240, 5)];
    context.probe(node, bucket, &samples).await;

    let events = context.events(context.events_of(EventScope::Bucket(bucket))).await;
    assert_eq!(seconds(&events), [240, 120, 0]);
    let [back, lost, first] = &events[..] else { panic!("{events:?}") };
    assert_eq!((first.from, first.to), (None, ProbedStatus::Online));
    assert_eq!((lost.from, lost.to), (Some(ProbedStatus::Online), ProbedStatus::Offline));
    assert_eq!((lost.failure.clone(), lost.version), (failed(120).failure, 1));
    assert_eq!((back.to, back.failure.as_ref()), (ProbedStatus::Online, None));
    assert_eq!((lost.bucket_id, lost.node_id, lost.workspace_id), (bucket, node, context.workspace));
    assert!(first.number < lost.number && lost.number < back.number);

    let (_, row) = store.node_statuses(bucket).await.unwrap().remove(0);
    assert_eq!(row.since, Some(at(240)));
    context.probe(node, bucket, &[online(300, 5)]).await;
    let (_, row) = store.node_statuses(bucket).await.unwrap().remove(0);
    assert_eq!((row.at, row.since), (at(300), Some(at(240))));
    let listed = store.buckets(&context.query(Visibility::Organization, None, 1)).await.unwrap();
    assert_eq!(listed[0].nodes[0].since, Some(at(240)));
    assert_eq!(context.events(context.events_of(EventScope::Bucket(bucket))).await.len(), 3);
}

pub async fn events_are_filtered_and_paged_newest_first(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let (one, two) = (context.bucket("one").await, context.bucket("two").await);
    for minute in 0..5 {
        let second = minute * 60;
        let sample = if minute % 2 == 0 { online(second, 1) } else { failed(second) };
        context.probe(node, one, std::slice::from_ref(&sample)).await;
        context.probe(node, two, &[sample]).await;
    }
    let all = context.events(context.events_of(EventScope::Visible(Visibility::Organization))).await;
    assert_eq!(seconds(&all), [240, 240, 180, 180, 120, 120, 60, 60, 0, 0]);

    let mut paged = Vec::new();
    let mut query = context.events_of(EventScope::Visible(Visibility::Organization));
    query.limit = 3;
    loop {
        let page = context.events(query.clone()).await;
        let Some(last) = page.last() else { break };
        query.after = Some(EventPosition::of(last));
        paged.extend(page);
    }
    assert_eq!(paged, all);

    let lost = EventQuery {
        to: Some(ProbedStatus::Offline),
        since: Some(at(60)),
        until: Some(at(179)),
        ..context.events_of(EventScope::Bucket(two))
    };
    assert_eq!(seconds(&context.events(lost).await), [60]);
    let workspaces = |more: &[WorkspaceId]| Visibility::Workspaces([&[context.workspace], more].concat());
    for visible in [
        Visibility::Organization,
        workspaces(&[]),
        workspaces(&[fresh(WorkspaceId::new)]),
        workspaces(&(0..70).map(|_| fresh(WorkspaceId::new)).collect::<Vec<_>>()),
    ] {
        let query = context.events_of(EventScope::Visible(visible));
        let lost = EventQuery { to: Some(ProbedStatus::Offline), ..query.clone() };
        assert_eq!(seconds(&context.events(lost).await), [180, 180, 60, 60]);
        let found = EventQuery { to: Some(ProbedStatus::Online), since: Some(at(100)), ..query };
        assert_eq!(seconds(&context.events(found).await), [240, 240, 120, 120]);
    }
}

pub async fn events_are_seen_in_the_workspace_of_their_time_only(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let other = context.another_workspace(1).await;
    let here = context.bucket("here").await;
    let there = context.bucket_in(other, "there", at(2)).await;
    context.probe(node, here, &[online(10, 1)]).await;
    context.probe(node, there, &[online(20, 1), failed(30)]).await;
    let visible = |workspaces| context.events_of(EventScope::Visible(Visibility::Workspaces(workspaces)));
    assert_eq!(seconds(&context.events(visible(vec![context.workspace])).await), [10]);
    assert_eq!(seconds(&context.events(visible(vec![other])).await), [30, 20]);
    assert_eq!(seconds(&context.events(visible(vec![context.workspace, other])).await), [30, 20, 10]);
    assert!(context.events(visible(vec![])).await.is_empty());
    // More workspaces than one statement merges.
    let mut many: Vec<_> = (0..100).map(|_| fresh(WorkspaceId::new)).collect();
    many.extend([context.workspace, other]);
    assert_eq!(seconds(&context.events(visible(many)).await), [30, 20, 10]);

    let stranger = TestContext::another(store).await;
    assert!(stranger.events(stranger.events_of(EventScope::Bucket(here))).await.is_empty());
    let all = stranger.events_of(EventScope::Visible(Visibility::Organization));
    assert!(stranger.events(all).await.is_empty());
}

pub async fn old_events_are_purged_a_few_at_a_time(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let bucket = context.bucket("photos").await;
    context.probe(node, bucket, &[online(0, 1), failed(60), online(120, 1), failed(180)]).await;
    assert_eq!(store.purge_status_events(at(180), 2).await.unwrap(), 2);
    assert_eq!(store.purge_status_events(at(180), 2).await.unwrap(), 1);
    assert_eq!(store.purge_status_events(at(180), 2).await.unwrap(), 0);
    let left = context.events(context.events_of(EventScope::Bucket(bucket))).await;
    assert_eq!(seconds(&left), [180]);
}

pub async fn the_latest_diagnosis_of_a_bucket_is_kept(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    assert_eq!(store.diagnosis(bucket).await.unwrap(), None);
    let check = Check {
        name: CheckName::Dns,
        ok: true,
        latency_ms: 3,
        message: "The host resolves.".to_owned(),
        error_code: None,
        hint: None,
    };
    let diagnosis = |seconds, version| DiagnosisRow {
        node_id: fresh(NodeId::new),
        at: at(seconds),
        version,
        checks: vec![check.clone()],
    };
    let (first, second) = (diagnosis(1, 1), diagnosis(2, 2));
    store.set_diagnosis(bucket, &first).await.unwrap();
    assert_eq!(store.diagnosis(bucket).await.unwrap(), Some((first, 1)));
    store.set_diagnosis(bucket, &second).await.unwrap();
    // It was made before the second one, but arrives later.
    store.set_diagnosis(bucket, &diagnosis(3, 1)).await.unwrap();
    assert_eq!(store.diagnosis(bucket).await.unwrap(), Some((second.clone(), 1)));

    store.set_diagnosis(fresh(BucketId::new), &second).await.unwrap();
    store.delete_bucket(context.org, bucket, &audit(at(4))).await.unwrap();
    assert_eq!(store.diagnosis(bucket).await.unwrap(), None);
    store.set_diagnosis(bucket, &second).await.unwrap();
    assert_eq!(store.diagnosis(bucket).await.unwrap(), None);
}
