//! One leader: a Lease that is taken and renewed by conflict-checked writes.
//!
//! Definitions: a *holder* has written its name into the Lease less than [`GIVE_UP`] ago, by its own monotonic clock,
//! counted from before the write was sent. Others take the Lease [`EXPIRY`] after they last saw it change, by their own
//! clock. As `GIVE_UP < EXPIRY`, two processes never hold it at once, whatever their wall clocks say: times in the Lease
//! are only compared for being equal.
//!
//! Assumption: the API server refuses a replacement whose resourceVersion is not the newest.
//!
//! Losing the Lease ends the process: only so is it certain that nothing of it writes any more.

mod turn;

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::core::ObjectMeta;
use tokio::time::{Instant, sleep, timeout};

pub use turn::{EXPIRY, Elector, GIVE_UP, Turn};

/// Time between two renewals, and between two looks of those who wait.
pub const EVERY: Duration = Duration::from_secs(5);
/// Time before a failed request is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// Which Lease, and who we are.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The operator's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// A name that no other process has, ever.
    pub identity: String,
}

/// A Lease that this process holds.
pub struct Held {
    api: Api<Lease>,
    claim: Claim,
    lease: Lease,
    renewed: Instant,
}

/// Waits, however long it takes, until the Lease is ours.
pub async fn acquire(client: Client, claim: Claim) -> Held {
    let api: Api<Lease> = Api::namespaced(client, &claim.namespace);
    let began = Instant::now();
    let mut elector = Elector::new(claim.identity.clone());
    loop {
        let pause = match attempt(&api, &claim, &mut elector, began).await {
            Ok(Some((lease, renewed))) => return Held { api, claim, lease, renewed },
            Ok(None) => EVERY,
            Err(error) => {
                tracing::warn!("the lease cannot be had: {error}; it is tried again");
                RETRY
            }
        };
        sleep(pause).await;
    }
}

async fn attempt(
    api: &Api<Lease>,
    claim: &Claim,
    elector: &mut Elector,
    began: Instant,
) -> Result<Option<(Lease, Instant)>, String> {
    let there = within(api.get_opt(&claim.name)).await.map_err(|error| error.to_string())?;
    let turn = elector.turn(there.as_ref(), began.elapsed());
    let asked = Instant::now();
    let written = match (turn, there) {
        (Turn::Wait, _) => return Ok(None),
        (Turn::Take, Some(there)) => {
            let taken = taken(there, claim);
            within(api.replace(&claim.name, &PostParams::default(), &taken)).await
        }
        (Turn::Take, None) => {
            within(api.create(&PostParams::default(), &taken(Lease::default(), claim))).await
        }
    };
    match written {
        Ok(lease) => Ok(Some((lease, asked))),
        Err(error) if is_conflict(&error) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// How a Lease ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was given back.
    Released,
    /// Another process has it, or nobody knows any more: this process must end now.
    Lost(String),
}

impl Held {
    /// Renews until `end` is done, then gives the Lease back; or until it is lost.
    pub async fn keep(mut self, end: impl Future<Output = ()>) -> Ended {
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => {
                    self.release().await;
                    return Ended::Released;
                }
                () = sleep(EVERY) => {}
            }
            if let Err(why) = self.renew().await {
                return Ended::Lost(why);
            }
        }
    }

    /// Tries until it is renewed or must be given up.
    async fn renew(&mut self) -> Result<(), String> {
        loop {
            let left = GIVE_UP.saturating_sub(self.renewed.elapsed());
            if left.is_zero() {
                return Err(format!("it could not be renewed for {} s", GIVE_UP.as_secs()));
            }
            let asked = Instant::now();
            let mut lease = self.lease.clone();
            if let Some(spec) = &mut lease.spec {
                spec.renew_time = Some(MicroTime(Timestamp::now()));
            }
            let params = PostParams::default();
            let written = timeout(left, within(self.api.replace(&self.claim.name, &params, &lease))).await;
            match written {
                Ok(Ok(lease)) => {
                    (self.lease, self.renewed) = (lease, asked);
                    return Ok(());
                }
                Ok(Err(error)) if is_conflict(&error) || is_gone(&error) => self.look_again().await?,
                Ok(Err(error)) => {
                    tracing::warn!("the lease is not renewed: {error}");
                    sleep(RETRY.min(GIVE_UP.saturating_sub(self.renewed.elapsed()))).await;
                }
                Err(_) => return Err("its renewal was not answered in time".to_owned()),
            }
        }
    }

    /// Somebody wrote the Lease: still ours?
    async fn look_again(&mut self) -> Result<(), String> {
        let there = match within(self.api.get_opt(&self.claim.name)).await {
            Ok(there) => there,
            Err(error) => {
                tracing::warn!("the lease cannot be read: {error}");
                sleep(RETRY.min(GIVE_UP.saturating_sub(self.renewed.elapsed()))).await;
                return Ok(());
            }
        };
        let Some(there) = there else { return Err("it was deleted".to_owned()) };
        match turn::holder(&there) {
            Some(holder) if holder == self.claim.identity => {
                self.lease = there;
                Ok(())
            }
            holder => Err(format!("{} holds it", holder.unwrap_or("nobody"))),
        }
    }

    /// Lets the next one take it at once. If that fails it expires.
    async fn release(self) {
        let mut lease = self.lease;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
        }
        let written = within(self.api.replace(&self.claim.name, &PostParams::default(), &lease)).await;
        if let Err(error) = written {
            tracing::warn!("the lease is not given back: {error}; it expires");
        }
    }
}

/// Why a request for the Lease came to nothing.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error("no answer in {} s", ANSWER.as_secs())]
    Silence,
}

async fn within<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, Refused> {
    timeout(ANSWER, request).await.map_err(|_| Refused::Silence)?.map_err(Refused::Api)
}

fn is_conflict(error: &Refused) -> bool {
    matches!(error, Refused::Api(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists())
}

fn is_gone(error: &Refused) -> bool {
    matches!(error, Refused::Api(kube::Error::Api(status)) if status.is_not_found())
}

/// The Lease with our name in it. The version that was read stays: the server refuses it if there is a newer one.
fn taken(there: Lease, claim: &Claim) -> Lease {
    let now = MicroTime(Timestamp::now());
    let before = there.spec.unwrap_or_default();
    let metadata = ObjectMeta {
        name: Some(claim.name.clone()),
        namespace: Some(claim.namespace.clone()),
        ..there.metadata
    };
    let spec = LeaseSpec {
        holder_identity: Some(claim.identity.clone()),
        lease_duration_seconds: i32::try_from(EXPIRY.as_secs()).ok(),
        acquire_time: Some(now.clone()),
        renew_time: Some(now),
        lease_transitions: Some(before.lease_transitions.unwrap_or(0).saturating_add(1)),
        ..LeaseSpec::default()
    };
    Lease { metadata, spec: Some(spec) }
}
