//! Jobs that the control plane assigns.

use std::time::Duration;

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::diagnosis::{CheckCode, CheckName, CheckScope};
use bucketry_model::node_protocol::{
    BoundSecret, NodeBucket, Outcome, SecretOwner, Task, UploadCleaning, Validation,
};
use bucketry_model::secret::SealedSecret;
use bucketry_vault::{Identities, SecretContext, open};
use jiff::Timestamp;

use crate::cloud::Behaviour;
use crate::context::{TestContext, bucket, id, location, millis, org, sealed, seconds};
use crate::control_plane::{FakeControlPlane, Mood};

fn validate(name: &str, secret: Option<SealedSecret>) -> Task {
    Task::Validate(Validation {
        org_id: org(),
        bucket_id: id(1),
        location: location(name, None),
        secret,
        scope: CheckScope::Full,
        deadline_ms: 10_000,
    })
}

fn outcomes(control_plane: &FakeControlPlane) -> Vec<Outcome> {
    control_plane.state().results.iter().map(|result| result.outcome.clone()).collect()
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed { reason, .. } => reason,
        _ => panic!("not a failure"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_validation_is_made_and_told_at_once() {
    let context = TestContext::start();
    seconds(1).await;
    context.cloud.set("bad", Behaviour::Refusing(Duration::from_millis(5)));
    context.give(validate("good", Some(sealed(1, "wJalr", &context.recipient))));
    context.give(validate("bad", None));
    millis(100).await;
    let outcomes = outcomes(&context.control_plane);
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Validated { diagnosis, .. } => diagnosis.failure().and_then(|check| check.error_code),
            _ => panic!("not validated"),
        })
        .collect();
    assert!(codes.contains(&None) && codes.contains(&Some(CheckCode::ConnectionRefused)), "{codes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_stalls_or_panics_or_has_a_foreign_secret_fails_with_the_reason() {
    let context = TestContext::start();
    seconds(1).await;
    context.cloud.set("stalling", Behaviour::Stalling);
    context.cloud.set("panicking", Behaviour::Panicking);
    context.give(validate("stalling", None));
    millis(10_600).await;
    assert!(reason(&outcomes(&context.control_plane)[0]).contains("in time"));
    context.give(validate("panicking", None));
    context.give(validate("good", Some(sealed(1, "hunter2", &Identities::generate().in_use()))));
    millis(500).await;
    let outcomes = outcomes(&context.control_plane);
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes[1..].iter().any(|outcome| reason(outcome).contains("interrupted")));
    assert!(outcomes[1..].iter().any(|outcome| reason(outcome).contains("can't open")));
    assert!(!format!("{outcomes:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn the_checks_of_a_slow_validation_are_reported_while_it_runs() {
    let context = TestContext::start();
    seconds(1).await;
    context.cloud.set("slow", Behaviour::Refusing(Duration::from_secs(2)));
    context.give(validate("slow", None));
    millis(500).await;
    let (_, progress) = context.control_plane.state().progress.last().cloned().unwrap();
    let ended: Vec<_> = progress.checks.iter().map(|check| (check.name, check.ok)).collect();
    assert_eq!(
        (ended.as_slice(), progress.running),
        (&[(CheckName::Dns, true)][..], Some(CheckName::Bucket))
    );
    seconds(3).await;
    assert_eq!(outcomes(&context.control_plane).len(), 1);
    let reported = context.control_plane.state().progress.len();
    assert_eq!(reported, 1, "the end is reported with the result only");
}

#[tokio::test(start_paused = true)]
async fn progress_is_reported_five_times_a_second_at_most_and_not_for_quick_validations() {
    let context = TestContext::start();
    seconds(1).await;
    context.give(validate("quick", None));
    seconds(1).await;
    assert_eq!(outcomes(&context.control_plane).len(), 1);
    assert!(context.control_plane.state().progress.is_empty());
    context.cloud.set("chatty", Behaviour::Chatty(Duration::from_secs(2)));
    context.give(validate("chatty", None));
    seconds(5).await;
    let times: Vec<_> = context.control_plane.state().progress.iter().map(|(at, _)| *at).collect();
    assert!(times.len() > 5, "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(200)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_validation_ends_as_usual_where_nobody_takes_its_progress() {
    let context = TestContext::start();
    seconds(1).await;
    context.cloud.set("slow", Behaviour::Refusing(Duration::from_secs(2)));
    context.give(validate("slow", None));
    millis(100).await;
    context.control_plane.set_mood(Mood::Away);
    seconds(1).await;
    context.control_plane.set_mood(Mood::Well);
    seconds(20).await;
    assert_eq!(outcomes(&context.control_plane).len(), 1);
    assert!(context.control_plane.state().progress.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_validation_under_way_is_finished_before_the_node_stops() {
    let context = TestContext::start();
    seconds(1).await;
    context.cloud.set("slow", Behaviour::Refusing(Duration::from_secs(4)));
    context.give(validate("slow", None));
    millis(100).await;
    let control_plane = context.control_plane;
    context.agent.stop().await;
    let outcomes = outcomes(&control_plane);
    let [Outcome::Validated { diagnosis, .. }] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!(diagnosis.failure().and_then(|check| check.error_code), Some(CheckCode::ConnectionRefused));
}

#[tokio::test(start_paused = true)]
async fn a_rotation_makes_a_key_reseals_and_forgets_the_older_key() {
    let context = TestContext::start();
    let old = sealed(1, "wJalr", &context.recipient);
    context.snapshot(vec![NodeBucket { secret: Some(old.clone()), ..bucket(1, 1) }]);
    seconds(1).await;

    context.give(Task::NewIdentity);
    seconds(1).await;
    assert_eq!(outcomes(&context.control_plane), [Outcome::Done]);
    let registered = context.control_plane.state().registers.last().unwrap().recipients.clone();
    assert_eq!((registered.len(), registered[1].clone()), (2, context.recipient.to_string()));

    let foreign = sealed(2, "other", &Identities::generate().in_use());
    let bound = |n, secret| BoundSecret { org_id: org(), owner: SecretOwner::Bucket(id(n)), secret };
    let secrets = vec![bound(1, old), bound(2, foreign)];
    context.give(Task::Reseal { secrets, recipients: vec![registered[0].clone()] });
    seconds(1).await;
    let Some(Outcome::Resealed { secrets }) = outcomes(&context.control_plane).pop() else { panic!() };
    assert_eq!(secrets.len(), 1, "a secret that can't be opened is left out");

    context.give(Task::RetireIdentities);
    seconds(1).await;
    assert_eq!(context.control_plane.state().registers.last().unwrap().recipients, [registered[0].clone()]);
    let keys = Identities::load_or_create(&context.directory.path().join("vault.key")).unwrap();
    assert_eq!(keys.recipients().len(), 1);
    let secret = open(&secrets[0].secret, &SecretContext::of_bucket(org(), id(1)), &keys).unwrap();
    assert_eq!(secret.expose(), "wJalr");
    seconds(120).await;
    assert!(context.cloud.probes("b1").len() > 1, "probing continues with the secret that was opened before");
}

#[tokio::test(start_paused = true)]
async fn of_more_secrets_than_a_message_holds_the_first_are_resealed() {
    let context = TestContext::start();
    seconds(1).await;
    let large = "k".repeat(30_000);
    let bound = |n| BoundSecret {
        org_id: org(),
        owner: SecretOwner::Bucket(id(n)),
        secret: sealed(n, &large, &context.recipient),
    };
    let recipients = vec![context.recipient.to_string()];
    context.give(Task::Reseal { secrets: (0..40).map(bound).collect(), recipients });
    seconds(1).await;
    let Some(Outcome::Resealed { secrets }) = outcomes(&context.control_plane).pop() else { panic!() };
    assert!((10..40).contains(&secrets.len()), "{} of 40", secrets.len());
    assert!(serde_json::to_vec(&secrets).unwrap().len() < 1 << 20);
    assert!(secrets.iter().zip(0..).all(|(secret, n)| secret.owner == SecretOwner::Bucket(id(n))));
}

#[tokio::test(start_paused = true)]
async fn resealing_to_what_is_no_key_fails() {
    let context = TestContext::start();
    seconds(1).await;
    for recipients in [vec![], vec!["age1nonsense".to_owned()]] {
        context.give(Task::Reseal { secrets: vec![], recipients });
    }
    seconds(1).await;
    let outcomes = outcomes(&context.control_plane);
    assert_eq!(outcomes.len(), 2);
    let reasons: Vec<_> = outcomes.iter().map(reason).collect();
    assert!(reasons[0].contains("recipient") && reasons[1].contains("public key"), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_on_a_bucket_that_was_entered_wrongly_fails_with_the_check_that_says_so() {
    let context = TestContext::start();
    let foreign = sealed(1, "wJalr", &Identities::generate().in_use());
    let incomplete = BucketLocation { storage_type: StorageType::Blob, ..location("b2", None) };
    context.snapshot(vec![
        NodeBucket { secret: Some(foreign), ..bucket(1, 1) },
        NodeBucket { location: incomplete, ..bucket(2, 1) },
    ]);
    let clean = async |n| {
        let begun_before = Timestamp::UNIX_EPOCH;
        let cleaning = UploadCleaning { bucket_id: id(n), begun_before, dry_run: true, deadline_ms: 20_000 };
        context.give(Task::CleanUploads(cleaning));
        seconds(5).await;
        match outcomes(&context.control_plane).pop() {
            Some(Outcome::Failed { reason, check }) => (reason, check.and_then(|check| check.error_code)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(clean(1).await, ("this node has no key for the bucket's secret".to_owned(), None));
    let (reason, code) = clean(2).await;
    assert!(reason.contains("the secret is missing"), "{reason}");
    assert_eq!(code, Some(CheckCode::SecretWrong));
    assert_eq!(clean(3).await, ("this node doesn't serve the bucket".to_owned(), None));
}
