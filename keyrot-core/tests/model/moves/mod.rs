//! A user's home is moved: one IAM, two regions with a secret store each, operators who move the
//! home back and forth, runs in both regions, consumers of either secret, and others who forge the
//! user's tag or a secret's entry.

mod check;
mod explored;
mod fates;
mod others;
mod route;
mod state;

use super::homes::Way;
use super::setting::waits;
use keyrot_core::Waits;
use keyrot_core::machine::Decider;

pub(crate) use check::Check;
pub(crate) use route::{Leg, REQUESTS, WHOLE};

/// An explored model.
#[derive(Debug, Clone)]
pub(crate) struct Moves {
    pub(crate) start: Start,
    /// The places to which operators move the home.
    pub(crate) targets: &'static [usize],
    /// How often they request it.
    pub(crate) moves: u8,
    /// The requests that make up a move, in order.
    pub(crate) route: &'static [Leg],
    /// The scheduled runs that may start, with their places.
    pub(crate) runs: &'static [(usize, Way)],
    /// How many runs and operators may be at work at the same time.
    pub(crate) at_once: usize,
    pub(crate) faults: u8,
    /// How often a consumer reads a secret and uses its content.
    pub(crate) uses: u8,
    /// How often another program removes the tag from the user.
    pub(crate) untags: u8,
    /// What others may forge.
    pub(crate) forged: &'static [Forged],
    /// How often others may forge it.
    pub(crate) forges: u8,
    pub(crate) horizon: u32,
    pub(crate) decider: Decider,
}

/// The progress of a move at the start. The first region is the home until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// The user is at rest at home.
    Rest,
    /// The user is at rest at home, and the next rotation begins one unit later.
    NearlyDue,
    /// The user was just rotated: the old key is in its overlap.
    Overlap,
    /// The old secret is closed; the user's tag still names it.
    Begun,
    /// The home was moved, and no run has been there yet.
    Moved,
    /// The first run has published a key at the new home: the old secret's key is in its overlap.
    Published,
    /// The user is at rest at the new home: the old secret's key was deleted.
    Settled,
}

/// What others may forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Forged {
    /// The user's tag names the other place.
    TagOther,
    /// The user's tag names no secret.
    TagJunk,
    /// The secret there says that the home was moved to the other place.
    Closed(usize),
    /// The secret there no longer says that the home was moved.
    Opened(usize),
}

/// Returns waits: due after 14 units, 2 of overlap, 1 recent_use, 4 idle, 1 of soak, 2 to settle.
pub(crate) fn short() -> Waits {
    waits([14, 2, 1, 1, 2])
}

impl Moves {
    /// Returns a model with one operator at a time, who moves the home to the other region and
    /// back.
    pub(crate) fn new(start: Start) -> Self {
        Self {
            start,
            targets: &[0, 1],
            moves: 1,
            route: REQUESTS,
            runs: &[],
            at_once: 1,
            faults: 0,
            uses: 0,
            untags: 0,
            forged: &[],
            forges: 0,
            horizon: 0,
            decider: Decider::REAL,
        }
    }
}
