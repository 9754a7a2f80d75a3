//! Google buckets at test endpoints.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::policy::EndpointPolicy;

/// Connections with a policy that allows the server, which listens on loopback.
pub(crate) fn connections() -> Connections {
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    Connections::new(settings).unwrap()
}

/// A bucket at an endpoint, without a credential.
pub(crate) fn target_at(endpoint: &str, bucket: &str) -> BucketTarget {
    BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: bucket.to_owned(),
            key: None,
            endpoint: Some(Endpoint::parse(endpoint).unwrap()),
            region: None,
        },
        secret: None,
    }
}
