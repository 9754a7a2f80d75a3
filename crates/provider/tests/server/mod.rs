//! The real S3 server for tests, given by environment variables.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers fail by panicking")]

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::error::ProviderError;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::s3::S3Driver;

/// Reads a variable that `cargo xtask test` sets.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: this test needs a real S3 server, which `cargo xtask test` starts and names"
        )
    })
}

/// Connections with a policy that allows the server, which listens on loopback.
pub(crate) fn connections() -> Connections {
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    Connections::new(settings).unwrap()
}

/// A bucket on the server, opened with the key pair `BUCKETRY_TEST_S3_<who>KEY` and `…SECRET`. `who` is empty for
/// the administrator, or a prefix such as `READONLY_`.
pub(crate) fn target(bucket: &str, who: &str) -> BucketTarget {
    BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::S3,
            bucket: bucket.to_owned(),
            key: Some(setting(&format!("BUCKETRY_TEST_S3_{who}KEY"))),
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_S3_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: Some(Secret::new(setting(&format!("BUCKETRY_TEST_S3_{who}SECRET")))),
    }
}

/// Creates a bucket of that name if it doesn't exist, and returns it opened by the administrator.
pub(crate) async fn ensure_bucket(bucket: &str) -> BucketTarget {
    let target = target(bucket, "");
    let driver = S3Driver::open(&target, &connections()).unwrap();
    match driver.create_bucket().await {
        Ok(()) => target,
        Err(ProviderError::Answer(answer)) if answer.status == 409 => target,
        Err(error) => panic!("can't create the test bucket: {error:?}"),
    }
}

/// Creates a bucket that no other test uses.
pub(crate) async fn new_bucket(case: &str) -> BucketTarget {
    let tail = uuid::Uuid::new_v4().simple().to_string();
    let case: String = case.chars().filter(char::is_ascii_alphabetic).take(24).collect();
    ensure_bucket(&format!("{case}-{}", &tail[..12])).await
}
