//! Group commit: one thread takes every write that waits, runs them in one transaction, commits it once and answers.
//!
//! While one group is being made durable the next one gathers, so the cost of a commit is shared by as many calls as
//! arrive during one. Each call stays whole: where one of a group fails, the group is undone and its calls run alone.
//! With nothing to do the thread sleeps on its channel.

use std::{collections::HashSet, sync::Arc, thread};

use tokio::sync::{mpsc, oneshot};

use super::database::{Failure, File, Writer};
use crate::{StoreError, limits};

/// What the writer knows to be in the series tables already; forgotten when a transaction is undone.
pub(super) type Known = HashSet<Vec<u8>>;

/// A write. It may run twice: alone after its group was undone.
pub(super) type Job = Box<dyn FnMut(&Writer<'_>, &mut Known) -> Result<(), Failure> + Send>;

/// What the thread is asked.
pub(super) enum Request {
    Write { bytes: usize, job: Job, done: oneshot::Sender<Result<(), StoreError>> },
    Close { done: oneshot::Sender<Result<(), StoreError>> },
}

type Waiting = (Job, oneshot::Sender<Result<(), StoreError>>);

/// Starts the thread; it ends when all senders are gone.
pub(super) fn start(file: Arc<File>) -> std::io::Result<(mpsc::Sender<Request>, thread::JoinHandle<()>)> {
    let (sender, mut receiver) = mpsc::channel(limits::WAITING_WRITES);
    let thread = thread::Builder::new().name("store-writer".into()).spawn(move || {
        let mut known = Known::new();
        let mut group: Vec<Waiting> = Vec::new();
        while let Some(first) = receiver.blocking_recv() {
            let (mut next, mut bytes) = (Some(first), 0);
            while let Some(request) = next {
                match request {
                    Request::Write { bytes: more, job, done } => {
                        bytes += more;
                        group.push((job, done));
                    }
                    Request::Close { done } => {
                        commit(&file, &mut known, &mut group);
                        let _ = done.send(file.close());
                    }
                }
                next = if bytes < limits::GROUP_BYTES { receiver.try_recv().ok() } else { None };
            }
            commit(&file, &mut known, &mut group);
        }
    })?;
    Ok((sender, thread))
}

fn commit(file: &File, known: &mut Known, group: &mut Vec<Waiting>) {
    if group.is_empty() {
        return;
    }
    let together = run(file, known, group.iter_mut().map(|(job, _)| job));
    for (mut job, done) in group.drain(..) {
        let answer = match &together {
            Ok(()) => Ok(()),
            // The disk failed: running them one by one would fail as often.
            Err(StoreError::Unavailable { .. } | StoreError::Closed { .. }) => together.clone(),
            Err(_) => run(file, known, std::iter::once(&mut job)),
        };
        // Nobody may be waiting any more: the write happened all the same.
        let _ = done.send(answer);
    }
}

fn run<'a>(
    file: &File,
    known: &mut Known,
    jobs: impl Iterator<Item = &'a mut Job>,
) -> Result<(), StoreError> {
    let mut jobs: Vec<_> = jobs.collect();
    let result = file.write(|writer| jobs.iter_mut().try_for_each(|job| job(writer, known)));
    if result.is_err() {
        known.clear();
    }
    result
}
