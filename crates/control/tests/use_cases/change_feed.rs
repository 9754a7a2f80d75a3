//! Tests of the feed of changes.

use std::time::Duration;

use bucketry_control::Settings;
use bucketry_control::buckets::BucketInput;
use bucketry_control::change_feed::{ChangeFeed, ChangeTopic};
use bucketry_model::role::WorkspaceRole;
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
