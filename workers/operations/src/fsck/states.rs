//! States: the one that the next owner starts from, and the anchors that replays start from.

use super::{Finding, Problem};
use crate::{OperationsError, files::Files, lineage::Lineage};

/// Decodes the states of one partition and holds them against their records.
pub(super) async fn check(
    files: &Files<'_>,
    lineage: &Lineage,
    out: &mut Vec<Finding>,
) -> Result<(), OperationsError> {
    let p = Some(lineage.partition);
    let Some(head) = lineage.head() else { return Ok(()) };
    let path = head.state.as_ref().map(|s| s.deltas.last().unwrap_or(&s.full).clone());
    if let Some(path) = &path {
        let found = match lineage.head_state(files).await {
            Ok(Some(base)) => {
                let state =
                    (base.partition.write_ts(), base.partition.watermark(), base.partition.generation());
                let recorded = (head.write_ts, head.watermark, head.generation);
                // Offsets without records lie before an end, not before a state.
                let fits = state == recorded && base.partition.next_offset() <= head.end;
                (!fits).then(|| format!("it is not the state of commit {}", head.seq))
            }
            Ok(None) => None,
            Err(e) if e.is_damage() => Some(e.to_string()),
            Err(e) => return Err(e),
        };
        if let Some(detail) = found {
            out.push(Finding::new(Problem::DamagedState, p, Some(path), detail));
        }
    }
    for (seq, (_, path)) in &lineage.anchors {
        if head.state.as_ref().is_some_and(|s| s.full == *path) {
            continue;
        }
        match lineage.base(files, *seq).await {
            Ok(_) => {}
            Err(e) if e.is_damage() => {
                out.push(Finding::new(Problem::DamagedAnchor, p, Some(path), e.to_string()));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
