//! Buckets whose requests fail.

use super::*;

/// Requests per minute with those that failed, the latest minute last.
fn failing(online_since: Option<i64>, minutes: &[(u64, u64)]) -> FailingBucket {
    let bucket = observed(1);
    let minute = |(ago, (requests, failed)): (i64, &(u64, u64))| FailingMinute {
        bucket_id: bucket.id,
        minute: NOW / 60 * 60 - 60 * ago,
        requests: *requests,
        failed: *failed,
    };
    let minutes = (0..).zip(minutes.iter().rev()).map(minute).collect();
    FailingBucket { bucket, online_since: online_since.map(|ago| at(NOW / 60 * 60 - ago)), minutes }
}

fn errors(limit: Option<u8>, failing: FailingBucket) -> Vec<Finding> {
    let seen = observations(vec![node(1, 5)], vec![]);
    shown(&evaluate(&Observations { failing: vec![failing], error_rate: limit, ..seen }))
}

#[test]
fn a_bucket_whose_requests_fail_is_found_with_the_rate() {
    let [found] = &errors(Some(5), failing(None, &[(100, 0), (60, 20), (40, 5)]))[..] else { panic!("one") };
    assert_eq!((found.key.code, found.severity), (FindingCode::ErrorRateHigh, Severity::Critical));
    assert_eq!(found.since, Some(at(NOW / 60 * 60 - 60)), "the first minute with failures");
    assert!(
        found.sentence.starts_with("Of the last 200 requests within 10 minutes, 12 % failed at the provider"),
        "{}",
        found.sentence
    );
    assert!(errors(None, failing(None, &[(100, 100)])).is_empty(), "it is switched off");
}

#[test]
fn few_requests_or_few_failures_are_no_high_rate() {
    let is_found = |minutes: &[(u64, u64)]| !errors(Some(5), failing(None, minutes)).is_empty();
    assert!(!is_found(&[(49, 49)]) && is_found(&[(50, 50)]));
    assert!(!is_found(&[(1_000, 49)]) && is_found(&[(1_000, 50)]));
    assert!(!is_found(&[(u64::MAX, 0), (u64::MAX, 1)]));
}

#[test]
fn failures_of_an_outage_that_is_over_do_not_count() {
    let minutes = [(100, 100), (100, 100), (100, 2)];
    assert_eq!(errors(Some(5), failing(Some(3_600), &minutes)).len(), 1);
    assert!(
        errors(Some(5), failing(Some(30), &minutes)).is_empty(),
        "it is reached again since half a minute"
    );
    let fails_again = [(100, 100), (100, 100), (100, 50)];
    assert_eq!(errors(Some(5), failing(Some(30), &fails_again)).len(), 1);
}

#[test]
fn a_new_bucket_had_no_outage() {
    let minutes = [(100, 50), (0, 0)];
    assert!(errors(Some(5), failing(Some(30), &minutes)).is_empty());
    let mut new = failing(Some(30), &minutes);
    new.bucket.id = BucketId::new(at(NOW / 60 * 60 - 40), [1; 10]);
    assert_eq!(errors(Some(5), new).len(), 1, "it was registered ten seconds before it was first reached");
}
