//! MFI: RSI's idea on money flow (typical price times volume), over a finite window. Without any flow it stands at 50.
//! (TA-Lib says 0 there, and also wherever the flow of the window is below 1.0 in whatever unit: that depends on the
//! currency, so it is not followed.)

use crate::history::{History, Sample};

pub(crate) fn value(history: &History, n: usize) -> Option<f64> {
    let bars: Vec<&Sample> = history.last(n + 1)?.collect();
    let (mut up, mut down) = (0.0, 0.0);
    for pair in bars.windows(2) {
        let (before, now) = (pair[0].typical(), pair[1].typical());
        let flow = now * pair[1].volume;
        if now > before {
            up += flow;
        } else if now < before {
            down += flow;
        }
    }
    let total = up + down;
    Some(if total > 0.0 { 100.0 * (up / total) } else { 50.0 })
}
