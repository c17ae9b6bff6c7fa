//! One partition from its taking to its letting go.

use std::{sync::Arc, time::Duration};

use commitlog::Commit;
use tokio::{sync::watch, time::Instant};

use crate::{
    Error, Phase,
    claim::{self, Claimed, claim},
    context::Context,
    lakeside::Claim,
    limits,
    machine::{Machine, Plan},
    shell::{Drive, Shell},
};

/// How a partition is taken up.
pub(crate) enum Start {
    /// From what is stored.
    Fresh,
    /// From memory, if nobody has taken it meanwhile.
    Parked(Box<Shell>),
    /// After it stood still: when somebody has done something about it, or after a while.
    After(Halt),
}

/// Why a partition stands still, and when it is to be tried again.
pub(crate) struct Halt {
    /// The number of the newest commit that was seen.
    pub seen: Option<u64>,
    /// When it is tried again whatever is seen; never, where trying again can only do the same.
    pub again: Option<Duration>,
}

/// How the work on a partition ended.
pub(crate) enum Ended {
    /// Everything is written.
    Drained(Box<Commit>),
    /// Stopped in the middle: what is not committed is read again by whoever has it next.
    Stopped,
    /// Lost in the middle.
    Parked(Box<Shell>),
}

/// Takes a partition and works on it until it is told to end. Claims it again where the log has dropped records under it.
pub(crate) async fn work(
    cx: Arc<Context>,
    p: u32,
    start: Start,
    mut lost: watch::Receiver<bool>,
) -> Result<Ended, Error> {
    let mut ready = tokio::select! {
        biased;
        ready = prepare(&cx, p, start) => ready?,
        () = cx.shutdown.draining() => return Ok(Ended::Stopped),
        _ = lost.wait_for(|lost| *lost) => return Ok(Ended::Stopped),
    };
    let mut commits = 0;
    loop {
        let mut shell = match ready.take() {
            Some(shell) => shell,
            None => tokio::select! {
                biased;
                shell = begin(&cx, p, commits) => Box::new(shell?),
                () = cx.shutdown.cancelled() => return Ok(Ended::Stopped),
                _ = lost.wait_for(|lost| *lost) => return Ok(Ended::Stopped),
            },
        };
        cx.components.status.taken(p);
        cx.figures.taken(p);
        let ended = shell.drive(&mut lost).await?;
        commits = shell.report.commits(&shell.machine);
        match ended {
            // A log that goes on saying so would have it claimed without end.
            Drive::Again => tokio::select! {
                biased;
                () = tokio::time::sleep(limits::CLAIM_AGAIN) => {}
                () = cx.shutdown.draining() => {}
            },
            Drive::Drained => return Ok(Ended::Drained(Box::new(shell.head().clone()))),
            Drive::Lost if shell.machine.is_running() => return Ok(Ended::Parked(shell)),
            Drive::Cancelled | Drive::Lost => return Ok(Ended::Stopped),
        }
    }
}

/// Waits where there is something to wait for; gives the state in memory where it still stands.
async fn prepare(cx: &Arc<Context>, p: u32, start: Start) -> Result<Option<Box<Shell>>, Error> {
    match start {
        Start::Fresh => Ok(None),
        Start::After(halt) => {
            healed(cx, p, &halt).await;
            Ok(None)
        }
        Start::Parked(mut shell) => {
            let head = shell.head();
            let next = shell.claim.look(cx, head.seq + 1).await?;
            let ours = next.is_none_or(|next| next.nonce == shell.claim.nonce);
            let made_again = cx.persist(p, "log", || cx.refresh_ticks()).await?;
            if !ours || made_again || cx.ticks().id() != head.topic_id {
                return Ok(None);
            }
            tracing::info!(partition = p, "back, and nobody had it meanwhile: going on from memory");
            shell.resume(cx.clone())?;
            Ok(Some(shell))
        }
    }
}

/// Returns when a halted partition is worth another try.
async fn healed(cx: &Context, p: u32, halt: &Halt) {
    let since = Instant::now();
    let mut seen = halt.seen;
    loop {
        if let Ok(newest) = claim::newest(cx, p).await {
            if seen.is_some() && newest > seen && of_command(cx, p, newest).await {
                return;
            }
            seen = seen.max(newest);
        }
        let left = halt.again.map_or(Duration::MAX, |again| again.saturating_sub(since.elapsed()));
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(limits::HALT_LOOK_EVERY.min(left)).await;
    }
}

async fn of_command(cx: &Context, p: u32, seq: Option<u64>) -> bool {
    let Some(seq) = seq else { return false };
    let reader = Claim::new(p, 0, String::new());
    matches!(reader.look(cx, seq).await, Ok(Some(commit)) if claim::is_of_command(&commit.nonce))
}

/// Claims a partition.
async fn begin(cx: &Arc<Context>, p: u32, commits: u64) -> Result<Shell, Error> {
    let began = cx.now();
    cx.components.status.update(p, |s| s.phase = Phase::Restoring);
    let Claimed { claim, head, partition, skips, .. } = claim(cx, p).await?;
    cx.figures.restored(cx.now().saturating_sub(began));
    let roll = cx.settings.roll;
    let plan = Plan {
        layout: cx.layout.clone(),
        roll,
        pending_bytes: cx.budget.shares(cx.settings.read_bytes).0,
        stagger: roll.age * p / cx.settings.semantics.partitions.max(1),
        skips,
    };
    let machine = Machine::new(plan, head, partition, cx.now())?;
    Ok(Shell::new(cx.clone(), claim, machine, commits))
}
