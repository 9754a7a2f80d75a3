//! The diagnosis of S3 buckets on real servers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers fail by panicking")]

mod server;
mod verbatim;

use std::time::Duration;

use bucketry_model::bucket::{BucketTarget, StorageType};
use bucketry_model::diagnosis::CheckName as N;
use bucketry_model::diagnosis::{CheckCode, CheckName, CheckScope, Diagnosis};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::diagnose::{CheckObserver, diagnose, diagnose_observed, explain_unlisted_uploads};
use bucketry_provider::driver::{ListRequest, UploadsRequest};
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::probe::probe;

use crate::server::{connections, ensure_bucket, target};
use crate::verbatim::{Verbatim, serve};

const DEADLINE: Duration = Duration::from_secs(10);

/// The bucket that the restricted identities are scoped to.
const SCOPED: &str = "scoped";

async fn diagnosis(target: &BucketTarget, scope: CheckScope) -> Diagnosis {
    diagnose(target, &connections(), scope, DEADLINE).await
}

/// Each check with its error code.
fn outline(diagnosis: &Diagnosis) -> Vec<(CheckName, Option<CheckCode>)> {
    diagnosis.checks.iter().map(|check| (check.name, check.error_code)).collect()
}

fn passed(names: &[CheckName]) -> Vec<(CheckName, Option<CheckCode>)> {
    names.iter().map(|name| (*name, None)).collect()
}

fn hint(diagnosis: &Diagnosis) -> &str {
    diagnosis.failure().and_then(|check| check.hint.as_deref()).unwrap_or_default()
}

/// The number of probe objects in the bucket.
async fn left_in(target: &BucketTarget) -> usize {
    let request = ListRequest { prefix: ".bucketry/".to_owned(), ..Default::default() };
    open(target, &connections()).unwrap().list(&request).await.unwrap().objects.len()
}

/// Notes what a diagnosis tells: each check that begins, and each that has ended.
#[derive(Default)]
struct Notes(std::sync::Mutex<Vec<(CheckName, bool)>>);

impl CheckObserver for Notes {
    fn begins(&self, name: CheckName) {
        self.0.lock().unwrap().push((name, false));
    }

    fn ended(&self, check: &bucketry_model::diagnosis::Check) {
        self.0.lock().unwrap().push((check.name, true));
    }
}

const NETWORK: &[CheckName] = &[CheckName::Dns, CheckName::Connect];

#[tokio::test]
async fn an_observer_learns_of_each_check_before_and_after_it() {
    let (target, notes) = (server::new_bucket("observed").await, Notes::default());
    let diagnosis = diagnose_observed(&target, &connections(), CheckScope::Full, DEADLINE, &notes).await;
    let notes = notes.0.into_inner().unwrap();
    let ended: Vec<_> = notes.iter().filter(|(_, ended)| *ended).map(|(name, _)| *name).collect();
    assert_eq!(ended, diagnosis.checks.iter().map(|check| check.name).collect::<Vec<_>>());
    assert!(ended.is_sorted(), "in the order in which they are shown: {ended:?}");
    for name in [N::Dns, N::Connect, N::Authenticate, N::Write, N::Read, N::Delete] {
        let at = |has_ended| notes.iter().position(|note| *note == (name, has_ended));
        assert!(at(false).is_some() && at(false) < at(true), "{name:?}: {notes:?}");
    }
}

#[tokio::test]
async fn a_sound_bucket_passes_every_check_and_keeps_nothing() {
    let target = server::new_bucket("sound").await;
    let full = diagnosis(&target, CheckScope::Full).await;
    let all = [N::Dns, N::Connect, N::Authenticate, N::Bucket, N::List, N::Write, N::Read, N::Delete];
    assert_eq!(outline(&full), passed(&all));
    assert!(full.is_healthy());
    assert_eq!(left_in(&target).await, 0, "the probe object remains");

    let read_only = diagnosis(&target, CheckScope::ReadOnly).await;
    assert_eq!(
        outline(&read_only),
        passed(&[N::Dns, N::Connect, N::Authenticate, N::Bucket, N::List, N::Read])
    );
}

#[tokio::test]
async fn an_unknown_key_is_told_from_a_wrong_secret() {
    ensure_bucket(SCOPED).await;
    let mut unknown = target(SCOPED, "");
    unknown.location.key = Some("AKIDNOBODY".to_owned());
    let mut wrong = target(SCOPED, "");
    wrong.secret = Some(Secret::new("not the secret"));
    for (target, code) in [(unknown, CheckCode::KeyUnknown), (wrong, CheckCode::SecretWrong)] {
        let diagnosis = diagnosis(&target, CheckScope::Full).await;
        let mut expected = passed(NETWORK);
        expected.push((CheckName::Authenticate, Some(code)));
        assert_eq!(outline(&diagnosis), expected);
        let probed = probe(&*open(&target, &connections()).unwrap(), DEADLINE).await;
        assert_eq!(probed.outcome.unwrap_err().code, code, "a probe reports the same code");
        let driver = open(&target, &connections()).unwrap();
        let error = driver.list_uploads(&UploadsRequest::default()).await.unwrap_err();
        let took = diagnosis.failure().unwrap().latency_ms;
        let explained = explain_unlisted_uploads(&*driver, &error, Duration::from_millis(took));
        assert_eq!(Some(&explained), diagnosis.failure(), "and so does a list of uploads");
    }
}

