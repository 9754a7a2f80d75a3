//! What `cargo xtask test` tells the journeys: where the binary, the tools and the shared S3 server are.

use std::path::PathBuf;

use bucketry_test_servers::bucketry::Options;

use crate::{Error, Result};

/// The built `bucketry` binary.
///
/// # Errors
/// [`Error::NoEnvironment`] outside `cargo xtask test`; the same holds for all functions here.
pub fn binary() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_BINARY").map(PathBuf::from)
}

/// The `weed` executable of SeaweedFS.
pub fn weed() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_WEED").map(PathBuf::from)
}

/// The `azurite-blob` script: an Azure Blob server.
pub fn azurite() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_AZURITE").map(PathBuf::from)
}

/// The `fake-gcs-server` executable: a Cloud Storage server.
pub fn fake_gcs() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_FAKE_GCS").map(PathBuf::from)
}

/// A Python that can import `boto3` and `pyrage`, for looking at results with tools that are not ours.
pub fn python() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_PYTHON").map(PathBuf::from)
}

/// The S3 server that all tests share. It is never stopped and its two buckets belong to everyone: use keys under a
/// prefix of your own.
pub fn shared_s3_endpoint() -> Result<String> {
    variable("BUCKETRY_TEST_S3_ENDPOINT")
}

/// How to run the binary as a test deployment; see [`Options::new`].
pub fn options() -> Result<Options> {
    Ok(Options::new(&binary()?))
}

/// A variable that `cargo xtask test` sets.
pub(crate) fn variable(name: &'static str) -> Result<String> {
    std::env::var(name).map_err(|_| Error::NoEnvironment(name))
}
