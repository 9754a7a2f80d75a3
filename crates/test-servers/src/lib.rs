//! Starts real programs for tests on free loopback ports, waits until they respond, and stops them whatever happens
//! to the test.
//!
//! `cargo xtask test` uses it for the shared servers, and the end-to-end tests in `e2e/` for their own, so each
//! command line is in one place. The crate is blocking and needs little beyond the standard library, because
//! `xtask` must compile in seconds, before the rest of the workspace.

pub mod azurite;
pub mod bucketry;
pub mod bucketry_node;
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

/// Why a program could not be started, reached or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program can't be run: it is missing or not executable.
    #[error("can't run {}: {source}", program.display())]
    Spawn {
        /// The path of the program.
        program: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The program exited although it was expected to run. Its last lines say why.
    #[error("{name} ended with {status} instead of getting ready; its last lines:\n{log}")]
    Ended {
        /// The file name of the program.
        name: String,
        /// The exit status as text.
        status: String,
        /// The last lines of its output.
        log: String,
    },
    /// A condition didn't become true in time.
    #[error("{what} did not happen within {} s; last seen: {last}", within.as_secs())]
    TimedOut {
        /// What was expected; completes "… did not happen".
        what: String,
        /// How long it was awaited.
        within: Duration,
        /// What was seen last instead.
        last: String,
    },
    /// A program responded, but not as its protocol requires.
    #[error("unexpected answer: {0}")]
    UnexpectedAnswer(String),
    /// Reading, writing or sending a signal failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The result of starting, calling or stopping a program.
pub type Result<T> = std::result::Result<T, Error>;
