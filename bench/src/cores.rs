//! Which processor cores work for whom: what is measured has one to itself, the load and the storage have the others.
//!
//! A child runs where its parent ran when it was started, so this process moves to the measured core for the moment of
//! a start, and back. A server that asks how many cores there are is told "one", as nginx is by its settings.

use std::process::Command;

use crate::Result;

/// The cores of the two sides. On a machine with one core, or without `taskset`, nothing is pinned.
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

    /// How many cores what is measured may use.
    pub(crate) fn for_what_is_measured(self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.count.map_or_else(all, |_| 1)
    }

    /// Whether what is measured has a core to itself.
    pub(crate) fn are_divided(self) -> bool {
        self.count.is_some()
    }

    /// Starts something on the measured core.
    pub(crate) fn measured<T>(self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        self.move_to("0")?;
        let started = start();
        self.move_to_others()?;
        started
    }

    /// Gives all cores back.
    pub(crate) fn unite(self) -> Result {
        self.count.map_or(Ok(()), |count| self.move_to(&format!("0-{}", count - 1)))
    }

    fn move_to_others(self) -> Result {
        self.count.map_or(Ok(()), |count| self.move_to(&format!("1-{}", count - 1)))
    }

    /// Only the main thread moves, which starts everything.
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
