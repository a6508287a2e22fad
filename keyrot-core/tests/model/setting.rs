//! The model to explore, and its size.

use chrono::TimeDelta;
use keyrot_core::machine::Decider;
use keyrot_core::model::{Abilities, Assignment, DestinationName, PlaceId};
use keyrot_core::{KeyId, Request, Revocation, Timestamp, WaitPolicy, Waits};
use std::time::Duration;

/// One unit of the model's time.
pub(crate) const UNIT: Duration = Duration::from_secs(600);

/// A model to explore.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) start: Start,
    /// How many rotators may be at work at the same time.
    pub(crate) rotators: usize,
    /// How many faults may occur.
    pub(crate) faults: u8,
    /// How often a person may interfere.
    pub(crate) person: u8,
    /// How often another program may write a journal entry.
    pub(crate) forges: u8,
    /// Whether that may be any claim, for any key. In that case, S10 is checked instead of the
    /// waits that a claim may shorten.
    pub(crate) claims: bool,
    /// How often a consumer may use an old key.
    pub(crate) uses: u8,
    /// How many units of time may pass.
    pub(crate) horizon: u32,
    pub(crate) waits: Waits,
    /// The waits that the rotators use, if they differ from the promised ones.
    pub(crate) rotator_waits: Waits,
    pub(crate) decider: Decider,
    pub(crate) port: Port,
    /// How often Secrets Manager's own rotation begins.
    pub(crate) services: u8,
    /// The requests that a person may make.
    pub(crate) asks: &'static [Ask],
    /// How often a person may make requests. Runs start on the last one.
    pub(crate) requests: u8,
    /// Whether the first rotator runs for much longer than the others allow for.
    pub(crate) endless: bool,
    /// How many seconds each rotator's clock is ahead of AWS's.
    pub(crate) clocks: [i64; 2],
    /// The destinations of the key.
    pub(crate) destinations: &'static [Destination],
    /// Whether they were added only after the first rotation.
    pub(crate) added_late: bool,
    /// How often another program may write to a destination.
    pub(crate) overwrites: u8,
}

/// A destination: its name, whether it is required, and its abilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) abilities: Abilities,
}

impl Destination {
    pub(crate) fn assignment(&self) -> Assignment {
        Assignment {
            to: DestinationName::parse(self.name).unwrap(),
            kind: Assignment::CUSTOM,
            place: "ci".to_owned(),
            required: self.required,
            place_id: PlaceId::default(),
            abilities: self.abilities,
            replica_in: None,
        }
    }
}

/// The user's state at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// No secret, and this many keys.
    New { keys: usize },
    /// Rotated once: the current key is due, and the previous one is deleted.
    Due,
    /// As before, but another program wrote the current version.
    DueForeign,
    /// Just rotated: the old key is in its overlap.
    Overlap,
    /// Later: the old key is Inactive, and its soak ends in one unit.
    Soaking,
    /// Later: the old key was revoked and Inactive, and a person has reactivated it.
    Reactivated,
    /// Like [`Start::Due`], with Secrets Manager's own rotation on.
    Serviced,
    /// Just rotated by Secrets Manager: the old key is in its overlap.
    ServicedOverlap,
}

impl Start {
    pub(crate) fn rotation_enabled(self) -> bool {
        matches!(self, Self::Serviced | Self::ServicedOverlap)
    }
}

/// The requests that a person may make, for each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    Rollback,
    Revoke,
    RevokeAndDelete,
    RevokeIfUnused,
    RevokeWithoutSuccessor,
    Reinstate,
    Deliver,
    LetGo,
}

impl Ask {
    pub(crate) fn request(self, key: KeyId) -> Request {
        match self {
            Self::Rollback => return Request::Rollback { to: key },
            Self::Reinstate => return Request::Reinstate { key },
            Self::Deliver => return Request::Deliver { to: None },
            Self::LetGo => {
                return Request::LetGo { to: DestinationName::parse("lake").unwrap() };
            }
            _ => {}
        }
        Request::Revoke(Revocation {
            key,
            reason: None,
            only_if_unused: self == Self::RevokeIfUnused,
            without_successor: self == Self::RevokeWithoutSuccessor,
            delete: self == Self::RevokeAndDelete,
        })
    }
}

