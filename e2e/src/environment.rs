//! What `cargo xtask test` tells the journeys: where the binary, the tools and the shared S3 server are.

use std::path::PathBuf;

use bucketry_test_servers::bucketry::Options;

use crate::postgres::make_database;
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

/// The `weed` executable of SeaweedFS 4.30, which takes upload ids and versions for paths.
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

/// A Python that can import `boto3` and `pyrage`, for looking at results with tools that are not ours.
pub fn python() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_PYTHON").map(PathBuf::from)
}

/// The S3 server that all tests share. It is never stopped and its two buckets belong to everyone: use keys under a
/// prefix of your own.
pub fn shared_s3_endpoint() -> Result<String> {
    variable("BUCKETRY_TEST_S3_ENDPOINT")
}

/// The PostgreSQL server that all tests share, without a database.
pub(crate) fn shared_postgres() -> Result<String> {
    variable("BUCKETRY_TEST_POSTGRES")
}

/// The folder of PostgreSQL's programs.
pub(crate) fn postgres_programs() -> Result<PathBuf> {
    variable("BUCKETRY_TEST_POSTGRES_PROGRAMS").map(PathBuf::from)
}

/// How to run the binary as a test deployment; see [`Options::new`]. Its registry is in an empty database of the engine
/// that this run is about: `BUCKETRY_TEST_ENGINE=postgres`, or the embedded one.
pub fn options() -> Result<Options> {
    let options = embedded_options()?;
    match variable("BUCKETRY_TEST_ENGINE").as_deref() {
        Ok("postgres") => Ok(options.env("BUCKETRY_DATABASE_URL", &make_database()?)),
        _ => Ok(options),
    }
}

/// The same with the embedded database whatever the run is about: for what users do with its file.
pub fn embedded_options() -> Result<Options> {
    Ok(Options::new(&binary()?))
}

/// A variable that `cargo xtask test` sets.
pub(crate) fn variable(name: &'static str) -> Result<String> {
    std::env::var(name).map_err(|_| Error::NoEnvironment(name))
}
