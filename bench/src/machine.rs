//! Describes the machine and the versions of a measurement.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// Processor, system, versions, commit, and the current load average.
pub(crate) fn describe(commit: &str) -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cpu": model.trim_start_matches([' ', '\t', ':']),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "memory": memory.trim(),
        "kernel": response(Command::new("uname").arg("-sr")),
        "loadAtStart": load.split(' ').next().and_then(|text| text.parse::<f64>().ok()),
        "rustc": response(Command::new("rustc").arg("--version")),
        "bucketry": env!("CARGO_PKG_VERSION"),
        "commit": commit,
    })
}

fn response(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