/// A fault in a port's code, to show that the model check detects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Sound,
    /// Moves AWSCURRENT from any version that has it.
    NoCompareAndSwap,
    /// Answers "no use on record" for "could not find out".
    UnknownIsUnused,
    /// Reports that a key works without asking AWS.
    NoProof,
    /// Lists an Inactive key with its previous status.
    BlindToStatus,
    /// Returns the secret's labels as they were at the run's first read.
    StaleLabels,
    /// Not a fault of the port: the store answers no call.
    StoreDown,
    /// Not a fault of the port: the secret has the maximum number of tags.
    NoRoomForTags,
    /// Lists every key as Inactive.
    ListsInactive,
    /// Acknowledges journal entries about revocations, but does not store them.
    DropsRevocations,
    /// Not a fault of the port: no destination accepts a key.
    DestinationsDown,
}

pub(crate) fn waits(units: [u32; 5]) -> Waits {
    let [due, overlap, recent_use, soak, settle] = units.map(|n| UNIT * n);
    let probe_for = Duration::from_millis(1);
    let run_interval = probe_for;
    // A rotation begins this long before `max_age`.
    let lead = overlap + overlap / 2 + recent_use + run_interval * 3 + settle;
    let idle = overlap + recent_use + UNIT;
    let max_age = due + lead;
    Waits::default()
        .with_max_age(max_age)
        .with_run_interval(run_interval)
        .with_overlap(overlap)
        .with_recent_use(recent_use)
        .with_idle(idle)
        .with_soak(soak)
        .with_settle(settle)
        .with_probe_for(probe_for)
        .with_probe_limit(settle)
        .with_probes(1)
}

impl Setting {
    /// Returns a small model: due after 6 units, 2 of overlap, 1 of recent_use, 4 of idle, 1 of
    /// soak, 2 to settle.
    pub(crate) fn new(start: Start) -> Self {
        let waits = waits([6, 2, 1, 1, 2]);
        Self {
            start,
            rotators: 1,
            faults: 0,
            person: 0,
            forges: 0,
            claims: false,
            uses: 0,
            horizon: 5,
            waits,
            rotator_waits: waits,
            decider: Decider::REAL,
            port: Port::Sound,
            services: 0,
            asks: &[],
            requests: 1,
            endless: false,
            clocks: [0, 0],
            destinations: &[],
            added_late: false,
            overwrites: 0,
        }
    }

    /// Returns the time on the rotator's clock.
    pub(crate) fn clock(&self, rotator: usize, aws: Timestamp) -> Timestamp {
        aws + TimeDelta::seconds(self.clocks[rotator])
    }

    pub(crate) fn policy(&self) -> WaitPolicy {
        WaitPolicy::new(self.waits, true).unwrap()
    }

    pub(crate) fn rotator_policy(&self) -> WaitPolicy {
        WaitPolicy::new(self.rotator_waits, true).unwrap()
    }
}

/// Returns a model in which a person makes requests. A retired key stays for longer than two
/// consecutive runs take.
pub(crate) fn asked(start: Start) -> Setting {
    let waits = waits([14, 5, 1, 5, 2]);
    Setting { waits, rotator_waits: waits, ..Setting::new(start) }
}

/// Returns a model whose clocks are almost as far apart as allowed, one ahead and one behind.
/// `settle` has room for a run, a call in progress, and both differences.
pub(crate) fn apart(start: Start) -> Setting {
    let waits = waits([14, 5, 1, 5, 4]);
    Setting { waits, rotator_waits: waits, rotators: 2, clocks: [290, -290], ..Setting::new(start) }
}
