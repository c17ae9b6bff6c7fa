//! A lake that fails on command: before dispatch, after dispatch, with a torn file, late, or by the death of the
//! process at the n-th call.
//!
//! A dead process makes no calls: once crashed, every call waits for ever, and the owner of the test drops whatever
//! was waiting. [`FaultyLake::crashed`] tells when.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Entry, Lake, LakeError};

/// Which kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `create`
    Create,
    /// `rename_no_overwrite`
    Rename,
    /// `list`
    List,
    /// `stat`
    Stat,
    /// `read`
    Read,
    /// `delete`
    Delete,
}

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this error and is not carried out.
    Before(LakeError),
    /// It is carried out and then answered with this error.
    After(LakeError),
    /// A create leaves the first half of its bytes and fails; other calls fail before dispatch.
    Torn(LakeError),
    /// A rename is answered `OutcomeUnknown` now and carried out at [`FaultyLake::apply_late`].
    Late,
    /// The process dies before the call is carried out.
    CrashBefore,
    /// The process dies after the call is carried out.
    CrashAfter,
    /// The process dies in the middle: a create leaves half of its bytes, other calls nothing.
    CrashTorn,
    /// The call is carried out, or is not, and nobody ever answers: the caller's own limit on time ends it.
    Silent {
        /// Whether it is carried out.
        carried_out: bool,
    },
    /// The call waits for [`FaultyLake::release`] before it is carried out: a frozen process.
    Stall,
    /// A rename replaces its destination: the deliberate break that shows what the checkers catch.
    Overwrite,
}

type Plan = dyn FnMut(u64, Call, &str) -> Option<Fault> + Send;

struct State {
    calls: u64,
    plan: Box<Plan>,
    late: Vec<(String, String)>,
}

/// Wraps a lake. Clones share the plan and the count of calls.
#[derive(Clone)]
pub struct FaultyLake {
    inner: Arc<dyn Lake>,
    state: Arc<Mutex<State>>,
    crashed: Arc<watch::Sender<bool>>,
    /// (a call is stalled, stalled calls may go on)
    stall: Arc<watch::Sender<(bool, bool)>>,
}

impl FaultyLake {
    /// A lake that asks `plan` at every call: (number of the call from 0, its kind, its path; of a rename the
    /// destination).
    pub fn new(
        inner: Arc<dyn Lake>,
        plan: impl FnMut(u64, Call, &str) -> Option<Fault> + Send + 'static,
    ) -> Self {
        let state = State { calls: 0, plan: Box::new(plan), late: Vec::new() };
        Self {
            inner,
            state: Arc::new(Mutex::new(state)),
            crashed: Arc::new(watch::Sender::new(false)),
            stall: Arc::new(watch::Sender::new((false, false))),
        }
    }

