//! Tests that are skipped, such as those that need a single control plane in a run that gives each deployment several.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::environment::variable;
use crate::{Error, Result};

/// The number of control planes of each deployment whose registry is in PostgreSQL. More than one if
/// `BUCKETRY_TEST_CONTROL_PLANES` says so.
pub fn control_planes() -> usize {
    variable("BUCKETRY_TEST_CONTROL_PLANES").ok().and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Ends a test that shows nothing about a deployment with several control planes, if this run is about such deployments. `cargo
/// xtask test` counts it as skipped, with the reason, which completes the sentence "… was skipped:".
///
/// It must be the first statement of the test, which returns [`Result`].
#[macro_export]
macro_rules! needs_one_control_plane {
    ($reason:expr) => {
        if $crate::is_skipped_with_several($reason)? {
            return Ok(());
        }
    };
}

/// Whether this run gives each deployment several control planes. If so, the calling test is reported as skipped for this
/// reason ([`note_skipped`]). For [`needs_one_control_plane`].
pub fn is_skipped_with_several(reason: &str) -> Result<bool> {
    if control_planes() < 2 {
        return Ok(false);
    }
    note_skipped(reason)?;
    Ok(true)
}

/// Reports that the calling test is skipped for this reason, which completes the sentence "… was skipped:". `cargo xtask test` then
/// counts it as skipped, from a line in the file that `BUCKETRY_TEST_SKIPPED` names. The test still has to return.
pub fn note_skipped(reason: &str) -> Result<()> {
    if let Ok(file) = variable("BUCKETRY_TEST_SKIPPED") {
        let thread = std::thread::current();
        let line = format!("{}\t{reason}\n", thread.name().unwrap_or("a test"));
        // One write, so that lines of tests that run at the same time don't mix.
        let mut file = OpenOptions::new().create(true).append(true).open(file).map_err(Error::Files)?;
        file.write_all(line.as_bytes()).map_err(Error::Files)?;
    }
    Ok(())
}
