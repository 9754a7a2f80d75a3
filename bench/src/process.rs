//! The CPU, memory and reads of a process so far, as Linux counts them.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::Result;

/// A running process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    id: u32,
    ticks_per_second: f64,
}

impl Process {
    pub(crate) fn new(id: u32) -> Result<Self> {
        let response = Command::new("getconf").arg("CLK_TCK").output()?;
        let ticks_per_second = String::from_utf8(response.stdout)?.trim().parse()?;
        Ok(Self { id, ticks_per_second })
    }

    /// The process id.
    pub(crate) fn id(self) -> u32 {
        self.id
    }

    /// User and system time of all its threads, including ended ones.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        let ticks = cpu_ticks(&stat).ok_or("can't read the times of a process")?;
        Ok(Duration::from_secs_f64(ticks as f64 / self.ticks_per_second))
    }

    /// Like [`Self::cpu`], with the processes that it started, running or ended.
    pub(crate) fn cpu_with_children(self) -> Result<Duration> {
        let mut ticks = 0;
        for entry in fs::read_dir("/proc")?.filter_map(std::result::Result::ok) {
            let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            // A process may have ended since.
            let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
            if id == self.id {
                ticks +=
                    cpu_ticks(&stat).unwrap_or_default() + ended_children_ticks(&stat).unwrap_or_default();
            } else if parent(&stat) == Some(self.id) {
                ticks += cpu_ticks(&stat).unwrap_or_default();
            }
        }
        Ok(Duration::from_secs_f64(ticks as f64 / self.ticks_per_second))
    }

    /// Current resident memory, in bytes.
    pub(crate) fn resident(self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// Peak resident memory since the start or the last [`Self::forget_peak`], in bytes.
    pub(crate) fn peak(self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// Resets [`Self::peak`].
    pub(crate) fn forget_peak(self) -> Result {
        // proc(5): 5 resets the peak resident set size to the current one.
        Ok(fs::write(format!("/proc/{}/clear_refs", self.id), "5")?)
    }

    /// The number of read calls so far, and the bytes that came from a disk rather than from the system's cache.
    pub(crate) fn reads(self) -> Result<(u64, u64)> {
        let io = fs::read_to_string(format!("/proc/{}/io", self.id))?;
        let count = |name| io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Ok((count("syscr:").ok_or("no syscr")?, count("read_bytes:").ok_or("no read_bytes")?))
    }

    fn status(self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let kib = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line in status")?;
        Ok(1024 * kib.trim().trim_end_matches(" kB").parse::<u64>()?)
    }
}

/// User and system time of several processes together.
pub(crate) fn cpu_of(processes: &[Process]) -> Result<Duration> {
    processes.iter().map(|process| process.cpu()).sum()
}

/// `utime` and `stime` of `/proc/PID/stat`.
fn cpu_ticks(stat: &str) -> Option<u64> {
    Some(field(stat, 11)? + field(stat, 12)?)
}

/// `cutime` and `cstime` of `/proc/PID/stat`.
fn ended_children_ticks(stat: &str) -> Option<u64> {
    Some(field(stat, 13)? + field(stat, 14)?)
}

/// `ppid` of `/proc/PID/stat`.
fn parent(stat: &str) -> Option<u32> {
    field(stat, 1)?.try_into().ok()
}

/// A field of `/proc/PID/stat`, counted from the one after the program's name, which may contain any characters.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name.split(' ').nth(number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_brackets_and_spaces() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 7 20 0 9 0 1000 0 0";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!((ended_children_ticks(stat), parent(stat)), (Some(14), Some(1)));
    }

    #[test]
    fn this_process_has_cost_something() {
        let process = Process::new(std::process::id()).unwrap();
        assert!(process.resident().unwrap() > 0);
        assert!(process.peak().unwrap() >= process.resident().unwrap() / 2);
        assert!(process.cpu_with_children().unwrap() >= process.cpu().unwrap() / 2);
        assert!(cpu_of(&[process, process]).unwrap() >= process.cpu().unwrap());
    }
}
