//! What is explored, and how large the life is.

use chrono::TimeDelta;
use keyrot_core::machine::Decider;
use keyrot_core::model::{Abilities, Assignment, DestinationName, PlaceId};
use keyrot_core::{KeyId, Request, Revocation, Timestamp, WaitPolicy, Waits};
use std::time::Duration;

/// One unit of the model's time.
pub(crate) const UNIT: Duration = Duration::from_secs(600);

/// What is explored.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) start: Start,
    /// How many rotators may be at work at once.
    pub(crate) rotators: usize,
    /// How many faults may strike.
    pub(crate) faults: u8,
    /// How often a person may interfere.
    pub(crate) person: u8,
    /// How often another program may write an entry of its own into the journal.
    pub(crate) forges: u8,
    /// Whether that may be any claim, for any key; then keyrot is held to S10, and not to waits
    /// that a claim may shorten.
    pub(crate) claims: bool,
    /// How often a consumer may use an old key.
    pub(crate) uses: u8,
    /// How many units of time may pass.
    pub(crate) horizon: u32,
    pub(crate) waits: Waits,
    /// The waits that the rotators go by, where they differ from those that are promised.
    pub(crate) rotator_waits: Waits,
    pub(crate) decider: Decider,
    pub(crate) port: Port,
    /// How often Secrets Manager's own rotation begins.
    pub(crate) services: u8,
    /// What a person may ask keyrot for.
    pub(crate) asks: &'static [Ask],
    /// How often; the last is what runs are begun for.
    pub(crate) requests: u8,
    /// Whether the first rotator goes on for much longer than the others allow for.
    pub(crate) endless: bool,
    /// How many seconds each rotator's clock is ahead of AWS's.
    pub(crate) clocks: [i64; 2],
    /// Where the key is delivered beside the secret.
    pub(crate) destinations: &'static [Destination],
    /// Whether they are there only since the first rotation.
    pub(crate) added_late: bool,
    /// How often somebody else may write to a destination.
    pub(crate) overwrites: u8,
}

/// A destination: its name, whether it is required, and what it can do.
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
        }
    }
}

/// How the user stands at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// No secret, and so many keys.
    New { keys: usize },
    /// Rotated once: the current key is due, the previous one is deleted.
    Due,
    /// As before, but the current version was written by somebody else.
    DueForeign,
    /// Just rotated: the old key is in its overlap.
    Overlap,
    /// Later: the old key is Inactive, and its soak is over but for one unit.
    Soaking,
    /// Later: the old key was revoked, was Inactive, and a person has reactivated it.
    Reactivated,
    /// As [`Start::Due`], and Secrets Manager's own rotation is switched on.
    Serviced,
    /// Just rotated by Secrets Manager's orders: the old key is in its overlap.
    ServicedOverlap,
}

impl Start {
    pub(crate) fn rotation_enabled(self) -> bool {
        matches!(self, Self::Serviced | Self::ServicedOverlap)
    }
}

/// What a person may ask keyrot for, for each key.
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

/// A fault in a port's code, to show that the check notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Sound,
    /// Moves AWSCURRENT from wherever it stands.
    NoCompareAndSwap,
    /// Answers "no use on record" for "could not find out".
    UnknownIsUnused,
    /// Says that a key works without asking.
    NoProof,
    /// Lists an Inactive key for what it was.
    BlindToStatus,
    /// Describes the secret's labels as they were at the run's first look.
    StaleLabels,
    /// Not a fault of the port's: no call to the store is answered.
    StoreDown,
    /// Not a fault of the port's: the secret has as many tags as it may have.
    NoRoomForTags,
    /// Lists every key as Inactive.
    ListsInactive,
    /// Acknowledges entries of revocations, and does not keep them.
    DropsRevocations,
    /// Not a fault of the port's: no destination takes a key.
    DestinationsDown,
}

pub(crate) fn waits(units: [u32; 5]) -> Waits {
    let [due, overlap, recent_use, soak, settle] = units.map(|n| UNIT * n);
    let probe_for = Duration::from_millis(1);
    let run_interval = probe_for;
    // A rotation begins so long before `max_age`.
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
    /// A small life: due after 6 units, 2 of overlap, 1 recent_use, 4 idle, 1 of soak, 2 to settle.
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

    /// What the rotator's clock shows.
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

/// A life in which a person asks for something: what leaves stays for longer than two runs take,
/// one after the other.
pub(crate) fn asked(start: Start) -> Setting {
    let waits = waits([14, 5, 1, 5, 2]);
    Setting { waits, rotator_waits: waits, ..Setting::new(start) }
}

/// A life with clocks that are nearly as far apart as they may be, by the hand of a clock that is
/// ahead and of one that is behind: `settle` has room for a run, a call under way, and both.
pub(crate) fn apart(start: Start) -> Setting {
    let waits = waits([14, 5, 1, 5, 4]);
    Setting { waits, rotator_waits: waits, rotators: 2, clocks: [290, -290], ..Setting::new(start) }
}
