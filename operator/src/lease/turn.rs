//! Whose turn is it? A pure function of what is in the Lease and of our own clock.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;

/// How long a Lease that does not change is left to its holder.
pub const EXPIRY: Duration = Duration::from_secs(15);
/// How long a holder that could not renew goes on.
pub const GIVE_UP: Duration = Duration::from_secs(10);

/// What a process that does not hold the Lease may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Write its name into it, if it is still as it was read.
    Take,
    /// Look again later.
    Wait,
}

/// A process that wants the Lease.
#[derive(Debug)]
pub struct Elector {
    me: String,
    seen: Option<(Marks, Duration)>,
}

/// What changes whenever a holder writes.
type Marks = (Option<String>, Option<Timestamp>, Option<i32>);

impl Elector {
    /// It has seen nothing yet.
    pub fn new(me: String) -> Self {
        Elector { me, seen: None }
    }

    /// What to do about the Lease as it is. `now` is this process's monotonic clock.
    pub fn turn(&mut self, lease: Option<&Lease>, now: Duration) -> Turn {
        let Some(lease) = lease else { return Turn::Take };
        match holder(lease) {
            None => return Turn::Take,
            Some(holder) if holder == self.me => return Turn::Take,
            Some(_) => {}
        }
        let marks = marks(lease);
        match &self.seen {
            Some((seen, since)) if *seen == marks => {
                let expired = now.saturating_sub(*since) >= duration(lease);
                if expired { Turn::Take } else { Turn::Wait }
            }
            _ => {
                self.seen = Some((marks, now));
                Turn::Wait
            }
        }
    }
}

/// Who holds it; nobody where it was given back.
pub fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

fn marks(lease: &Lease) -> Marks {
    let spec = lease.spec.clone().unwrap_or_default();
    (spec.holder_identity, spec.renew_time.map(|time| time.0), spec.lease_transitions)
}

/// Never less than what our own holders count on.
fn duration(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
    EXPIRY.max(Duration::from_secs(seconds.unsigned_abs().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use proptest::prelude::*;

    fn lease(holder: &str, renewed: i64) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn nobodys_lease_is_taken_and_anothers_only_when_it_stands_still() {
        let mut me = Elector::new("me".into());
        assert_eq!(me.turn(None, at(0)), Turn::Take);
        assert_eq!(me.turn(Some(&lease("", 0)), at(0)), Turn::Take);
        assert_eq!(me.turn(Some(&lease("me", 0)), at(0)), Turn::Take);
        assert_eq!(me.turn(Some(&lease("you", 0)), at(0)), Turn::Wait);
        assert_eq!(me.turn(Some(&lease("you", 0)), at(14)), Turn::Wait);
        assert_eq!(me.turn(Some(&lease("you", 1)), at(15)), Turn::Wait);
        assert_eq!(me.turn(Some(&lease("you", 1)), at(29)), Turn::Wait);
        assert_eq!(me.turn(Some(&lease("you", 1)), at(30)), Turn::Take);
    }

    #[test]
    fn a_holder_whose_clock_is_an_hour_off_is_not_robbed() {
        for skew in [-3600, 3600] {
            let mut me = Elector::new("me".into());
            let turns =
                (0..100).map(|n| me.turn(Some(&lease("you", 1_000_000 + skew + n)), at(n as u64 * 5)));
            assert!(turns.collect::<Vec<_>>().iter().all(|turn| *turn == Turn::Wait));
        }
    }

    /// One Lease, two processes that look, write, hang and give up at random times by the same true clock.
    #[derive(Debug, Default)]
    struct World {
        lease: Option<(Lease, u64)>,
        version: u64,
    }

    #[derive(Debug)]
    struct Process {
        elector: Elector,
        name: String,
        skew: i64,
        /// What it has read and not yet written, and when it sends it.
        pending: Option<(u64, Duration)>,
        held: Option<(Duration, u64)>,
    }

    impl Process {
        fn holds(&self, now: Duration) -> bool {
            self.held.is_some_and(|(renewed, _)| now.saturating_sub(renewed) < GIVE_UP)
        }

        fn look(&mut self, world: &World, now: Duration) {
            if self.holds(now) {
                let version = self.held.map_or(0, |(_, version)| version);
                self.pending = Some((version, now));
                return;
            }
            // A process that lost the Lease has ended; the next one of its name is another.
            self.held = None;
            let there = world.lease.as_ref();
            self.pending = match self.elector.turn(there.map(|(lease, _)| lease), now) {
                Turn::Take => Some((there.map_or(0, |(_, version)| *version), now)),
                Turn::Wait => None,
            };
        }

        /// The request arrives, however late; the answer is believed from the time it was sent.
        fn arrive(&mut self, world: &mut World, now: Duration) {
            let Some((read, sent)) = self.pending.take() else { return };
            let current = world.lease.as_ref().map_or(0, |(_, version)| *version);
            if read != current {
                return;
            }
            world.version += 1;
            let renewed = now.as_secs() as i64 + 10_000 + self.skew;
            world.lease = Some((lease(&self.name, renewed), world.version));
            self.held = Some((sent, world.version));
        }
    }

    proptest! {
        #[test]
        fn two_never_hold_it_at_once(
            steps in prop::collection::vec((0usize..2, any::<bool>(), 0u64..8), 1..400),
            skews in (-4000i64..4000, -4000i64..4000),
        ) {
            let mut world = World::default();
            let process = |name: &str, skew| Process {
                elector: Elector::new(name.into()), name: name.into(), skew, pending: None, held: None,
            };
            let mut both = [process("a", skews.0), process("b", skews.1)];
            let mut now = Duration::ZERO;
            for (who, looks, pass) in steps {
                now += Duration::from_secs(pass);
                if looks { both[who].look(&world, now) } else { both[who].arrive(&mut world, now) }
                prop_assert!(!(both[0].holds(now) && both[1].holds(now)), "{world:?} {both:?}");
            }
        }
    }
}
