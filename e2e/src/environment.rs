//! The environment variables that `cargo xtask test` sets: the paths and addresses of binary, tools and shared
//! servers.

use std::path::PathBuf;

use crate::{Error, Result};

/// The built `bucketry` binary.
///
/// # Errors
/// [`Error::NoEnvironment`] outside `cargo xtask test`; the same holds for all functions here.
pub fn binary() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_BINARY").map(PathBuf::from)
}

/// A `bucketry` binary of an older version, if one is named.
pub fn older_binary() -> Option<PathBuf> {
    variable("BUCKETRY_TEST_OLDER_BINARY").ok().map(PathBuf::from)
}

/// The `weed` executable of SeaweedFS.
pub fn weed() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_WEED").map(PathBuf::from)
}

/// The `weed` executable of SeaweedFS 4.30, which treats upload ids and versions as paths.
pub(crate) fn older_weed() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_OLDER_WEED").map(PathBuf::from)
}

/// The `azurite-blob` script: an Azure Blob server.
pub fn azurite() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_AZURITE").map(PathBuf::from)
}

/// The `fake-gcs-server` executable: a Cloud Storage server.
pub fn fake_gcs() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_FAKE_GCS").map(PathBuf::from)
}

/// A Python interpreter with `boto3` and `pyrage`, to verify results with independent tools.
pub fn python() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_PYTHON").map(PathBuf::from)
}

/// The library that gives a process another clock, if it is installed.
pub(crate) fn faketime() -> Option<PathBuf> {
    variable("BUCKETRY_TEST_FAKETIME").ok().map(PathBuf::from)
}

/// The S3 server that all tests share. Don't stop it, and because its two buckets are shared, use keys with a
/// unique prefix.
pub fn shared_s3_endpoint() -> Result<String> {
    variable("BUCKETRY_TEST_S3_ENDPOINT")
}

/// The URL of the PostgreSQL server that all tests share, without a database.
pub(crate) fn shared_postgres() -> Result<String> {
    variable("BUCKETRY_TEST_POSTGRES")
}

/// The directory of PostgreSQL's programs.
pub(crate) fn postgres_programs() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_POSTGRES_PROGRAMS").map(PathBuf::from)
}

/// A variable that `cargo xtask test` sets.
pub(crate) fn variable(name: &'static str) -> Result<String> {
    std::env::var(name).map_err(|_| Error::NoEnvironment(name))
}