#[tokio::test]
async fn a_missing_bucket_is_told_after_the_key_was_accepted() {
    let missing = target("no-such-bucket-anywhere", "");
    let diagnosis = diagnosis(&missing, CheckScope::Full).await;
    let mut expected = passed(NETWORK);
    expected.push((CheckName::Authenticate, None));
    expected.push((CheckName::Bucket, Some(CheckCode::BucketNotFound)));
    assert_eq!(outline(&diagnosis), expected);
    let probed = probe(&*open(&missing, &connections()).unwrap(), DEADLINE).await;
    assert_eq!(probed.outcome.unwrap_err().code, CheckCode::BucketNotFound);
}

#[tokio::test]
async fn missing_permissions_are_all_told_with_their_names() {
    let admin = ensure_bucket(SCOPED).await;
    for (who, expected) in [
        ("READONLY_", vec![(N::List, None), (N::Write, Some(CheckCode::AccessDeniedWrite)), (N::Read, None)]),
        (
            "WRITEONLY_",
            vec![
                (N::List, Some(CheckCode::AccessDeniedList)),
                (N::Write, None),
                (N::Read, Some(CheckCode::AccessDeniedRead)),
                (N::Delete, None),
            ],
        ),
        (
            "NOLIST_",
            vec![
                (N::List, Some(CheckCode::AccessDeniedList)),
                (N::Write, None),
                (N::Read, None),
                (N::Delete, None),
            ],
        ),
    ] {
        let diagnosis = diagnosis(&target(SCOPED, who), CheckScope::Full).await;
        let mut whole = passed(&[N::Dns, N::Connect, N::Authenticate, N::Bucket]);
        whole.extend(expected);
        assert_eq!(outline(&diagnosis), whole, "{who}");
        assert!(hint(&diagnosis).contains("s3:"), "{who}: {}", hint(&diagnosis));
    }
    assert_eq!(left_in(&admin).await, 0, "a probe object remains");
}

#[tokio::test]
async fn a_read_only_key_is_sound_when_only_reading_is_asked_for() {
    ensure_bucket(SCOPED).await;
    let diagnosis = diagnosis(&target(SCOPED, "READONLY_"), CheckScope::ReadOnly).await;
    assert!(diagnosis.is_healthy(), "{diagnosis:?}");
}

#[tokio::test]
async fn the_endpoint_policy_names_the_setting_that_would_allow_the_address() {
    let public = Connections::new(ConnectionSettings::default()).unwrap();
    let diagnosis = diagnose(&target(SCOPED, ""), &public, CheckScope::Full, DEADLINE).await;
    assert_eq!(outline(&diagnosis), [(CheckName::Dns, Some(CheckCode::EndpointBlocked))]);
    let hint = hint(&diagnosis);
    assert!(hint.contains("BUCKETRY_ENDPOINT_POLICY=private"), "{hint}");
    assert!(hint.contains("BUCKETRY_ALLOWED_ENDPOINTS"), "{hint}");
    let probed = probe(&*open(&target(SCOPED, ""), &public).unwrap(), DEADLINE).await;
    assert_eq!(probed.outcome.unwrap_err().code, CheckCode::EndpointBlocked);
}

