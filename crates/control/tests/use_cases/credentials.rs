//! Tests of expiring credentials, delegated access by roles and service accounts, and the reasons for OFFLINE.

use crate::support::TestContext;
use bucketry_control::Error;
use bucketry_control::buckets::BucketInput;
use bucketry_control::credentials::EndingCredentials;
use bucketry_control::organizations::Registration;
use bucketry_model::audit::RequestOrigin;
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbeFailure, ProbedStatus, Status};
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;

const ROLE: &str = "arn:aws:iam::123456789012:role/bucketry";

fn fields<T>(refused: Result<T, Error>) -> Vec<&'static str> {
    match refused {
        Err(Error::Invalid(fields)) => fields.into_iter().map(|field| field.field).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn with_sas(cx: &TestContext, name: &str, end: &str) -> BucketInput {
    BucketInput {
        storage_type: Some(StorageType::Blob),
        key: Some("account".to_owned()),
        secret: Some(Secret::new(format!("sv=2023-11-03&se={end}&sig=x"))),
        skip_validation: true,
        ..cx.bucket(name)
    }
}

fn with_role(cx: &TestContext, name: &str, external_id: Option<&str>) -> BucketInput {
    BucketInput {
        key: Some(ROLE.to_owned()),
        secret: external_id.map(Secret::new),
        endpoint: None,
        ..cx.bucket(name)
    }
}

#[tokio::test]
async fn what_a_credential_says_of_its_end_is_shown_and_goes_with_it() {
    let cx = TestContext::new().await;
    let input = with_sas(&cx, "Photos", "2026-03-20T10:00Z");
    let id = cx.control.create_bucket(&cx.owner, &input).await.unwrap().id;
    let times = async || cx.control.bucket(&cx.owner, id).await.unwrap().bucket.credential;
    let first = times().await;
    assert_eq!(first.expires_at.unwrap().to_string(), "2026-03-20T10:00:00Z");
    assert_eq!(first.set_at, Some(cx.clock.now()));

    cx.clock.advance(SignedDuration::from_secs(10));
    let rename = BucketInput { name: Some("Pictures".to_owned()), ..BucketInput::default() };
    cx.control.update_bucket(&cx.owner, id, &rename).await.unwrap();
    assert_eq!(times().await, first);

    let key = BucketInput {
        secret: Some(Secret::new("c2VjcmV0")),
        skip_validation: true,
        ..BucketInput::default()
    };
    cx.control.update_bucket(&cx.owner, id, &key).await.unwrap();
    let second = times().await;
    assert_eq!((second.set_at, second.expires_at), (Some(cx.clock.now()), None));
}

#[tokio::test]
async fn ending_credentials_are_counted_and_warned_of_two_weeks_a_day_and_at_their_end() {
    let cx = TestContext::new().await;
    for (name, end) in [
        ("Gone", "2026-02-28"),
        ("Soon", "2026-03-05"),
        ("Later", "2026-03-20T10:00Z"),
        ("Far", "2027-01-01"),
    ] {
        cx.control.create_bucket(&cx.owner, &with_sas(&cx, name, end)).await.unwrap();
    }
    cx.unchecked("For ever").await;
    let counted = cx.control.ending_credentials().await.unwrap();
    assert_eq!(counted, EndingCredentials { ended: 1, within_7_days: 2, within_30_days: 3 });

    let warned = async || cx.control.newly_ending_credentials().await.unwrap().len();
    assert_eq!(warned().await, 2, "after a start: expired, and expiring within two weeks");
    assert_eq!(warned().await, 0, "each once");
    cx.clock.advance(SignedDuration::from_hours(3 * 24));
    assert_eq!(warned().await, 1, "a day before the expiry of one");
    cx.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(warned().await, 1, "at its expiry");
    cx.clock.advance(SignedDuration::from_hours(36));
    assert_eq!(warned().await, 1, "two weeks before the expiry of the next");
    let counted = cx.control.ending_credentials().await.unwrap();
    assert_eq!((counted.ended, counted.within_30_days), (2, 3));
}

#[tokio::test]
async fn a_role_is_taken_on_with_the_organizations_own_external_id_and_no_other() {
    let cx = TestContext::new().await;
    let _node = cx.node.work_on();
    let own = cx.control.own_organization(&cx.owner, cx.owner.org_id).await.unwrap().aws_external_id;
    assert_eq!(own, cx.control.aws_external_id(cx.owner.org_id).await.unwrap(), "it never changes");

    let id = cx.control.create_bucket(&cx.owner, &with_role(&cx, "One", None)).await.unwrap().id;
    cx.control.create_bucket(&cx.owner, &with_role(&cx, "Two", Some(&own))).await.unwrap();
    assert_eq!(*cx.node.opened.lock().unwrap(), [own.clone(), own.clone()], "what the node opened");

    let foreign = with_role(&cx, "Three", Some("an-id-of-somebody-else"));
    let refused = cx.control.create_bucket(&cx.owner, &foreign).await;
    let message = refused.as_ref().unwrap_err().to_string();
    assert!(message.contains(&own) && message.contains("sts:ExternalId"), "{message}");
    assert!(!message.contains("somebody-else"), "{message}");
    assert_eq!(fields(refused), ["secret"]);

    for (input, wrong) in [
        (BucketInput { secret: Some(Secret::new("other")), ..BucketInput::default() }, vec!["secret"]),
        (BucketInput { secret: Some(Secret::new("")), ..BucketInput::default() }, vec![]),
        (BucketInput { key: Some(format!("{ROLE}-2")), ..BucketInput::default() }, vec!["secret"]),
        (BucketInput { key: Some("AKID".to_owned()), ..BucketInput::default() }, vec!["secret"]),
    ] {
        assert_eq!(fields(cx.control.validate_bucket(&cx.owner, id, &input).await), wrong, "{input:?}");
        assert_eq!(fields(cx.control.update_bucket(&cx.owner, id, &input).await), wrong, "{input:?}");
    }
    assert!(cx.node.opened.lock().unwrap().iter().all(|secret| *secret == own));
}

#[tokio::test]
async fn an_access_key_becomes_a_role_and_its_secret_is_replaced_by_the_external_id() {
    let cx = TestContext::new().await;
    let _node = cx.node.work_on();
    let id = cx.unchecked("Photos").await;
    let role = BucketInput { key: Some(ROLE.to_owned()), ..BucketInput::default() };
    cx.control.update_bucket(&cx.owner, id, &role).await.unwrap();
    let own = cx.control.aws_external_id(cx.owner.org_id).await.unwrap();
    assert_eq!(*cx.node.opened.lock().unwrap(), [own]);
}

#[tokio::test]
async fn a_service_account_is_taken_on_only_where_no_other_organization_could_name_it_too() {
    let settings = bucketry_control::Settings { open_registration: true, ..Default::default() };
    let cx = TestContext::with(settings).await;
    let delegated = |name: &str| BucketInput {
        storage_type: Some(StorageType::Gcs),
        key: Some("reader@project.iam.gserviceaccount.com".to_owned()),
        secret: None,
        skip_validation: true,
        ..cx.bucket(name)
    };
    let id = cx.control.create_bucket(&cx.owner, &delegated("Alone")).await.unwrap().id;
    let registration = Registration {
        email: "other@example.org".to_owned(),
        password: Secret::new("Correct-Horse-2"),
        first_name: "Other".to_owned(),
        last_name: "Owner".to_owned(),
        company_name: "Elsewhere".to_owned(),
    };
    cx.control.register(registration, RequestOrigin::default()).await.unwrap();
    let refused = cx.control.create_bucket(&cx.owner, &delegated("Shared")).await;
    assert!(refused.as_ref().unwrap_err().to_string().contains("several organizations"), "{refused:?}");
    assert_eq!(fields(refused), ["secret"]);

    let rename = BucketInput { name: Some("Renamed".to_owned()), ..BucketInput::default() };
    cx.control.update_bucket(&cx.owner, id, &rename).await.unwrap();
    let other = BucketInput { key: Some("b@p.iam.gserviceaccount.com".to_owned()), ..rename };
    assert_eq!(fields(cx.control.update_bucket(&cx.owner, id, &other).await), ["secret"]);
}

#[tokio::test]
async fn a_bucket_that_lost_a_permission_tells_which_until_it_has_it_again() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let failure =
        ProbeFailure { code: CheckCode::AccessDeniedRead, message: "the key may not read".to_owned() };
    let probe = |status, failure: Option<ProbeFailure>| BucketStatus {
        bucket_id: id,
        status,
        latency_ms: None,
        created_at: cx.clock.now(),
        failure,
        version: None,
    };
    let seen = async || {
        let view = cx.control.bucket(&cx.owner, id).await.unwrap();
        let listed = cx.control.list_buckets(&cx.owner, None, None, 10).await.unwrap().remove(0);
        let node = cx.control.bucket_status(&cx.owner, id).await.unwrap().remove(0);
        assert_eq!((view.status, &view.last_error), (listed.status, &listed.last_error));
        assert_eq!((view.status, &view.last_error), (node.status, &node.last_error));
        (view.status, view.last_error.map(|error| error.code))
    };
    cx.node.beat(vec![probe(ProbedStatus::Offline, Some(failure.clone()))]).await.unwrap();
    assert_eq!(seen().await, (Status::Offline, Some(CheckCode::AccessDeniedRead)));
    cx.clock.advance(SignedDuration::from_secs(20));
    cx.node.beat(vec![probe(ProbedStatus::Online, None)]).await.unwrap();
    assert_eq!(seen().await, (Status::Online, None));
    cx.clock.advance(SignedDuration::from_secs(20));
    cx.node.beat(vec![probe(ProbedStatus::Offline, Some(failure))]).await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(seen().await, (Status::Disconnected, None), "the report of a silent node doesn't count");
}