    /// A lake that fails once: `fault` at call number `at`.
    pub fn once(inner: Arc<dyn Lake>, at: u64, fault: Fault) -> Self {
        Self::new(inner, move |n, _, _| (n == at).then(|| fault.clone()))
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Waits until the process has died.
    pub async fn crashed(&self) {
        let mut seen = self.crashed.subscribe();
        // The sender lives in self, so waiting cannot fail.
        let _ = seen.wait_for(|dead| *dead).await;
    }

    /// True once the process has died.
    pub fn is_crashed(&self) -> bool {
        *self.crashed.borrow()
    }

    /// Waits until a call is stalled.
    pub async fn stalled(&self) {
        let mut seen = self.stall.subscribe();
        let _ = seen.wait_for(|(stalled, _)| *stalled).await;
    }

    /// Lets stalled calls go on.
    pub fn release(&self) {
        self.stall.send_modify(|(_, released)| *released = true);
    }

    /// Carries out the renames that were answered `Late`, as a slow server would; their answers reach nobody.
    pub async fn apply_late(&self) {
        let late = std::mem::take(&mut self.state.lock().late);
        for (from, to) in late {
            let _ = self.inner.rename_no_overwrite(&from, &to).await;
        }
    }

    async fn next(&self, call: Call, path: &str) -> Option<Fault> {
        if self.is_crashed() {
            std::future::pending::<()>().await;
        }
        let fault = {
            let mut state = self.state.lock();
            let n = state.calls;
            state.calls += 1;
            (state.plan)(n, call, path)
        };
        if fault == Some(Fault::Stall) {
            self.stall.send_modify(|(stalled, _)| *stalled = true);
            let mut seen = self.stall.subscribe();
            let _ = seen.wait_for(|(_, released)| *released).await;
            return None;
        }
        fault
    }

    async fn die<T>(&self) -> T {
        self.crashed.send_replace(true);
        std::future::pending().await
    }

    /// Carries out a call without effects of its own half way.
    async fn around<T>(
        &self,
        call: Call,
        path: &str,
        run: impl Future<Output = Result<T, LakeError>> + Send,
    ) -> Result<T, LakeError> {
        match self.next(call, path).await {
            None | Some(Fault::Overwrite | Fault::Late | Fault::Stall) => run.await,
            Some(Fault::Before(e) | Fault::Torn(e)) => Err(e),
            Some(Fault::After(e)) => {
                let _ = run.await;
                Err(e)
            }
            Some(Fault::Silent { carried_out }) => {
                if carried_out {
                    let _ = run.await;
                }
                std::future::pending().await
            }
            Some(Fault::CrashBefore | Fault::CrashTorn) => self.die().await,
            Some(Fault::CrashAfter) => {
                let _ = run.await;
                self.die().await
            }
        }
    }
}

#[async_trait]
impl Lake for FaultyLake {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        let half = bytes.slice(..bytes.len() / 2);
        match self.next(Call::Create, path).await {
            None | Some(Fault::Overwrite | Fault::Late | Fault::Stall) => {
                self.inner.create(path, bytes).await
            }
            Some(Fault::Before(e)) => Err(e),
            Some(Fault::After(e)) => {
                let _ = self.inner.create(path, bytes).await;
                Err(e)
            }
            Some(Fault::Torn(e)) => {
                let _ = self.inner.create(path, half).await;
                Err(e)
            }
            Some(Fault::Silent { carried_out }) => {
                if carried_out {
                    let _ = self.inner.create(path, bytes).await;
                }
                std::future::pending().await
            }
            Some(Fault::CrashBefore) => self.die().await,
            Some(Fault::CrashTorn) => {
                let _ = self.inner.create(path, half).await;
                self.die().await
            }
            Some(Fault::CrashAfter) => {
                let _ = self.inner.create(path, bytes).await;
                self.die().await
            }
        }
    }

    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        match self.next(Call::Rename, to).await {
            None | Some(Fault::Stall) => self.inner.rename_no_overwrite(from, to).await,
            Some(Fault::Overwrite) => {
                self.inner.delete(to).await?;
                self.inner.rename_no_overwrite(from, to).await
            }
            Some(Fault::Late) => {
                self.state.lock().late.push((from.to_owned(), to.to_owned()));
                Err(LakeError::OutcomeUnknown { path: to.to_owned(), reason: "timed out".into() })
            }
            Some(Fault::Before(e) | Fault::Torn(e)) => Err(e),
            Some(Fault::After(e)) => {
                let _ = self.inner.rename_no_overwrite(from, to).await;
                Err(e)
            }
            Some(Fault::Silent { carried_out }) => {
                if carried_out {
                    let _ = self.inner.rename_no_overwrite(from, to).await;
                }
                std::future::pending().await
            }
            Some(Fault::CrashBefore | Fault::CrashTorn) => self.die().await,
            Some(Fault::CrashAfter) => {
                let _ = self.inner.rename_no_overwrite(from, to).await;
                self.die().await
            }
        }
    }

    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        self.around(Call::List, dir, self.inner.list(dir)).await
    }

    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        self.around(Call::Stat, path, self.inner.stat(path)).await
    }

    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        self.around(Call::Read, path, self.inner.read(path)).await
    }

    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        self.around(Call::Delete, path, self.inner.delete(path)).await
    }
}
