//! A clock that is wrong for a single process of the binary under test.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use tempfile::TempDir;

use crate::environment::{binary, faketime};
use crate::{Error, Options, Result};

/// A clock that processes read in place of this machine's. It can be set while they run. Times that have passed are measured
/// correctly, as when the clock of a machine is set.
#[derive(Debug)]
pub struct FakeClock {
    dir: TempDir,
    library: PathBuf,
}

impl FakeClock {
    /// A clock that differs by this much from the machine's. `None` where libfaketime is missing.
    pub fn new(ahead: SignedDuration) -> Result<Option<Self>> {
        let Some(library) = faketime() else { return Ok(None) };
        let clock = Self { dir: tempfile::tempdir().map_err(Error::Files)?, library };
        clock.set(ahead)?;
        Ok(Some(clock))
    }

    /// Sets the clock. A negative duration is behind the machine's.
    pub fn set(&self, ahead: SignedDuration) -> Result<()> {
        let next = self.dir.path().join("next");
        // The file is read each time that the clock is, so it is never incomplete.
        std::fs::write(&next, format!("{:+}\n", ahead.as_secs())).map_err(Error::Files)?;
        std::fs::rename(&next, self.file()).map_err(Error::Files)
    }

    /// A script that runs the binary with this clock.
    pub fn program(&self) -> Result<PathBuf> {
        let script = self.dir.path().join("bucketry");
        let environment: Vec<_> =
            self.environment().into_iter().map(|(name, value)| format!("{name}='{value}'")).collect();
        let text =
            format!("#!/bin/sh\nexec env {} '{}' \"$@\"\n", environment.join(" "), binary()?.display());
        std::fs::write(&script, text).map_err(Error::Files)?;
        let runnable = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&script, runnable).map_err(Error::Files)?;
        Ok(script)
    }

    /// Has a server use this clock.
    pub fn of_server(&self, options: Options) -> Options {
        self.environment().into_iter().fold(options, |options, (name, value)| options.env(name, &value))
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("clock")
    }

    fn environment(&self) -> [(&'static str, String); 6] {
        let text = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // Versions of the library differ in the name.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }
}
