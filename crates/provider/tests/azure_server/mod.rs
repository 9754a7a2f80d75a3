//! The real Azure Blob server for tests, given by environment variables.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers fail by panicking")]

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::azure::AzureDriver;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::policy::EndpointPolicy;

/// Reads a variable that `cargo xtask test` sets.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: this test needs an Azure Blob server, which `cargo xtask test` starts and names")
    })
}

/// Connections with a policy that allows the server, which listens on loopback.
pub(crate) fn connections() -> Connections {
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    Connections::new(settings).unwrap()
}

/// A container on the server, opened with the account's key.
pub(crate) fn target(container: &str) -> BucketTarget {
    BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Blob,
            bucket: container.to_owned(),
            key: Some(setting("BUCKETRY_TEST_AZURE_ACCOUNT")),
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_AZURE_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: Some(Secret::new(setting("BUCKETRY_TEST_AZURE_KEY"))),
    }
}

/// Creates a container that no other test uses.
pub(crate) async fn new_container(case: &str) -> BucketTarget {
    let tail = uuid::Uuid::new_v4().simple().to_string();
    let case: String = case.chars().filter(char::is_ascii_alphabetic).take(24).collect();
    let target = target(&format!("{case}-{}", &tail[..12]));
    AzureDriver::open(&target, &connections()).unwrap().create_container().await.unwrap();
    target
}
