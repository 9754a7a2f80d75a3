//! Tests of the feed of changes.

use std::time::Duration;

use bucketry_control::Settings;
use bucketry_control::buckets::BucketInput;
use bucketry_control::change_feed::{ChangeFeed, ChangeTopic};
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::status::ProbedStatus;
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;
use tokio::time::timeout;

use crate::support::TestContext;

async fn next(feed: &mut ChangeFeed) -> Vec<ChangeTopic> {
    timeout(Duration::from_secs(30), feed.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn everybody_who_follows_learns_of_a_new_bucket_and_of_a_node_that_falls_silent() {
    let cx = TestContext::new().await;
    let mut first = cx.control.subscribe(&cx.owner).await.unwrap();
    let mut second = cx.control.subscribe(&cx.owner).await.unwrap();
    cx.bucket_called("photos").await;
    assert_eq!(next(&mut first).await, [ChangeTopic::Buckets, ChangeTopic::Attention]);
    assert_eq!(next(&mut second).await, [ChangeTopic::Buckets, ChangeTopic::Attention]);
    drop(second);
    cx.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(next(&mut first).await, [ChangeTopic::Buckets, ChangeTopic::Nodes, ChangeTopic::Attention]);
}

#[tokio::test]
async fn whoever_follows_a_bucket_learns_of_its_changes_and_not_of_others() {
    let cx = TestContext::new().await;
    let [photos, videos] = [cx.unchecked("photos").await, cx.unchecked("videos").await];
    let member = cx.member("member@example.com", Some(WorkspaceRole::Read)).await;
    let stranger = cx.member("stranger@example.com", None).await;
    let mut followed = cx.control.follow_buckets(&member, &[photos, photos]).await;
    let mut foreign = cx.control.follow_buckets(&stranger, &[photos]).await;
    assert!(cx.control.changes_of_followed(&mut followed).await.is_empty());
    let named = |name: &str| BucketInput { name: Some(name.to_owned()), ..BucketInput::default() };
    cx.control.update_bucket(&cx.owner, videos, &named("films")).await.unwrap();
    assert!(cx.control.changes_of_followed(&mut followed).await.is_empty(), "another bucket");
    cx.control.update_bucket(&cx.owner, photos, &named("pictures")).await.unwrap();
    assert_eq!(cx.control.changes_of_followed(&mut followed).await, [photos]);
    assert!(cx.control.changes_of_followed(&mut followed).await.is_empty(), "a change is named once");
    cx.repository_of("streaming", &[(photos, "photos")]).await;
    assert_eq!(cx.control.changes_of_followed(&mut followed).await, [photos], "a repository uses it");
    assert!(
        cx.control.changes_of_followed(&mut foreign).await.is_empty(),
        "nothing about what isn't visible"
    );
    let mut removed = cx.control.follow_buckets(&member, &[videos]).await;
    cx.control.delete_bucket(&cx.owner, videos).await.unwrap();
    assert_eq!(cx.control.changes_of_followed(&mut removed).await, [videos]);
    assert!(cx.control.changes_of_followed(&mut removed).await.is_empty(), "it is gone");
}

#[tokio::test]
async fn a_page_that_is_open_at_one_process_learns_what_another_one_changed() {
    let settings = || Settings { shares_database: true, ..Settings::default() };
    let cx = TestContext::with(settings()).await;
    let there = cx.another_process(settings());
    let mut feed = there.subscribe(&cx.owner).await.unwrap();
    cx.bucket_called("photos").await;
    assert_eq!(next(&mut feed).await, [ChangeTopic::Buckets, ChangeTopic::Attention]);
}

#[tokio::test]
async fn the_heartbeats_of_many_nodes_are_no_changes_and_a_new_status_is_one_at_once() {
    let cx = TestContext::new().await;
    let id = cx.bucket_called("photos").await;
    let names: Vec<String> = (0..10).map(|number| format!("far-{number}")).collect();
    let far = cx.node.elsewhere(&names[0]).await;
    for name in &names {
        far.register_as(name).await.unwrap();
    }
    let beat = async |status: ProbedStatus| {
        cx.clock.advance(SignedDuration::from_secs(5));
        let probe = BucketStatus {
            bucket_id: id,
            status,
            latency_ms: None,
            created_at: cx.clock.now(),
            failure: None,
            version: None,
        };
        cx.node.beat(vec![probe]).await.unwrap();
        for name in &names {
            far.beat_as(name, vec![]).await.unwrap();
        }
    };
    beat(ProbedStatus::Online).await;
    let shown = async || cx.control.store().shown_generation(cx.owner.org_id).await.unwrap();
    let before = shown().await;
    let mut feed = cx.control.subscribe(&cx.owner).await.unwrap();
    for _ in 0..20 {
        beat(ProbedStatus::Online).await;
    }
    assert_eq!(shown().await, before, "220 heartbeats");
    beat(ProbedStatus::Offline).await;
    assert_ne!(shown().await, before);
    // Nothing was sent before, so no pause is due.
    let changed = timeout(Duration::from_secs(2), feed.next()).await.expect("it is named at once").unwrap();
    assert_eq!(changed, [ChangeTopic::Buckets, ChangeTopic::Attention]);
}
