//! The real Cloud Storage server for tests, given by environment variables. It checks no credentials.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers fail by panicking")]

use bucketry_model::bucket::BucketTarget;
use bucketry_provider::gcs::GcsDriver;

use crate::gcs_target::{connections, target_at};

/// Reads a variable that `cargo xtask test` sets.
fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: this test needs a Cloud Storage server, which `cargo xtask test` starts and names")
    })
}

/// A bucket on the server.
pub(crate) fn target(bucket: &str) -> BucketTarget {
    target_at(&setting("BUCKETRY_TEST_GCS_ENDPOINT"), bucket)
}

/// Creates a bucket that no other test uses.
pub(crate) async fn new_bucket(case: &str) -> BucketTarget {
    let tail = uuid::Uuid::new_v4().simple().to_string();
    let case: String = case.chars().filter(char::is_ascii_alphabetic).take(24).collect();
    let target = target(&format!("{case}-{}", &tail[..12]));
    GcsDriver::open(&target, &connections()).unwrap().create_bucket().await.unwrap();
    target
}
