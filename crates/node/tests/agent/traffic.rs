//! Traffic from the meter to the control plane, counted once despite crashes and lost responses.

use std::sync::Arc;

use bucketry_model::usage::UsageRow;
use tempfile::TempDir;

use crate::context::{TestContext, id, seconds};
use crate::control_plane::{FakeControlPlane, Mood};

fn row(requests: u32) -> UsageRow {
    UsageRow {
        minute: 1_772_359_200,
        bucket_id: id(1),
        repo_id: None,
        requests,
        errors: 0,
        upload_bytes: 10,
        download_bytes: 20,
        size_change: 10,
        latency_sum_ms: 5,

        ..UsageRow::empty(1_772_359_200, id(1), None)
    }
}

fn counted(context: &TestContext) -> u64 {
    context.control_plane.state().counted_requests
}

/// Stops an agent and starts another one in its place.
async fn restart(context: TestContext) -> TestContext {
    let (control_plane, directory): (Arc<FakeControlPlane>, TempDir) =
        (context.control_plane, context.directory);
    context.agent.stop().await;
    TestContext::start_before(control_plane, directory, |_| {})
}

#[tokio::test(start_paused = true)]
async fn traffic_is_reported_within_seconds() {
    let context = TestContext::start();
    context.agent.usage_meter().add(row(3));
    context.agent.usage_meter().add(row(4));
    seconds(7).await;
    assert_eq!(counted(&context), 7);
    assert_eq!(context.agent.metrics().usage_batches_waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_report_whose_answer_got_lost_is_counted_once_even_over_a_restart() {
    let context = TestContext::start();
    seconds(1).await;
    context.control_plane.set_mood(Mood::AnswersLost);
    context.agent.usage_meter().add(row(3));
    seconds(60).await;
    assert_eq!((counted(&context), context.agent.metrics().usage_batches_waiting), (3, 1));
    let context = restart(context).await;
    context.control_plane.set_mood(Mood::Well);
    context.agent.usage_meter().add(row(4));
    seconds(120).await;
    assert_eq!((counted(&context), context.agent.metrics().usage_batches_waiting), (7, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_just_before_stopping_is_on_the_disk() {
    let context = TestContext::start();
    seconds(1).await;
    context.control_plane.set_mood(Mood::Away);
    context.agent.usage_meter().add(row(5));
    let context = restart(context).await;
    context.control_plane.set_mood(Mood::Well);
    seconds(120).await;
    assert_eq!(counted(&context), 5);
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_restored_from_an_older_backup_counts_on() {
    let context = TestContext::start();
    for _ in 0..3 {
        context.agent.usage_meter().add(row(1));
        seconds(7).await;
    }
    assert_eq!(counted(&context), 3);
    context.control_plane.state().expected.values_mut().for_each(|expected| *expected = 2);
    context.agent.usage_meter().add(row(1));
    seconds(7).await;
    assert_eq!((counted(&context), context.agent.metrics().usage_batches_waiting), (4, 0));
    assert_eq!(context.control_plane.state().expected.len(), 2, "under the name of a new spool");
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_loses_the_newest_and_says_so() {
    let context = TestContext::start_with(|config| config.spool.max_bytes = 700);
    context.control_plane.set_mood(Mood::Away);
    for requests in [1, 2, 4] {
        context.agent.usage_meter().add(row(requests));
        seconds(6).await;
    }
    context.control_plane.set_mood(Mood::Well);
    seconds(120).await;
    let metrics = context.agent.metrics();
    assert!(metrics.usage_rows_lost >= 1, "{metrics:?}");
    assert!((1..=3).contains(&counted(&context)), "{}", counted(&context));
}
