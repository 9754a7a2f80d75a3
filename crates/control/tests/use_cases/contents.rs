//! What is found in buckets: stale prefixes and abandoned uploads.

use bucketry_control::Error;
use bucketry_control::freshness::FreshnessInput;
use bucketry_model::diagnosis::{Check, CheckCode, CheckName};
use bucketry_model::finding::FindingCode;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::Outcome;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::time::Clock as _;
use bucketry_store::audit::AuditFilter;
use jiff::SignedDuration;

use crate::support::TestContext;

fn rule(prefix: &str) -> FreshnessInput {
    FreshnessInput { prefix: Some(prefix.to_owned()), min_bytes: Some(1_000), max_age_seconds: Some(86_400) }
}

async fn codes(cx: &TestContext) -> Vec<FindingCode> {
    let found = cx.control.findings(&cx.owner).await.unwrap();
    found.into_iter().map(|one| one.key.code).collect()
}

/// Lets time pass, with a heartbeat at its end.
async fn pass(cx: &TestContext, hours: i64) {
    cx.clock.advance(SignedDuration::from_hours(hours));
    cx.node.beat(vec![]).await.unwrap();
}

/// An online bucket, so that nothing else is found about it.
async fn bucket(cx: &TestContext) -> BucketId {
    use bucketry_model::node_protocol::BucketStatus;
    use bucketry_model::status::ProbedStatus;
    let bucket_id = cx.unchecked("Photos").await;
    let probe = BucketStatus {
        bucket_id,
        status: ProbedStatus::Online,
        latency_ms: Some(5),
        created_at: cx.clock.now(),
        failure: None,
        version: None,
    };
    cx.node.beat(vec![probe]).await.unwrap();
    bucket_id
}

#[tokio::test]
async fn a_backup_that_stops_is_found_until_it_is_made_again() {
    let cx = TestContext::new().await;
    let id = bucket(&cx).await;
    let _node = cx.node.work_on();
    cx.control.set_freshness_rule(&cx.owner, id, &rule("backups/")).await.unwrap();
    assert_eq!(codes(&cx).await, [], "nobody knows yet");
    let finds = |hours_ago: i64| {
        *cx.node.newest.lock().unwrap() = Ok(Some(cx.clock.now() - SignedDuration::from_hours(hours_ago)));
    };
    finds(2);
    assert_eq!(cx.control.make_due_checks().await.unwrap(), 1);
    assert_eq!(cx.control.make_due_checks().await.unwrap(), 0, "the next check is later");
    assert_eq!(codes(&cx).await, []);

    pass(&cx, 23).await;
    cx.control.make_due_checks().await.unwrap();
    let [found] = &cx.control.findings(&cx.owner).await.unwrap()[..] else { panic!("the stale prefix") };
    assert_eq!(found.key.code, FindingCode::ObjectsStale);
    assert!(found.sentence.contains("under backups/ of at least 1,000 bytes"), "{}", found.sentence);

    *cx.node.newest.lock().unwrap() = Err("The prefix can't be listed.");
    pass(&cx, 7).await;
    cx.control.make_due_checks().await.unwrap();
    assert_eq!(codes(&cx).await, [FindingCode::ObjectsStale], "nothing newer is known");
    finds(0);
    pass(&cx, 7).await;
    cx.control.make_due_checks().await.unwrap();
    assert_eq!(codes(&cx).await, []);

    cx.control.remove_freshness_rule(&cx.owner, id, "backups/").await.unwrap();
    pass(&cx, 48).await;
    assert_eq!(cx.control.make_due_checks().await.unwrap(), 0);
    let again = cx.control.remove_freshness_rule(&cx.owner, id, "backups/").await;
    assert!(matches!(again, Err(Error::Invalid(_))), "{again:?}");
}

#[tokio::test]
async fn rules_are_for_writers_to_set_and_for_readers_to_see() {
    let cx = TestContext::new().await;
    let id = bucket(&cx).await;
    let reader = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    cx.control.set_freshness_rule(&cx.owner, id, &rule("a/")).await.unwrap();
    assert_eq!(cx.control.freshness_rules(&reader, id).await.unwrap().len(), 1);
    let set = cx.control.set_freshness_rule(&reader, id, &rule("b/")).await;
    assert!(matches!(set, Err(Error::Forbidden(_))), "{set:?}");
    let removed = cx.control.remove_freshness_rule(&reader, id, "a/").await;
    assert!(matches!(removed, Err(Error::Forbidden(_))), "{removed:?}");
    let cleaned = cx.control.clean_uploads(&reader, id, Some(86_400), true).await;
    assert!(matches!(cleaned, Err(Error::Forbidden(_))), "{cleaned:?}");
}

#[tokio::test]
async fn uploads_are_cleaned_with_a_record_and_a_dry_run_without_one() {
    let cx = TestContext::new().await;
    let id = bucket(&cx).await;
    let _node = cx.node.work_on();
    let records = async || {
        let found = cx.control.audit(&cx.owner, AuditFilter::default(), None, 100).await.unwrap();
        found.iter().filter(|one| format!("{one:?}").contains("abortedUploads")).count()
    };
    let dry = cx.control.clean_uploads(&cx.owner, id, Some(7 * 86_400), true).await.unwrap();
    assert_eq!((dry.found.count, dry.aborted, records().await), (3, 0, 0));
    let done = cx.control.clean_uploads(&cx.owner, id, Some(7 * 86_400), false).await.unwrap();
    assert_eq!((done.found.bytes, done.aborted, records().await), (Some(3_000), 3, 1));
    for wrong in [None, Some(3_599), Some(-1), Some(i64::MAX)] {
        let refused = cx.control.clean_uploads(&cx.owner, id, wrong, true).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{wrong:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_told_from_a_failure_of_the_node() {
    let cx = TestContext::new().await;
    let id = bucket(&cx).await;
    let _node = cx.node.work_on();
    let check = Check {
        name: CheckName::Authenticate,
        ok: false,
        latency_ms: 3,
        message: "The secret does not match the access key.".to_owned(),
        error_code: Some(CheckCode::SecretWrong),
        hint: Some("Enter it again.".to_owned()),
    };
    for (check, code) in [(Some(Box::new(check)), "VALIDATION_FAILED"), (None, "NODE_FAILED")] {
        let reason = "the uploads can't be listed".to_owned();
        *cx.node.cleaning_fails.lock().unwrap() = Some(Outcome::Failed { reason, check });
        let error = cx.control.clean_uploads(&cx.owner, id, Some(86_400), false).await.unwrap_err();
        assert_eq!(error.code(), code);
        let says_what_to_do =
            error.to_string() == "The secret does not match the access key. Enter it again.";
        assert_eq!(says_what_to_do, code == "VALIDATION_FAILED", "{error}");
    }
    let records = cx.control.audit(&cx.owner, AuditFilter::default(), None, 100).await.unwrap();
    let failed = records.iter().filter(|one| format!("{one:?}").contains("the uploads can't be listed"));
    assert_eq!(failed.count(), 2, "both are recorded");
}
