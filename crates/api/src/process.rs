//! Resource usage of this process, from the operating system.

/// Resource usage of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    /// User and system CPU time.
    pub(crate) cpu_seconds: f64,
    /// Resident memory.
    pub(crate) resident_bytes: i64,
    /// Open file descriptors.
    pub(crate) open_files: i64,
}

impl Process {
    /// Reads `/proc`; `None` where there is none.
    pub(crate) fn look() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: i64 = resident.split_whitespace().next()?.parse().ok()?;
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let open_files = std::fs::read_dir("/proc/self/fd").ok()?.count();
        Some(Self {
            cpu_seconds: cpu_ticks(&stat)? as f64 / TICKS_PER_SECOND,
            resident_bytes: kibibytes * 1_024,
            open_files: i64::try_from(open_files).ok()?,
        })
    }
}

/// Linux reports times to programs in hundredths of a second on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// `utime` and `stime` of proc(5): the 14th and 15th field, counted after the closing parenthesis of the command,
/// because the command may contain spaces.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_command_name() {
        let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("nonsense"), None);
    }
}
