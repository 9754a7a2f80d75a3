//! The options to run the binary as a test deployment; see [`Options::new`].

use bucketry_test_servers::bucketry::Options;

use crate::Result;
use crate::environment::{binary, variable};
use crate::postgres::make_database;

/// Options with the registry in an empty database of the engine under test: PostgreSQL with
/// `BUCKETRY_TEST_ENGINE=postgres`, otherwise the embedded one.
///
/// # Errors
/// As for [`binary`].
pub fn options() -> Result<Options> {
    let options = embedded_options()?;
    match variable("BUCKETRY_TEST_ENGINE").as_deref() {
        Ok("postgres") => Ok(options.env("BUCKETRY_DATABASE_URL", &make_database()?)),
        _ => Ok(options),
    }
}

/// Like [`options`], but always with the embedded database, for journeys that use its file.
pub fn embedded_options() -> Result<Options> {
    Ok(Options::new(&binary()?))
}
