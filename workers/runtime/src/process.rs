//! What this process has used so far: for summaries, the health page and the benchmarks.

use std::time::Duration;

/// Resources used by the process since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU time in user and system mode, over all threads.
    pub cpu: Duration,
    /// Resident memory now, in bytes.
    pub rss_bytes: u64,
    /// Greatest resident memory so far, in bytes.
    pub peak_rss_bytes: u64,
}

/// Reads `/proc/self`; zero where the system has none.
pub fn usage() -> Usage {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Usage {
        cpu: Duration::new(u64::try_from(cpu.tv_sec).unwrap_or(0), u32::try_from(cpu.tv_nsec).unwrap_or(0)),
        rss_bytes: kilobytes(&status, "VmRSS:"),
        peak_rss_bytes: kilobytes(&status, "VmHWM:"),
    }
}

/// What this machine is called, in a pod the pod's name; `None` where the system does not say.
pub fn host_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn kilobytes(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_figures() {
        assert_eq!(kilobytes("Name:\tx\nVmHWM:\t    1024 kB\nVmRSS:\t 3 kB\n", "VmHWM:"), 1024 * 1024);
        assert_eq!(kilobytes("", "VmHWM:"), 0);
        let used = usage();
        assert!(used.peak_rss_bytes >= used.rss_bytes && used.rss_bytes > 0 && used.cpu > Duration::ZERO);
        assert!(host_name().is_some_and(|name| !name.contains(char::is_whitespace)));
    }
}
