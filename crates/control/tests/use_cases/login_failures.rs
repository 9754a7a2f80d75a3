//! Wrong passwords that processes on one database count together.

use std::time::Duration;

use bucketry_control::login_failures::UsedAllowance;
use bucketry_control::{Control, Settings};
use jiff::SignedDuration;

use crate::support::TestContext;

fn names() -> [String; 2] {
    ["account\nada@example.com", "account\nbob@example.com"].map(str::to_owned)
}

async fn recovery(process: &Control) -> Vec<u64> {
    let all = process.allowance_recovery(&names()).await.unwrap();
    all.iter().map(Duration::as_secs).collect()
}

async fn fail(process: &Control) {
    let seconds = Duration::from_secs;
    let used = UsedAllowance { name: &names()[0], recovers_in: seconds(10), overdrawn_at_most: seconds(160) };
    process.record_login_failure(&[used]).await.unwrap();
}

#[tokio::test]
async fn a_failure_counts_at_each_process_until_the_allowance_has_recovered() {
    let settings = || Settings { shares_database: true, ..Settings::default() };
    let cx = TestContext::with(settings()).await;
    let there = cx.another_process(settings());
    assert_eq!(recovery(&there).await, [0, 0]);
    fail(&cx.control).await;
    fail(&there).await;
    assert_eq!((recovery(&cx.control).await, recovery(&there).await), (vec![20, 0], vec![20, 0]));
    cx.clock.advance(SignedDuration::from_secs(15));
    assert_eq!(recovery(&there).await, [5, 0]);
    cx.clock.advance(SignedDuration::from_secs(5));
    cx.control.tidy().await.unwrap();
    assert_eq!(recovery(&there).await, [0, 0]);
}

#[tokio::test]
async fn a_process_that_shares_nothing_stores_nothing() {
    let cx = TestContext::new().await;
    fail(&cx.control).await;
    let there = cx.another_process(Settings { shares_database: true, ..Settings::default() });
    assert_eq!((recovery(&cx.control).await, recovery(&there).await), (vec![0, 0], vec![0, 0]));
}
