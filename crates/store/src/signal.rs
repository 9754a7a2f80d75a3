//! Signals between processes on one database, so that none has to wait until it polls again.
//!
//! A signal contains nothing that must be stored. It may be lost: processes that listen also poll the database.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use bucketry_model::id::{JobId, NodeId, ValidationId};

use crate::Result;

/// What another process did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// It stored a change event.
    Changed,
    /// It stored a job for this node.
    JobAdded(NodeId),
    /// It stored progress or the outcome of this job.
    JobReported(JobId),
    /// It stored how far this validation has come.
    ValidationMoved(ValidationId),
    /// It changed what some caller may do, or ended a session or token.
    CallersChanged,
    /// It approved or removed nodes. A new one, or one that registered again, isn't signalled: many may do so at the same time,
    /// and other processes learn of them when these nodes turn to them, or within a second.
    NodesChanged,
    /// It admitted requests, which count for the limits of all. The text is that of the limits. With the longest text, of
    /// about 6,000 bytes, the signal has fewer than the 8,000 that PostgreSQL passes on.
    RequestsAdmitted(String),
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => write!(f, "changed"),
            Self::JobAdded(node_id) => write!(f, "job-added {node_id}"),
            Self::JobReported(job_id) => write!(f, "job-reported {job_id}"),
            Self::ValidationMoved(id) => write!(f, "validation-moved {id}"),
            Self::CallersChanged => write!(f, "callers-changed"),
            Self::NodesChanged => write!(f, "nodes-changed"),
            Self::RequestsAdmitted(text) => write!(f, "requests-admitted {text}"),
        }
    }
}

/// The text is no signal that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this version doesn't know the signal")]
pub struct UnknownSignal;

impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (kind, id) = text.split_once(' ').unwrap_or((text, ""));
        match kind {
            "changed" => Ok(Self::Changed),
            "job-added" => Ok(Self::JobAdded(id.parse().map_err(|_| UnknownSignal)?)),
            "job-reported" => Ok(Self::JobReported(id.parse().map_err(|_| UnknownSignal)?)),
            "callers-changed" => Ok(Self::CallersChanged),
            "nodes-changed" => Ok(Self::NodesChanged),
            "requests-admitted" => Ok(Self::RequestsAdmitted(id.to_owned())),
            "validation-moved" => Ok(Self::ValidationMoved(id.parse().map_err(|_| UnknownSignal)?)),
            _ => Err(UnknownSignal),
        }
    }
}

/// The signals of other processes.
#[async_trait]
pub trait Signals: Send {
    /// Waits for the next signal. After an error, signals may have been lost: listen again.
    async fn next(&mut self) -> Result<Signal>;
}

/// Listens to other processes.
#[async_trait]
pub trait SignalStore {
    /// The signals from now on. `None` if no other process can use the database.
    async fn listen(&self) -> Result<Option<Box<dyn Signals>>>;

    /// Sends signals about what isn't stored.
    async fn send(&self, signals: Vec<Signal>) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_signal_reads_back_and_one_of_another_version_is_ignored() {
        let now = Timestamp::UNIX_EPOCH;
        let signals = [
            Signal::Changed,
            Signal::JobAdded(NodeId::new(now, [1; 10])),
            Signal::JobReported(JobId::new(now, [2; 10])),
            Signal::ValidationMoved(ValidationId::new(now, [3; 10])),
            Signal::CallersChanged,
            Signal::NodesChanged,
            Signal::RequestsAdmitted("token 7 5 address 192.0.2.1 12".to_owned()),
        ];
        for signal in signals {
            assert_eq!(signal.to_string().parse().as_ref(), Ok(&signal));
        }
        for other in ["", "x", "job-added", "job-added x", "job-reported "] {
            assert_eq!(other.parse::<Signal>(), Err(UnknownSignal), "{other}");
        }
    }
}
