//! One client with a thread of its own, and how it is replaced.
//!
//! The client keeps a connection until the peer closes it, and a task that renews leases for ever. After a call that
//! timed out neither can be trusted: the session is replaced. Calls that still use the old one keep it alive; with the
//! last of them its thread, its sockets and its task go. The next session of a name service starts at the next NameNode,
//! so that one that accepts connections and never answers does not hold up every call.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hdfs_native::{Client, ClientBuilder};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

use super::settings::{NameService, Target};
use crate::{
    LakeError,
    limits::{HDFS_FAILOVER_PAUSE, HDFS_FAILOVER_PAUSE_MAX, HDFS_FAILOVERS, HDFS_RPC},
};

/// A client and the thread its sockets live on.
pub(super) struct Session {
    pub client: Client,
    runtime: Option<Runtime>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Session {
    fn open(target: &Target, turn: usize) -> Result<Self, LakeError> {
        let failed = |reason: String| LakeError::Misconfigured { path: target.shown(), reason };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("hdfs")
            .enable_all()
            .build()
            .map_err(|e| LakeError::Unavailable { path: target.shown(), reason: e.to_string() })?;
        let mut builder = ClientBuilder::new()
            .with_url(&target.url)
            .with_io_runtime(runtime.handle().clone())
            .with_config(overrides(target, turn));
        if let Some(dir) = &target.config_dir {
            builder = builder.with_config_dir(dir.to_string_lossy());
        }
        builder = match &target.kerberos {
            Some(k) => {
                builder.with_kerberos_principal(&k.principal).with_kerberos_keytab(k.keytab.to_string_lossy())
            }
            None => builder.with_user(&target.user),
        };
        match builder.build() {
            Ok(client) => Ok(Self { client, runtime: Some(runtime) }),
            Err(e) => {
                runtime.shutdown_background();
                Err(failed(e.to_string()))
            }
        }
    }
}

/// What the client is told besides the configuration files: few attempts of its own, so that our limits and pauses rule.
fn overrides(target: &Target, turn: usize) -> Vec<(String, String)> {
    let mut set = vec![
        ("dfs.client.failover.max.attempts".to_owned(), HDFS_FAILOVERS.to_string()),
        ("dfs.client.failover.sleep.base.millis".to_owned(), HDFS_FAILOVER_PAUSE.as_millis().to_string()),
        ("dfs.client.failover.sleep.max.millis".to_owned(), HDFS_FAILOVER_PAUSE_MAX.as_millis().to_string()),
        ("dfs.client.socket-timeout".to_owned(), HDFS_RPC.as_millis().to_string()),
    ];
    if target.kerberos.is_some() {
        set.push(("hadoop.security.authentication".to_owned(), "kerberos".to_owned()));
    }
    if let Some(NameService { name, namenodes }) = &target.service {
        let mut order = namenodes.clone();
        order.rotate_left(turn % namenodes.len().max(1));
        set.push((format!("dfs.ha.namenodes.{name}"), order.join(",")));
    }
    set
}

/// The session in use.
pub(super) struct Sessions {
    pub target: Target,
    current: Mutex<Option<Arc<Session>>>,
    /// How many sessions have been given up.
    turn: AtomicUsize,
}

impl Sessions {
    pub fn new(target: Target) -> Self {
        Self { target, current: Mutex::new(None), turn: AtomicUsize::new(0) }
    }

    /// The session in use, made where there is none.
    pub fn get(&self) -> Result<Arc<Session>, LakeError> {
        let mut current = self.current.lock();
        if let Some(session) = &*current {
            return Ok(session.clone());
        }
        let session = Arc::new(Session::open(&self.target, self.turn.load(Ordering::Relaxed))?);
        *current = Some(session.clone());
        Ok(session)
    }

    /// Gives a session up, unless another call has done so already.
    pub fn give_up(&self, session: &Arc<Session>) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|now| Arc::ptr_eq(now, session)) {
            *current = None;
            self.turn.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many sessions have been given up so far.
    pub fn given_up(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hdfs::{HdfsSettings, site::Site};

    #[test]
    fn a_new_session_starts_at_the_next_namenode() {
        let settings = HdfsSettings {
            uri: Some("hdfs://nn:1".into()),
            config_dir: None,
            user: "u".into(),
            root: "/".into(),
            kerberos: None,
        };
        let mut target = Target::resolve(&settings).unwrap();
        target.site = Site::default();
        target.service =
            Some(NameService { name: "prod".into(), namenodes: vec!["a".into(), "b".into(), "c".into()] });
        let order = |turn| {
            let set = overrides(&target, turn);
            set.into_iter().find(|(k, _)| k == "dfs.ha.namenodes.prod").unwrap().1
        };
        assert_eq!([order(0), order(1), order(2), order(3)], ["a,b,c", "b,c,a", "c,a,b", "a,b,c"]);
    }

    #[tokio::test]
    async fn a_given_up_session_is_replaced_once() {
        let settings = HdfsSettings {
            uri: Some("hdfs://127.0.0.1:1".into()),
            config_dir: None,
            user: "u".into(),
            root: "/".into(),
            kerberos: None,
        };
        let sessions = Sessions::new(Target::resolve(&settings).unwrap());
        let first = sessions.get().unwrap();
        assert!(Arc::ptr_eq(&first, &sessions.get().unwrap()));
        sessions.give_up(&first);
        let second = sessions.get().unwrap();
        sessions.give_up(&first);
        assert!(Arc::ptr_eq(&second, &sessions.get().unwrap()));
        assert_eq!(sessions.given_up(), 1);
    }
}
