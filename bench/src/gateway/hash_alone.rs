//! What SHA-256 alone takes for a payload: the part of verifying a write that no gateway can avoid.

use std::fs;

use ring::digest::{SHA256, digest};

use crate::Result;
use crate::cores::Cores;

/// How often the payload is hashed per figure.
const TIMES: u32 = 8;

/// CPU in µs that hashing `content` once takes on the measured core, for each of a number of rounds.
pub(super) fn cpu_us(cores: Cores, content: &[u8], rounds: usize) -> Result<Vec<f64>> {
    cores.measured(|| {
        (0..rounds)
            .map(|_| {
                let before = thread_cpu_ns()?;
                for _ in 0..TIMES {
                    std::hint::black_box(digest(&SHA256, std::hint::black_box(content)));
                }
                Ok((thread_cpu_ns()? - before) / f64::from(TIMES) / 1e3)
            })
            .collect()
    })
}

/// CPU time of this thread so far, in ns. `/proc/…/stat`, which counts in hundredths of a second, is too coarse.
fn thread_cpu_ns() -> Result<f64> {
    let times = fs::read_to_string("/proc/thread-self/schedstat")?;
    let on_cpu = times.split(' ').next().ok_or("schedstat has no times")?;
    Ok(on_cpu.trim().parse()?)
}
