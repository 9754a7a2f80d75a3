//! The test harness of the journeys: the built binary as a server, a real S3 server, plain JSON calls, and polling
//! for conditions.
//!
//! A journey uses public interfaces only: the command line, HTTP, signals, and files that users may touch. It
//! depends on no crate of the server, so an internal change can't make it pass or fail.
//!
//! ```no_run
//! # async fn journey() -> bucketry_e2e::Result<()> {
//! use bucketry_e2e::{Server, options};
//!
//! let server = Server::start(options()?).await?;
//! let token = server.log_in().await?;
//! let told = server.get("/bucket").token(&token).send().await?.json_with_status(200)?;
//! assert_eq!(told["success"], true);
//! # Ok(())
//! # }
//! ```

mod alertmanager;
mod authority;
mod azure;
mod balancer;
mod call;
mod clients;
mod command_line;
mod control_planes;
mod disk;
mod environment;
mod eventually;
mod fake_clock;
mod in_browser;
mod json;
mod mail;
mod network_host;
mod one_control_plane;
mod options;
mod outcomes;
mod person;
mod postgres;
mod pseudo_terminal;
mod public_client;
mod python;
mod receiver;
mod remote_node;
mod reverse_proxy;
mod s3;
mod server;
mod signed;

pub use alertmanager::Alertmanager;
pub use authority::{CertificateAuthority, IssuedCertificate};
pub use azure::{Azure, azure};
pub use balancer::Balancer;
pub use bucketry_test_servers::bucketry::{OWNER_EMAIL, OWNER_PASSWORD, Options};
pub use bucketry_test_servers::hostile::{CONNECTIONS as HOSTILE_CONNECTIONS, Hostile};
pub use bucketry_test_servers::ports::free as free_ports;
pub use bucketry_test_servers::postgres::Settings as PostgresSettings;
pub use bucketry_test_servers::seaweedfs::{
    ADMIN, Identity, NO_LIST, OPEN_BUCKET, READ_ONLY, SCOPED_BUCKET, WRITE_ONLY,
};
pub use call::{Answer, Call};
pub use clients::{RepositoryAccess, S3Client};
pub use command_line::{CommandLine, Ended, Running};
pub use disk::{fill_disk, fill_disk_of_node, free_disk, free_disk_of_node, ignoring_full_disks};
pub use environment::{azurite, binary, fake_gcs, older_binary, python, shared_s3_endpoint, weed};
pub use eventually::eventually;
pub use fake_clock::FakeClock;
pub use in_browser::{act_in_browser, run_in_browser};
pub use json::{each, list, members, text, with};
pub use mail::{MailServer, mail_certificates};
pub use network_host::NetworkHost;
pub use one_control_plane::{control_planes, is_skipped_with_several, note_skipped};
pub use options::{embedded_options, options};
pub use outcomes::{OBJECT_STORE, Outcomes};
pub use person::{Person, azure_bucket, gcs_bucket, opened_by, s3_bucket};
pub use postgres::{Postgres, Stranger, new_database, query};
pub use pseudo_terminal::Shown;
pub use public_client::{ClientCalls, NotServed, are_not_served, keep_page, lacks, not_served_table};
pub use python::{open_with_age, run_documented_node, run_python, sealed_secrets};
pub use receiver::{ReceivedEvent, Receiver, Reception};
pub use remote_node::RemoteNode;
pub use reverse_proxy::{ProxyProgram, ReverseProxy, documented_file};
pub use s3::SeaweedFs;
pub use server::Server;

use std::fmt;
use std::time::Duration;

/// Why a journey failed. Journeys return it with `?`; its text says what to check.
#[derive(thiserror::Error)]
pub enum Error {
    /// A variable that `cargo xtask test` sets is missing.
    #[error("{0} is not set: run the journeys with `cargo xtask test -- -p bucketry-e2e`")]
    NoEnvironment(&'static str),
    /// A server could not be started, reached or stopped.
    #[error(transparent)]
    Server(#[from] bucketry_test_servers::Error),
    /// The thread that started or stopped a server panicked.
    #[error("starting or stopping a server failed: {0}")]
    Broken(#[from] tokio::task::JoinError),
    /// A request got no complete response: the connection was refused or reset, or it isn't HTTP.
    #[error("{call}: {reason}")]
    NoAnswer {
        /// Method and URL.
        call: String,
        /// What went wrong.
        reason: String,
    },
    /// A request got a response that the journey doesn't expect.
    #[error("{call}: expected {expected}, got {status}: {body}")]
    OtherAnswer {
        /// Method and URL.
        call: String,
        /// What was expected.
        expected: String,
        /// The status of the response.
        status: u16,
        /// The body of the response, as text.
        body: String,
    },
    /// A program ended in a way that the journey doesn't expect.
    #[error("{call}: expected {expected}, ended with {status}: {output}")]
    OtherEnd {
        /// The program and its arguments.
        call: String,
        /// What was expected.
        expected: String,
        /// The exit status, as text.
        status: String,
        /// The program's output.
        output: String,
    },
    /// A program could not be run, or a file could not be read or written.
    #[error(transparent)]
    Files(std::io::Error),
    /// A condition was not met in time.
    #[error("{what} did not happen within {} s; last seen: {last}", within.as_secs())]
    TimedOut {
        /// What was waited for, completing the sentence "… did not happen".
        what: String,
        /// How long the journey waited.
        within: Duration,
        /// What was seen last.
        last: String,
    },
}

// A failed test prints its error with `Debug`; server logs in it should be readable.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The result of a step of a journey.
pub type Result<T> = std::result::Result<T, Error>;