#[tokio::test]
async fn metadata_addresses_are_blocked_in_every_notation_and_mode() {
    let everything = EndpointPolicy::parse("private", "0.0.0.0/0,::/0").unwrap();
    let settings = ConnectionSettings { policy: everything, ..Default::default() };
    let connections = Connections::new(settings).unwrap();
    for endpoint in [
        "http://169.254.169.254",
        "http://[::ffff:169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[2002:a9fe:a9fe::1]",
        "http://[fd00:ec2::254]",
        "http://[fe80::1]",
        "http://0.0.0.0",
    ] {
        let mut target = target(SCOPED, "");
        target.location.endpoint = Some(Endpoint::parse(endpoint).unwrap());
        let diagnosis = diagnose(&target, &connections, CheckScope::Full, DEADLINE).await;
        assert_eq!(outline(&diagnosis), [(CheckName::Dns, Some(CheckCode::EndpointBlocked))], "{endpoint}");
        let probed = probe(&*open(&target, &connections).unwrap(), DEADLINE).await;
        assert_eq!(probed.outcome.unwrap_err().code, CheckCode::EndpointBlocked, "{endpoint}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_has_one_failed_check() {
    let sound = target(SCOPED, "");
    let with = |change: &dyn Fn(&mut BucketTarget)| {
        let mut target = sound.clone();
        change(&mut target);
        target
    };
    for (target, check) in [
        (
            with(&|t| t.location.storage_type = StorageType::Gcs),
            (CheckName::Authenticate, CheckCode::KeyUnknown),
        ),
        (with(&|t| t.location.bucket = "a/b".into()), (CheckName::Bucket, CheckCode::BucketNotFound)),
        (with(&|t| t.location.region = Some("eu west".into())), (CheckName::Bucket, CheckCode::WrongRegion)),
        (with(&|t| t.secret = None), (CheckName::Authenticate, CheckCode::SecretWrong)),
        (
            with(&|t| t.location.key = Some("arn:aws:iam::1:role/r".into())),
            (CheckName::Authenticate, CheckCode::KeyUnknown),
        ),
    ] {
        let diagnosis = diagnosis(&target, CheckScope::Full).await;
        assert_eq!(outline(&diagnosis), [(check.0, Some(check.1))], "{:?}", target.location);
    }
}

fn keys(server: &Verbatim) -> Vec<String> {
    server.objects.lock().unwrap().keys().cloned().collect()
}

async fn diagnose_verbatim(server: &Verbatim) -> Diagnosis {
    diagnose(&serve(server.clone()).await, &verbatim::connections(), CheckScope::Full, DEADLINE).await
}

#[tokio::test]
async fn an_object_that_may_not_be_deleted_is_named() {
    let server = Verbatim { denied: &["delete"], ..Default::default() };
    let diagnosis = diagnose_verbatim(&server).await;
    let last = diagnosis.checks.last().unwrap();
    assert_eq!((last.name, last.error_code), (CheckName::Delete, Some(CheckCode::AccessDeniedDelete)));
    let [key] = &keys(&server)[..] else { panic!("{:?}", keys(&server)) };
    assert!(key.starts_with(".bucketry/probe-"));
    assert!(last.message.contains(key.as_str()) && last.message.contains("remains"), "{}", last.message);
}

#[tokio::test]
async fn the_object_goes_away_when_reading_it_fails() {
    for (server, code) in [
        (Verbatim { denied: &["get"], ..Default::default() }, CheckCode::AccessDeniedRead),
        (Verbatim { forgetful: true, ..Default::default() }, CheckCode::ProviderError),
    ] {
        let diagnosis = diagnose_verbatim(&server).await;
        let read = diagnosis.checks.iter().find(|check| check.name == CheckName::Read).unwrap();
        assert_eq!(read.error_code, Some(code));
        assert!(diagnosis.checks.last().unwrap().ok, "delete comes after read and passes");
        assert_eq!(keys(&server), [""; 0]);
    }
}

#[tokio::test]
async fn a_silent_read_leaves_time_to_take_the_object_away() {
    let server = Verbatim { stalled: &["get"], ..Default::default() };
    let target = serve(server.clone()).await;
    let diagnosis =
        diagnose(&target, &verbatim::connections(), CheckScope::Full, Duration::from_secs(1)).await;
    let tail: Vec<_> = outline(&diagnosis).split_off(diagnosis.checks.len() - 2);
    assert_eq!(tail, [(CheckName::Read, Some(CheckCode::ConnectTimeout)), (CheckName::Delete, None)]);
    assert_eq!(keys(&server), [""; 0]);
}

#[tokio::test]
async fn an_object_that_was_written_without_an_answer_goes_away_too() {
    let server = Verbatim { silent_writes: true, ..Default::default() };
    let target = serve(server.clone()).await;
    let diagnosis =
        diagnose(&target, &verbatim::connections(), CheckScope::Full, Duration::from_secs(1)).await;
    let last = diagnosis.checks.last().unwrap();
    assert_eq!((last.name, last.error_code), (CheckName::Write, Some(CheckCode::ConnectTimeout)));
    assert_eq!(keys(&server), [""; 0]);
}

#[tokio::test]
async fn the_object_of_an_abandoned_diagnosis_is_deleted_in_the_background() {
    let server = Verbatim { stalled: &["get"], ..Default::default() };
    let target = serve(server.clone()).await;
    let diagnosing = tokio::spawn(async move {
        diagnose(&target, &verbatim::connections(), CheckScope::Full, Duration::from_mins(1)).await
    });
    until("the object is written", || !keys(&server).is_empty()).await;
    diagnosing.abort();
    until("the object is gone", || keys(&server).is_empty()).await;
}

/// Waits until a condition holds.
async fn until(what: &str, reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn a_key_that_may_list_but_not_ask_for_the_bucket_is_online() {
    let server = Verbatim { denied: &["head"], ..Default::default() };
    let target = serve(server.clone()).await;
    let driver = open(&target, &verbatim::connections()).unwrap();
    assert_eq!(probe(&*driver, DEADLINE).await.outcome, Ok(()));
    assert!(diagnose_verbatim(&server).await.is_healthy());
}

#[tokio::test]
async fn a_refused_head_is_offline_when_listing_is_refused_too() {
    let target = serve(Verbatim { denied: &["head", "list"], ..Default::default() }).await;
    let driver = open(&target, &verbatim::connections()).unwrap();
    let failure = probe(&*driver, DEADLINE).await.outcome.unwrap_err();
    assert_eq!(failure.code, CheckCode::AccessDeniedList);
}
