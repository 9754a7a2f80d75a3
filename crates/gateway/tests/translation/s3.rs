//! On an S3 server.

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::error::ProviderError;
use bucketry_provider::s3::S3Driver;

use crate::world::{World, connections, new_name, setting};

/// A bucket as the identity `who` sees it; empty for the administrator.
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

/// A bucket that all tests share: on this server each one takes up much room.
pub(crate) async fn bucket(name: &str) -> BucketTarget {
    let target = target(name, "");
    match S3Driver::open(&target, &connections()).unwrap().create_bucket().await {
        Ok(()) => target,
        Err(ProviderError::Answer(answer)) if answer.status == 409 => target,
        Err(error) => panic!("the test bucket can't be made: {error:?}"),
    }
}

async fn world(case: &str) -> World {
    World::new(&bucket("gateway-one").await, &bucket("gateway-two").await, &format!("{}/", new_name(case)))
}

crate::cases_of_all! { crate::s3::world }
crate::cases! { crate::s3::world;
    multipart: parts_become_an_object, an_aborted_upload_is_gone;
}
