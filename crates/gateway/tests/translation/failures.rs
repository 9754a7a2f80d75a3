//! The errors that clients get when the provider or the bucket's credential is the cause.

use bucketry_gateway::internals::Fault;
use bucketry_gateway::internals::error::Code;
use bucketry_model::bucket::BucketTarget;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use http::Method;

use crate::context::TestContext;
use crate::s3::{bucket, target};

async fn failure(one: &BucketTarget, method: Method) -> (Code, Option<Fault>, String) {
    let failure = TestContext::new(one, one, "").send(method, "/two/key", &[], "x").await.unwrap_err();
    (failure.error.code, failure.fault, failure.error.message)
}

#[tokio::test]
async fn a_wrong_credential_of_the_bucket_never_looks_like_a_wrong_key_of_the_client() {
    let right = bucket("gateway-one").await;
    let wrong_secret = BucketTarget { secret: Some(Secret::new("wrong")), ..right.clone() };
    let mut wrong_key = right.clone();
    wrong_key.location.key = Some("AKIDNOBODY".to_owned());
    for (target, methods) in
        [(wrong_secret, [Method::GET, Method::PUT]), (wrong_key, [Method::GET, Method::DELETE])]
    {
        for method in methods {
            let (code, fault, message) = failure(&target, method).await;
            assert_eq!((code, fault), (Code::ServiceUnavailable, Some(Fault::Misconfigured)));
            assert!(message.starts_with("Your key is fine"), "{message}");
        }
    }
}

#[tokio::test]
async fn what_the_bucket_s_credential_may_not_do_is_denied_with_its_name() {
    let (code, fault, message) = failure(&target("scoped", "READONLY_"), Method::PUT).await;
    assert_eq!((code, fault), (Code::AccessDenied, Some(Fault::Misconfigured)));
    assert!(message.starts_with("Your key is fine") && message.contains("s3:PutObject"), "{message}");
}

#[tokio::test]
async fn a_provider_that_is_gone_is_unavailable() {
    let mut gone = bucket("gateway-one").await;
    gone.location.endpoint = Some(Endpoint::parse("http://127.0.0.1:9").unwrap());
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (code, fault, _) = failure(&gone, method).await;
        assert_eq!((code, fault), (Code::ServiceUnavailable, Some(Fault::Unreachable)));
    }
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_told_as_such() {
    let missing = target("no-such-bucket-anywhere", "");
    let (code, fault, message) = failure(&missing, Method::GET).await;
    assert_eq!((code, fault), (Code::NoSuchBucket, Some(Fault::Misconfigured)), "{message}");
}
