//! Control planes that are unreachable, lose their state, or are slow.

use std::time::Duration;

use bucketry_model::diagnosis::CheckScope;
use bucketry_model::node_protocol::{MAX_BATCH, Task, Validation};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::cloud::Behaviour;
use crate::context::{TestContext, bucket, id, location, millis, org, seconds};
use crate::control_plane::Mood;

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_control_plane_is_survived_with_bounded_memory_and_told_in_order() {
    let context = TestContext::start_with(|config| config.max_samples = 8_000);
    context.snapshot((0..300).map(|n| bucket(n, 1)).collect());
    seconds(120).await;
    let before = context.control_plane.state().heartbeats.len();
    context.control_plane.set_mood(Mood::Away);
    seconds(3_600).await;
    let metrics = context.agent.metrics();
    assert_eq!(metrics.samples_waiting, 8_000);
    assert!(metrics.samples_forgotten > 5_000 && metrics.heartbeats_failed > 100);
    assert!(metrics.heartbeats_failed < 1_000, "{} attempts", metrics.heartbeats_failed);

    context.control_plane.set_mood(Mood::Well);
    seconds(60).await;
    let state = context.control_plane.state();
    let after = &state.heartbeats[before..];
    let sizes: Vec<_> = after.iter().map(|(_, heartbeat)| heartbeat.buckets.len()).collect();
    assert!(sizes.iter().sum::<usize>() >= 8_000 && sizes.iter().all(|size| *size <= MAX_BATCH), "{sizes:?}");
    let times: Vec<Timestamp> =
        after.iter().flat_map(|(_, heartbeat)| &heartbeat.buckets).map(|sample| sample.created_at).collect();
    assert!(times.is_sorted());
    drop(state);
    assert!(context.agent.metrics().samples_waiting < 200, "only samples since the last heartbeat");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_before_its_control_plane_registers_once_that_is_there() {
    let context = TestContext::start();
    context.control_plane.set_mood(Mood::Away);
    seconds(600).await;
    assert!(!context.agent.metrics().registered);
    context.control_plane.set_mood(Mood::Well);
    seconds(61).await;
    assert!(context.agent.metrics().registered);
    let state = context.control_plane.state();
    let response = &state.registers[0];
    assert_eq!((response.ip.as_str(), response.status.as_str()), ("node-1", "active"));
    assert_eq!(response.recipients, [context.recipient.to_string()]);
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_that_forgot_the_node_is_registered_with_again() {
    let context = TestContext::start();
    context.snapshot(vec![bucket(1, 1)]);
    seconds(300).await;
    context.control_plane.state().registered = false;
    seconds(30).await;
    assert_eq!(context.control_plane.state().registers.len(), 2);
    assert!(context.agent.metrics().registered);
}

#[tokio::test(start_paused = true)]
async fn the_synchronisation_goes_on_where_it_stopped() {
    let context = TestContext::start();
    context.snapshot(vec![bucket(1, 1)]);
    seconds(10).await;
    context.control_plane.set_mood(Mood::Away);
    seconds(120).await;
    context.control_plane.set_mood(Mood::Well);
    seconds(60).await;
    let cursors = context.control_plane.state().cursors.clone();
    assert_eq!(cursors[0], None);
    assert!(cursors[1..].iter().all(|cursor| cursor.as_deref() == Some("c1")), "{cursors:?}");
}

#[tokio::test(start_paused = true)]
async fn the_result_of_a_job_is_reported_after_an_outage() {
    let context = TestContext::start();
    seconds(1).await;
    context.cloud.set("b1", Behaviour::Online(Duration::from_secs(2)));
    let job = context.give(Task::Validate(Validation {
        org_id: org(),
        bucket_id: id(1),
        location: location("b1", None),
        secret: None,
        scope: CheckScope::Full,
        deadline_ms: 10_000,
    }));
    seconds(1).await;
    context.control_plane.set_mood(Mood::Away);
    seconds(30).await;
    assert!(context.control_plane.state().results.is_empty());
    context.control_plane.set_mood(Mood::AnswersLost);
    seconds(30).await;
    context.control_plane.set_mood(Mood::Well);
    seconds(60).await;
    let results = context.control_plane.state().results.clone();
    assert!(!results.is_empty() && results.iter().all(|result| result.job_id == job));
    let response = results.len();
    seconds(60).await;
    assert_eq!(
        context.control_plane.state().results.len(),
        response,
        "an acknowledged result is not reported again"
    );
}

#[tokio::test(start_paused = true)]
async fn stopping_sends_what_is_left() {
    let context = TestContext::start();
    context.snapshot(vec![bucket(1, 1)]);
    millis(50).await;
    assert!(context.control_plane.samples(id(1)).is_empty(), "the first sample waits for others");
    let control_plane = context.control_plane;
    context.agent.stop().await;
    assert_eq!(control_plane.samples(id(1)).len(), 1);
    let state = control_plane.state();
    let leaving: Vec<_> = state.heartbeats.iter().map(|(_, heartbeat)| heartbeat.leaving).collect();
    assert_eq!(leaving, [false, true], "the last one says that the node stops");
}

#[tokio::test(start_paused = true)]
async fn stopping_takes_bounded_time_even_if_nobody_answers() {
    let context = TestContext::start();
    context.snapshot(vec![bucket(1, 1)]);
    seconds(1).await;
    context.control_plane.set_mood(Mood::Hanging);
    seconds(100).await;
    let asked = Instant::now();
    context.agent.stop().await;
    assert!(asked.elapsed() <= Duration::from_secs(10), "{:?}", asked.elapsed());
}
