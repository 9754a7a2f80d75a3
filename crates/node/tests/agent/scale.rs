//! Many buckets, and hosts that don't respond.

use std::collections::HashMap;
use std::time::Duration;

use bucketry_model::node_protocol::NodeBucket;
use tokio::time::Instant;

use crate::cloud::Behaviour;
use crate::context::{TestContext, bucket, location, seconds};

fn name(n: u16) -> String {
    format!("b{n}")
}

#[tokio::test(start_paused = true)]
async fn thousands_of_buckets_are_probed_every_minute_and_never_all_at_once() {
    let context = TestContext::start();
    context.snapshot((0..3_000).map(|n| bucket(n, 1)).collect());
    seconds(300).await;
    let mut by_second: HashMap<u64, u32> = HashMap::new();
    for n in 0..3_000 {
        let probes = context.cloud.probes(&name(n));
        assert!((4..=7).contains(&probes.len()), "{} probes of bucket {n}", probes.len());
        let longest = probes.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest <= Duration::from_secs(67), "{longest:?}");
        for at in probes {
            *by_second.entry(at.duration_since(context.start).as_secs()).or_default() += 1;
        }
    }
    let busiest = by_second.values().max().unwrap();
    assert!(*busiest <= 250, "{busiest} probes in one second; 50 would be even");
    let late: Vec<_> =
        by_second.iter().filter(|(second, _)| **second > 200).map(|(_, count)| *count).collect();
    assert!(late.iter().all(|count| (15..=110).contains(count)), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_with_many_buckets_does_not_starve_the_others() {
    let context = TestContext::start();
    let dead = (0..2_000).map(|n| {
        context.cloud.set(&name(n), Behaviour::Stalling);
        NodeBucket { location: location(&name(n), Some("https://dead.example.com")), ..bucket(n, 1) }
    });
    let alive = (2_000..2_050).map(|n| bucket(n, 1));
    context.snapshot(dead.chain(alive).collect());
    seconds(300).await;
    for n in 2_000..2_050 {
        let probes = context.cloud.probes(&name(n));
        let gaps_are_fine = |pair: &[Instant]| pair[1] - pair[0] <= Duration::from_secs(67);
        assert!(probes.len() >= 4 && probes.windows(2).all(gaps_are_fine), "bucket {n}: {probes:?}");
    }
    let running_at_most = 32 * 300 / 5;
    let dead_probes: usize = (0..2_000).map(|n| context.cloud.probes(&name(n)).len()).sum();
    assert!(dead_probes > 1_000 && dead_probes <= running_at_most, "{dead_probes}");
}

#[tokio::test(start_paused = true)]
async fn first_statuses_of_many_buckets_make_few_heartbeats() {
    let context = TestContext::start();
    seconds(1).await;
    context.snapshot((0..1_000).map(|n| bucket(n, 1)).collect());
    seconds(10).await;
    assert_eq!(context.agent.metrics().buckets.online, 1_000);
    let heartbeats = context.control_plane.state().heartbeats.len();
    assert!(heartbeats <= 10, "{heartbeats} heartbeats");
}
