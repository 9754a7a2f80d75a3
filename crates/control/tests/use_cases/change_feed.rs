//! Tests of the feed of changes.

use std::time::Duration;

use bucketry_control::change_feed::{ChangeFeed, ChangeTopic};
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
