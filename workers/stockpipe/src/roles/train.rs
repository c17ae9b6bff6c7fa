//! `stockpipe train --in-cluster`: one TrainingRun as the pod of a Job. The result is its termination message, how far it
//! is stands on `/status`.
//!
//! Exit codes say whether another attempt makes sense: 0 = an outcome is recorded, a refusal by the gates included;
//! 1 = it may go better next time; 2 = it never will.

use std::{fs, path::Path, sync::Arc};

use crds::{Bare, Documents, training_run::RunResult};
use market::ErrorKind;
use parking_lot::Mutex;
use serde_json::json;
use trainer::{Phase, Progress};

use super::{Process, live};
use crate::{
    Failure, cli,
    commands::{Run, only_run, progress_line, run_training},
    context::connect::Needs,
    load,
};

/// Where control groups of both versions say how much memory there is.
const MEMORY_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Trains, says how it ended, and gives the exit code.
pub async fn train(args: cli::TrainArgs) -> u8 {
    let uid = args.pod.run_uid.clone().unwrap_or_default();
    let result = Arc::new(Mutex::new(None));
    let ended = match load::load(&args.manifest, Bare::Run) {
        Ok(documents) => attempt(&args, documents, &result).await,
        Err(failure) => Err(failure),
    };
    let code = match ended {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            let failed = RunResult {
                run_uid: uid,
                attempt: args.pod.attempt,
                error: Some(failure.text.clone()),
                ..RunResult::default()
            };
            *result.lock() = Some(failed);
            exit_code(failure.kind)
        }
    };
    // Ended by a signal before there was anything to say: the Job's controller knows why.
    let Some(result) = result.lock().take() else { return code };
    let text = result.encode();
    println!("{text}");
    match fs::write(&args.pod.termination_log, &text) {
        Ok(()) => code,
        Err(e) => {
            eprintln!(
                "error: {}: {e}; the result is the last line of the output",
                args.pod.termination_log.display()
            );
            code
        }
    }
}

async fn attempt(
    args: &cli::TrainArgs,
    documents: Documents,
    result: &Arc<Mutex<Option<RunResult>>>,
) -> Result<u8, Failure> {
    let run = only_run(&documents)?;
    let process = cli::ProcessArgs {
        listen: args.pod.listen,
        pod_uid: args.pod.pod_uid.clone(),
        ..cli::ProcessArgs::default()
    };
    let role = cli::RoleArgs { manifest: args.manifest.clone(), process };
    let (threads, attempt) = (args.threads, args.pod.attempt);
    let uid = args.pod.run_uid.clone().unwrap_or_default();
    let said = result.clone();
    live("trainer", &role, documents, Needs::STORED, |process, context| async move {
        let run =
            Run { name: run.name().to_owned(), run, uid: uid.clone(), memory_limit: memory_limit(), threads };
        let seen = follow(&process, &uid, attempt);
        let outcome = run_training(&context, &run, process.shutdown.clone(), move |progress| {
            tracing::info!(target: super::SAYS, "{}", progress_line(&progress));
            *seen.lock() = Some(progress);
        });
        match outcome.await {
            Ok(outcome) => *said.lock() = Some(RunResult::of(&uid, attempt, &outcome.status)),
            // Told to end: nothing is published, and another attempt starts from the beginning.
            Err(_) if process.shutdown.is_draining() => {}
            Err(failure) => return Err(failure.into()),
        }
        Ok(())
    })
    .await
}

/// Shows on `/status` how far the run is.
fn follow(process: &Process, uid: &str, attempt: i32) -> Arc<Mutex<Option<Progress>>> {
    let seen: Arc<Mutex<Option<Progress>>> = Arc::default();
    process.admin.status("train", {
        let (seen, uid) = (seen.clone(), uid.to_owned());
        move || {
            let seen = seen.lock();
            json!({
                "runUid": uid,
                "attempt": attempt,
                "phase": seen.as_ref().map_or(Phase::Loading, |p| p.phase).as_str(),
                "progressPercent": seen.as_ref().map_or(0, |p| p.percent),
                "estimatedRemainingSeconds": seen.as_ref().and_then(|p| p.eta_seconds),
            })
        }
    });
    seen
}

/// Memory of this container, in bytes; `None` where it has no limit.
fn memory_limit() -> Option<u64> {
    let read = |path: &&str| fs::read_to_string(Path::new(path)).ok()?.trim().parse().ok();
    // "No limit" is the word `max`, or more than any machine has.
    MEMORY_LIMITS.iter().find_map(read).filter(|bytes| *bytes < 1 << 50)
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::BadInput | ErrorKind::Misconfigured => 2,
        ErrorKind::Retry
        | ErrorKind::Unavailable
        | ErrorKind::Corrupt
        | ErrorKind::Refused
        | ErrorKind::Fenced
        | ErrorKind::Bug => 1,
    }
}
