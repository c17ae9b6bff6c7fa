//! What a process has used so far, as the kernel tells it.

use std::fs;
use std::time::Duration;

/// Clock ticks a second in /proc, on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// CPU time of all its threads; zero where there is no such process. Still there when it has ended and nobody has waited for it.
pub fn cpu_time(pid: u32) -> Duration {
    let stat = read(pid, "stat");
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th fields behind it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Duration::from_secs_f64((ticks(11) + ticks(12)) / TICKS_A_SECOND)
}

/// Bytes of memory at its peak; zero where there is no such process, or no longer.
pub fn peak_rss_bytes(pid: u32) -> u64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn read(pid: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
}
