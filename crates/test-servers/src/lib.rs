//! Real programs for tests: started on free loopback ports, waited for until they answer, and ended whatever happens
//! to the test that started them.
//!
//! `cargo xtask test` starts a shared storage server with it and the journeys in `e2e/` start their own, so the
//! command lines stand in one place. Blocking on purpose, and built on the standard library: it has to compile in
//! seconds, before anything else of the workspace.

pub mod azurite;
pub mod bucketry;
pub mod fake_gcs;
pub mod hostile;
pub mod loopback;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod seaweedfs;
pub mod wait;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a program could not be started, reached or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The executable could not be run at all: it is missing or not executable.
    #[error("can't run {}: {source}", program.display())]
    Spawn {
        /// What was to be run.
        program: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The program ended by itself while it was expected to run; its last lines tell why.
    #[error("{name} ended with {status} instead of getting ready; its last lines:\n{log}")]
    Ended {
        /// The program's name.
        name: String,
        /// Its exit status as text.
        status: String,
        /// The end of what it printed.
        log: String,
    },
    /// Something did not become true in time.
    #[error("{what} did not happen within {} s; last seen: {last}", within.as_secs())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
        /// What the last look at it showed.
        last: String,
    },
    /// A program answered, but not what its protocol says.
    #[error("unexpected answer: {0}")]
    UnexpectedAnswer(String),
    /// Reading, writing or signalling failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The result of starting, asking or ending a program.
pub type Result<T> = std::result::Result<T, Error>;
