//! The group that says who should own what, as Kafka's does: members that are heard of share the partitions; one that is
//! not heard of for a session loses its own; one that was frozen for that long is told to end.
//!
//! It gives hints and no permissions: what a frozen member had decided on still goes out when it thaws.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tick_log::{LogError, Ownership, OwnershipEvent};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::Instant,
};

use crate::{gate::Gate, world::World};

/// How long a member may be silent.
const SESSION: Duration = Duration::from_secs(10);
/// How long a member relies on what it was told last.
const SURE: Duration = Duration::from_secs(8);
/// How long a hand-over may take.
const DRAIN: Duration = Duration::from_secs(20);
/// How often the group looks at its members.
const BEAT: Duration = Duration::from_millis(500);

struct Seat {
    say: UnboundedSender<Option<OwnershipEvent>>,
    member: Weak<Member>,
    gate: Gate,
    heard: Instant,
    /// What it was asked to give back, until when.
    giving: Option<(Vec<u32>, Instant)>,
}

#[derive(Default)]
struct Seats {
    next: u64,
    seats: BTreeMap<u64, Seat>,
    owners: BTreeMap<u32, u64>,
    /// Silent for too long: told when they thaw.
    expelled: Vec<Seat>,
}

/// The group's server. Clones share it.
#[derive(Clone)]
pub struct Group {
    world: World,
    state: Arc<Mutex<Seats>>,
}

/// A member: the ownership that a worker is given.
pub struct Member {
    id: u64,
    group: Group,
    said: tokio::sync::Mutex<UnboundedReceiver<Option<OwnershipEvent>>>,
}

impl Group {
    /// A group without members.
    pub fn new(world: &World) -> Self {
        let group = Self { world: world.clone(), state: Arc::default() };
        let beating = group.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                beating.beat();
            }
        });
        group
    }

    /// A new member behind that gate.
    pub fn join(&self, gate: &Gate) -> Arc<Member> {
        let (say, said) = unbounded_channel();
        let mut state = self.state.lock();
        let id = state.next;
        state.next += 1;
        let member = Arc::new(Member { id, group: self.clone(), said: tokio::sync::Mutex::new(said) });
        let seat = Seat {
            say,
            member: Arc::downgrade(&member),
            gate: gate.clone(),
            heard: Instant::now(),
            giving: None,
        };
        state.seats.insert(id, seat);
        member
    }

    /// Looks who is there, and shares the partitions anew.
    fn beat(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        for seat in state.seats.values_mut() {
            if seat.member.strong_count() > 0 && !seat.gate.is_frozen() {
                seat.heard = now;
            }
        }
        let silent: Vec<u64> =
            state.seats.iter().filter(|(_, s)| now >= s.heard + SESSION).map(|(id, _)| *id).collect();
        for id in silent {
            self.world.trace.say("group", format_args!("expels member {id}"));
            state.owners.retain(|_, owner| *owner != id);
            if let Some(seat) = state.seats.remove(&id) {
                state.expelled.push(seat);
            }
        }
        let (frozen, thawed): (Vec<Seat>, Vec<Seat>) =
            std::mem::take(&mut state.expelled).into_iter().partition(|seat| seat.gate.is_frozen());
        state.expelled = frozen;
        for seat in thawed {
            let why = "frozen for longer than a session".to_owned();
            // Whoever is dead does not hear it.
            let _ = seat
                .say
                .send(Some(OwnershipEvent::Failed(LogError::Fenced { subject: "group".into(), why })));
        }
        let overdue: Vec<u64> = state
            .seats
            .iter()
            .filter(|(_, s)| s.giving.as_ref().is_some_and(|(_, by)| now >= *by))
            .map(|(id, _)| *id)
            .collect();
        overdue.into_iter().for_each(|id| state.given_back(id));
        state.share(self.world.partitions(), now, |what| self.world.trace.say("group", what));
    }
}

impl Seats {
    /// A member has given back what it was asked for, or its time is over.
    fn given_back(&mut self, id: u64) {
        if let Some((given, _)) = self.seats.get_mut(&id).and_then(|seat| seat.giving.take()) {
            self.owners.retain(|p, _| !given.contains(p));
        }
    }

    fn held(&self, id: u64) -> Vec<u32> {
        self.owners.iter().filter(|(_, owner)| **owner == id).map(|(p, _)| *p).collect()
    }

    /// Gives what nobody has to whoever has least, and asks back from whoever has more than its share.
    fn share(&mut self, partitions: u32, now: Instant, told: impl Fn(String)) {
        if self.seats.is_empty() {
            return;
        }
        let most = (partitions as usize).div_ceil(self.seats.len());
        let ids: Vec<u64> = self.seats.keys().copied().collect();
        for p in 0..partitions {
            if self.owners.contains_key(&p) {
                continue;
            }
            let Some(id) = ids.iter().copied().min_by_key(|id| self.held(*id).len()) else { return };
            self.owners.insert(p, id);
            told(format!("gives {p} to member {id}"));
            if let Some(seat) = self.seats.get(&id) {
                let _ = seat.say.send(Some(OwnershipEvent::Own(vec![p])));
            }
        }
        for id in ids {
            let held = self.held(id);
            let Some(seat) = self.seats.get_mut(&id) else { continue };
            if held.len() > most && seat.giving.is_none() {
                let (back, by) = (held[most..].to_vec(), now + DRAIN);
                told(format!("asks {back:?} back from member {id}"));
                let asked = OwnershipEvent::Drain { partitions: back.clone(), by: by.into_std() };
                seat.giving = Some((back, by));
                let _ = seat.say.send(Some(asked));
            }
        }
    }
}

#[async_trait]
impl Ownership for Member {
    async fn next(&self) -> Option<OwnershipEvent> {
        self.said.lock().await.recv().await.flatten()
    }

    fn drained(&self) {
        self.group.state.lock().given_back(self.id);
    }

    fn leave(&self) {
        let mut state = self.group.state.lock();
        state.owners.retain(|_, owner| *owner != self.id);
        if let Some(seat) = state.seats.remove(&self.id) {
            let _ = seat.say.send(None);
        }
    }

    fn is_sure(&self) -> bool {
        let state = self.group.state.lock();
        state.seats.get(&self.id).is_some_and(|seat| Instant::now() < seat.heard + SURE)
    }
}
