//! A control plane that stores what it receives and returns the responses that a test has prepared.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{
    BATCH_OUT_OF_ORDER, BucketStatus, Heartbeat, InventoryOrders, InventoryReport, JobProgress, JobResult,
    Register, Report, SyncAnswer,
};
use bucketry_node::{ControlPlane, ControlPlaneError};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// How the control plane treats messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// It can't be reached.
    Away,
    /// It processes messages, but its responses are lost.
    AnswersLost,
    /// It never responds.
    Hanging,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) registered: bool,
    pub(crate) registers: Vec<Register>,
    pub(crate) heartbeats: Vec<(Instant, Heartbeat)>,
    pub(crate) cursors: Vec<Option<String>>,
    pub(crate) results: Vec<JobResult>,
    /// Reports of progress, with the time of arrival.
    pub(crate) progress: Vec<(Instant, JobProgress)>,
    /// The number expected next, by spool.
    pub(crate) expected: HashMap<String, u64>,
    pub(crate) counted_requests: u64,
    answers: VecDeque<SyncAnswer>,
}

#[derive(Default)]
pub(crate) struct FakeControlPlane {
    state: Mutex<State>,
    news: Notify,
}

impl FakeControlPlane {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Prepares a response for the next sync.
    pub(crate) fn announce(&self, answer: SyncAnswer) {
        self.state().answers.push_back(answer);
        self.news.notify_one();
    }

    /// The samples of a bucket in the order of their arrival, with the time of arrival.
    pub(crate) fn samples(&self, bucket: BucketId) -> Vec<(Instant, BucketStatus)> {
        let state = self.state();
        let all = state
            .heartbeats
            .iter()
            .flat_map(|(at, heartbeat)| heartbeat.buckets.iter().map(move |sample| (*at, sample.clone())));
        all.filter(|(_, sample)| sample.bucket_id == bucket).collect()
    }

    /// Treats a message according to the mood. The inner error is what the sender sees instead of the outcome.
    async fn take<T>(
        &self,
        act: impl FnOnce(&mut State) -> Result<T, ControlPlaneError>,
    ) -> Result<T, ControlPlaneError> {
        let mood = self.state().mood;
        match mood {
            Mood::Well => act(&mut self.state()),
            Mood::Away => Err(ControlPlaneError::Unavailable("nobody there".into())),
            Mood::AnswersLost => {
                act(&mut self.state())?;
                Err(ControlPlaneError::Unavailable("the answer got lost".into()))
            }
            Mood::Hanging => std::future::pending().await,
        }
    }
}

fn known(state: &State) -> Result<(), ControlPlaneError> {
    if state.registered { Ok(()) } else { Err(ControlPlaneError::Unregistered("who is this?".into())) }
}

/// The control plane in the form that the agent takes.
pub(crate) struct SharedControlPlane(pub(crate) Arc<FakeControlPlane>);

#[async_trait]
impl ControlPlane for SharedControlPlane {
    async fn register(&self, message: &Register) -> Result<(), ControlPlaneError> {
        let register = |state: &mut State| {
            state.registered = true;
            state.registers.push(message.clone());
            Ok(())
        };
        self.0.take(register).await
    }

    async fn heartbeat(&self, message: &Heartbeat) -> Result<(), ControlPlaneError> {
        let beat = |state: &mut State| {
            known(state)?;
            state.heartbeats.push((Instant::now(), message.clone()));
            Ok(())
        };
        self.0.take(beat).await
    }

    async fn sync(&self, cursor: Option<&str>, wait: Duration) -> Result<SyncAnswer, ControlPlaneError> {
        let note = |state: &mut State| {
            known(state)?;
            state.cursors.push(cursor.map(str::to_owned));
            Ok(())
        };
        self.0.take(note).await?;
        let next = async {
            loop {
                if let Some(answer) = self.0.state().answers.pop_front() {
                    return answer;
                }
                self.0.news.notified().await;
            }
        };
        let nothing = || SyncAnswer {
            success: true,
            cursor: cursor.unwrap_or("0").to_owned(),
            snapshot: false,
            more: false,
            buckets: vec![],
            removed: vec![],
            repositories: Vec::new(),
            removed_repositories: Vec::new(),
            jobs: vec![],
            probing: None,
        };
        let answer = timeout(wait, next).await.unwrap_or_else(|_| nothing());
        self.0.take(|_| Ok(answer)).await
    }

    async fn inventory(&self, _: &InventoryReport) -> Result<InventoryOrders, ControlPlaneError> {
        self.0.take(|_| Ok(InventoryOrders::default())).await
    }

    async fn report(&self, message: &Report) -> Result<(), ControlPlaneError> {
        let count = |state: &mut State| {
            known(state)?;
            state.results.extend(message.results.clone());
            state.progress.extend(message.progress.iter().map(|one| (Instant::now(), one.clone())));
            let Some(batch) = &message.usage else { return Ok(()) };
            let expected = state.expected.entry(batch.spool.clone()).or_insert(1);
            if batch.number > *expected {
                let code = Some(BATCH_OUT_OF_ORDER.to_owned());
                return Err(ControlPlaneError::Refused { code, message: "another batch is expected".into() });
            }
            if batch.number == *expected {
                *expected += 1;
                let requests: u32 = batch.rows.iter().map(|row| row.requests).sum();
                state.counted_requests += u64::from(requests);
            }
            Ok(())
        };
        self.0.take(count).await
    }
}
