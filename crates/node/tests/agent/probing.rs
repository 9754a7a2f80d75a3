//! Probes, statuses and the heartbeats that report them.

use std::time::Duration;

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::node_protocol::{NodeBucket, StatusCounts, SyncAnswer};
use bucketry_model::status::ProbedStatus::{self, Offline, Online};
use bucketry_vault::Identities;

use crate::cloud::Behaviour;
use crate::context::{TestContext, bucket, id, location, millis, nothing, sealed, seconds};

const AT_ONCE: Behaviour = Behaviour::Refusing(Duration::from_millis(5));

fn statuses(context: &TestContext, n: u16) -> Vec<ProbedStatus> {
    context.control_plane.samples(id(n)).iter().map(|(_, sample)| sample.status).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_bucket_is_probed_and_its_status_told_at_once() {
    let context = TestContext::start();
    seconds(5).await;
    let announced = tokio::time::Instant::now();
    context.snapshot(vec![bucket(1, 1)]);
    millis(400).await;
    let samples = context.control_plane.samples(id(1));
    assert_eq!(samples.len(), 1);
    let (at, sample) = &samples[0];
    assert!(at.duration_since(announced) < Duration::from_millis(300));
    assert_eq!((sample.status, sample.latency_ms, &sample.failure), (Online, Some(20), &None));
    let census = context.control_plane.state().heartbeats.last().unwrap().1.census;
    assert_eq!(census, StatusCounts { online: 1, offline: 0, unknown: 0 });
}

#[tokio::test(start_paused = true)]
async fn two_failures_in_a_row_make_offline_one_success_online_and_changes_are_told_at_once() {
    let context = TestContext::start();
    context.snapshot(vec![bucket(1, 1)]);
    seconds(1).await;
    context.cloud.set("b1", AT_ONCE);
    while statuses(&context, 1).last() != Some(&Offline) {
        seconds(1).await;
    }
    let samples = context.control_plane.samples(id(1));
    let failed: Vec<_> = samples.iter().filter(|(_, sample)| sample.failure.is_some()).collect();
    assert_eq!(failed.iter().map(|(_, sample)| sample.status).collect::<Vec<_>>(), [Online, Offline]);
    let apart = failed[1].1.created_at.duration_since(failed[0].1.created_at);
    assert!((54..=66).contains(&apart.as_secs()), "{apart:?}");
    let probed = context.cloud.probes("b1")[samples.len() - 1];
    assert!(failed[1].0.duration_since(probed) < Duration::from_millis(400), "reported immediately");

    context.cloud.set("b1", Behaviour::Online(Duration::from_millis(30)));
    seconds(67).await;
    assert_eq!(statuses(&context, 1).last(), Some(&Online));
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_every_twenty_seconds_without_any_bucket() {
    let context = TestContext::start();
    seconds(61).await;
    let times: Vec<_> = context
        .control_plane
        .state()
        .heartbeats
        .iter()
        .map(|(at, _)| at.duration_since(context.start).as_secs())
        .collect();
    assert_eq!(times, [0, 20, 40, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_replaces_all_once_its_last_page_came() {
    let context = TestContext::start();
    context.snapshot(vec![bucket(1, 1), bucket(2, 1), bucket(3, 1)]);
    seconds(130).await;
    context.control_plane.announce(SyncAnswer {
        snapshot: true,
        more: true,
        buckets: vec![bucket(1, 1)],
        ..nothing()
    });
    context.snapshot(vec![bucket(3, 1)]);
    seconds(1).await;
    let before = context.cloud.probes("b2").len();
    seconds(300).await;
    assert_eq!(context.cloud.probes("b2").len(), before, "the removed bucket is no longer probed");
    assert!(context.cloud.probes("b1").len() > before && context.cloud.probes("b3").len() > before);
    assert_eq!(context.agent.metrics().buckets, StatusCounts { online: 2, offline: 0, unknown: 0 });
}

#[tokio::test(start_paused = true)]
async fn what_was_found_of_an_older_version_is_dropped() {
    let context = TestContext::start();
    context.cloud.set("b1", Behaviour::Refusing(Duration::from_secs(3)));
    context.snapshot(vec![bucket(1, 1)]);
    seconds(1).await;
    context.change(vec![NodeBucket { location: location("moved", None), ..bucket(1, 2) }]);
    seconds(30).await;
    assert_eq!(context.cloud.probes("b1").len(), 1);
    assert_eq!(statuses(&context, 1), [Online], "only the moved bucket's probe counts");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_only_sealed_anew_disturbs_nothing() {
    let context = TestContext::start();
    let with_secret =
        |version| NodeBucket { secret: Some(sealed(1, "wJalr", &context.recipient)), ..bucket(1, version) };
    context.snapshot(vec![with_secret(1)]);
    seconds(1).await;
    context.cloud.set("b1", AT_ONCE);
    context.change(vec![with_secret(2)]);
    seconds(5).await;
    assert_eq!(context.cloud.probes("b1").len(), 1, "no probe out of turn");
    context.change(vec![NodeBucket { secret: Some(sealed(1, "new", &context.recipient)), ..bucket(1, 3) }]);
    seconds(5).await;
    assert_eq!(context.cloud.probes("b1").len(), 2, "a new secret is tried immediately");
    assert_eq!(statuses(&context, 1), [Online, Offline]);
    assert_eq!(context.cloud.secrets(), ["wJalr", "wJalr", "new"].map(|secret| Some(secret.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn what_was_entered_again_is_probed_at_once_and_samples_name_the_version() {
    let context = TestContext::start();
    let versions = || {
        let samples = context.control_plane.samples(id(1));
        samples.iter().map(|(_, sample)| sample.version).collect::<Vec<_>>()
    };
    context.snapshot(vec![bucket(1, 1)]);
    seconds(5).await;
    context.change(vec![NodeBucket { config_version: 3, ..bucket(1, 3) }]);
    seconds(20).await;
    assert_eq!(context.cloud.probes("b1").len(), 2);
    assert_eq!(versions(), [Some(1), Some(3)]);
    // Resealed: the next probe comes when its turn comes, as often as before.
    context.change(vec![NodeBucket { config_version: 3, ..bucket(1, 4) }]);
    seconds(300).await;
    assert_eq!(versions().last(), Some(&Some(4)));
    assert!((6..=8).contains(&context.cloud.probes("b1").len()), "{:?}", context.cloud.probes("b1"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_opened_is_offline_with_the_reason_until_it_can() {
    let context = TestContext::start();
    let foreign = sealed(1, "wJalr", &Identities::generate().in_use());
    let unsupported = BucketLocation { storage_type: StorageType::Gcs, ..location("b2", None) };
    context.snapshot(vec![
        NodeBucket { secret: Some(foreign), ..bucket(1, 1) },
        NodeBucket { location: unsupported, ..bucket(2, 1) },
        bucket(3, 1),
    ]);
    seconds(5).await;
    assert_eq!(context.agent.metrics().buckets, StatusCounts { online: 1, offline: 2, unknown: 0 });
    let response = context.control_plane.samples(id(1)).pop().unwrap().1.failure.unwrap();
    assert_eq!(response.code, CheckCode::NotOpened);
    assert!(response.message.contains("vault rotate"), "{}", response.message);

    let own = sealed(1, "wJalr", &context.recipient);
    context.change(vec![NodeBucket { secret: Some(own), ..bucket(1, 1) }]);
    seconds(5).await;
    assert_eq!(context.agent.metrics().buckets, StatusCounts { online: 2, offline: 1, unknown: 0 });
    assert_eq!(statuses(&context, 1), [Offline, Online]);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_panics_or_never_returns_harms_nobody_else() {
    let context = TestContext::start();
    context.cloud.set("b1", Behaviour::Panicking);
    context.cloud.set("b2", Behaviour::Stalling);
    context.snapshot(vec![bucket(1, 1), bucket(2, 1), bucket(3, 1)]);
    seconds(300).await;
    assert!(context.cloud.probes("b1").len() >= 4);
    assert!(
        statuses(&context, 2).len() >= 4 && statuses(&context, 2).iter().all(|status| *status == Offline)
    );
    assert!(statuses(&context, 3).len() >= 4 && statuses(&context, 3).iter().all(|status| *status == Online));
    let metrics = context.agent.metrics();
    assert!(metrics.running);
    assert_eq!(metrics.buckets, StatusCounts { online: 1, offline: 1, unknown: 1 });
}
