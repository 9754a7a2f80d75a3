//! Against a Cloud Storage server, which has no multipart uploads.

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_provider::gcs::GcsDriver;

use crate::context::{TestContext, connections, new_name, setting};

pub(crate) async fn new_bucket(case: &str) -> BucketTarget {
    let target = BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: new_name(case),
            key: None,
            endpoint: Some(Endpoint::parse(&setting("BUCKETRY_TEST_GCS_ENDPOINT")).unwrap()),
            region: None,
        },
        secret: None,
    };
    GcsDriver::open(&target, &connections()).unwrap().create_bucket().await.unwrap();
    target
}

async fn context(case: &str) -> TestContext {
    TestContext::new(&new_bucket(case).await, &new_bucket(case).await, "")
}

crate::cases_of_all! { crate::gcs::context }
