//! Assigns processor cores: the measured server has one to itself; the load and the storage have the others.
//!
//! A child inherits its parent's affinity, so this process moves to the measured core while it starts a server, and
//! back. A server that queries the number of cores sees one, and nginx is configured for one.

use std::process::Command;

use crate::Result;

/// The division of the cores. On a machine with one core, or without `taskset`, nothing is pinned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    count: Option<usize>,
}

impl Cores {
    /// Takes this process off the measured core.
    pub(crate) fn divide() -> Self {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = Self { count: (count > 1).then_some(count) };
        if cores.move_to_others().is_ok() { cores } else { Self { count: None } }
    }

    /// Leaves everything where the operating system puts it.
    pub(crate) fn shared() -> Self {
        Self { count: None }
    }

    /// How many cores the measured server may use.
    pub(crate) fn for_what_is_measured(self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.count.map_or_else(all, |_| 1)
    }

    /// Whether the measured server has a core to itself.
    pub(crate) fn are_divided(self) -> bool {
        self.count.is_some()
    }

    /// Runs `start` on the measured core, so that the processes it starts stay there.
    pub(crate) fn measured<T>(self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        self.move_to("0")?;
        let started = start();
        self.move_to_others()?;
        started
    }

    /// Lets this process use all cores again.
    pub(crate) fn unite(self) -> Result {
        self.count.map_or(Ok(()), |count| self.move_to(&format!("0-{}", count - 1)))
    }

    fn move_to_others(self) -> Result {
        self.count.map_or(Ok(()), |count| self.move_to(&format!("1-{}", count - 1)))
    }

    /// Moves the main thread only, which starts everything.
    fn move_to(self, cores: &str) -> Result {
        if self.count.is_none() {
            return Ok(());
        }
        let response =
            Command::new("taskset").args(["-pc", cores, &std::process::id().to_string()]).output()?;
        if response.status.success() {
            Ok(())
        } else {
            Err(format!("taskset: {}", String::from_utf8_lossy(&response.stderr).trim()).into())
        }
    }
}
