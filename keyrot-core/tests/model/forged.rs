//! Forged journal entries against a revocation, written once, or before each request.

use super::check::Check;
use super::runs::run;
use super::setting::{Setting, UNIT};
use super::world::{Forgery, State, secret, user};
use keyrot_core::decide::Refusal;
use keyrot_core::machine::{Call, Next, Task};
use keyrot_core::memory::{Label, MemoryKey, World};
use keyrot_core::model::{
    CLOCK_TOLERANCE, Intent, JournalEntry, Phase, Promoted, Retired, Revoked,
};
use keyrot_core::{KeyId, KeyStatus, Outcome, Request, Revocation};
use std::time::Duration;

/// The wait in forged entries: almost the longest that keyrot believes.
const FOR_YEARS: Duration = Duration::from_hours(24 * 365 * 9);

/// The entries that can be forged about one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No key is revoked.
    NoneRevoked,
    /// This key is revoked, if it is unused.
    IfUnused,
    /// This key is revoked from now on.
    Revoked,
    /// This key was revoked and deactivated long ago.
    RevokedBefore,
    /// It enters a phase from now on.
    Phase(Phase),
    /// It was recorded as Inactive long ago, and perhaps reactivated once before that.
    InactiveBefore { reactivated: bool },
    /// It is held until a time that keyrot does not believe.
    HoldForEver,
    /// The current key replaced it now.
    Replaced,
    /// A key is about to be created.
    Intent,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::NoneRevoked,
        Self::IfUnused,
        Self::Revoked,
        Self::RevokedBefore,
        Self::Phase(Phase::Hold),
        Self::Phase(Phase::Inactive),
        Self::Phase(Phase::Retiring),
        Self::Phase(Phase::Abandoned),
        Self::InactiveBefore { reactivated: false },
        Self::InactiveBefore { reactivated: true },
        Self::HoldForEver,
        Self::Replaced,
        Self::Intent,
    ];

    /// The entries that may be written once, at any point. The model does not check their effect on
    /// other promises, so none of them shortens a wait.
    const ONCE: [Self; 6] = [
        Self::NoneRevoked,
        Self::IfUnused,
        Self::Phase(Phase::Hold),
        Self::Phase(Phase::Inactive),
        Self::Phase(Phase::Retiring),
        Self::HoldForEver,
    ];

    /// Returns the entries as they would be written now: with the latest time that keyrot believes,
    /// with the longest waits, or from before anything has to settle.
    fn entries(self, setting: &Setting, world: &World, id: &KeyId) -> Vec<JournalEntry> {
        let latest = world.now() + CLOCK_TOLERANCE - Duration::from_secs(10);
        let listed =
            world.user(&user()).and_then(|user| user.keys().iter().find(|k| k.listed.id == *id));
        let settled = world.now() - setting.waits.settle;
        let before = listed.map_or(settled, |key| settled.max(key.listed.created));
        let revoked = |at, only_if_unused| {
            JournalEntry::Revoked(vec![Revoked { key: id.clone(), at, only_if_unused }])
        };
        let retired = |phase, at, reactivated: bool| {
            let soak = reactivated.then_some(FOR_YEARS);
            JournalEntry::Retired(Retired { key: id.clone(), phase, at, soak, reactivated })
        };
        match self {
            Self::NoneRevoked => vec![JournalEntry::Revoked(Vec::new())],
            Self::IfUnused => vec![revoked(world.now(), true)],
            Self::Revoked => vec![revoked(latest, false)],
            Self::RevokedBefore => {
                vec![revoked(before, false), retired(Phase::Inactive, before, false)]
            }
            Self::Phase(phase) => vec![retired(phase, latest, true)],
            Self::InactiveBefore { reactivated } => {
                vec![retired(Phase::Inactive, before, reactivated)]
            }
            Self::HoldForEver => vec![retired(Phase::Hold, world.now() + UNIT * 100_000, false)],
            Self::Replaced => {
                let current = world.secret(&secret()).and_then(|s| s.labelled(Label::Current));
                let promoted = |version| Promoted {
                    version,
                    replacing: Some(id.clone()),
                    at: latest,
                    overlap: Some(FOR_YEARS),
                };
                current.cloned().map(promoted).map(JournalEntry::Promoted).into_iter().collect()
            }
            Self::Intent => {
                vec![JournalEntry::Intent(Intent { before: vec![id.clone()], at: latest })]
            }
        }
    }
}

fn keys(world: &World) -> Vec<KeyId> {
    let keys = world.user(&user()).into_iter().flat_map(|u| u.keys());
    keys.map(|key| key.listed.id.clone()).collect()
}

/// Returns what another program may write about any key at a point where it has an effect: right
/// before the secret is read, and while no rotator is at work.
pub(super) fn forgeries(setting: &Setting, state: &State) -> Vec<Forgery> {
    let reads = |next: &Next| matches!(next, Next::Call(Call::DescribeSecret));
    if !state.at_rest() && !state.rotators.iter().flatten().any(|one| reads(&one.next)) {
        return vec![];
    }
    let mut all = Vec::new();
    for key in keys(&state.world) {
        let is_asked = matches!(&state.asked, Some(Request::Revoke(order)) if order.key == key);
        for kind in Kind::ONCE.into_iter().filter(|kind| *kind != Kind::IfUnused || is_asked) {
            all.extend(kind.entries(setting, &state.world, &key).into_iter().map(Forgery::Entry));
        }
    }
    all
}

impl Check {
    /// Whether a revocation that a person requests repeatedly ends with the key Inactive or gone,
    /// without further faults, even if a program writes an entry before each request.
    pub(super) fn revokes(&self, state: &State) -> bool {
        let Some(Request::Revoke(order)) = &state.asked else { return true };
        if state.person < self.setting.person || order.only_if_unused {
            return true;
        }
        let (world, renews) = (&state.world, state.forges > 0);
        self.remembered((world, order, renews), || {
            let mut renewals =
                keys(world).into_iter().flat_map(|key| Kind::ALL.map(|kind| (kind, key.clone())));
            self.ends(world, order, None)
                && (!renews
                    || renewals.all(|(kind, key)| {
                        may_delay(world, order, kind, &key)
                            || self.ends(world, order, Some((kind, &key)))
                    }))
        })
    }

    fn ends(&self, world: &World, order: &Revocation, renewed: Option<(Kind, &KeyId)>) -> bool {
        let mut world = world.clone();
        for _ in 0..10 {
            let entries = renewed.map(|(kind, key)| kind.entries(&self.setting, &world, key));
            for entry in entries.into_iter().flatten() {
                drop(world.tag_secret(&secret(), &entry.tag(), entry.to_text()));
            }
            match run(&self.setting, &mut world, Task::Request(Request::Revoke(order.clone()))) {
                Outcome::Done | Outcome::Revoked { .. } => {
                    let active = |k: &MemoryKey| {
                        k.listed.id == order.key && k.listed.status == KeyStatus::Active
                    };
                    return !world.user(&user()).is_some_and(|user| user.keys().iter().any(active));
                }
                // The request reports that a precondition is missing, and is not done.
                Outcome::Refused(Refusal::NoRoom { .. }) => return !order.without_successor,
                // The key is gone.
                Outcome::Refused(Refusal::NoSuchKey { .. }) => return true,
                Outcome::Waiting(wait) => {
                    world.advance(
                        wait.until
                            .and_then(|until| (until - world.now()).to_std().ok())
                            .unwrap_or(UNIT),
                    );
                }
                _ => world.advance(UNIT),
            }
        }
        false
    }
}

/// Returns whether the entry may delay a revocation that needs a successor, for as long as it is
/// renewed: see "Operators' requests" in `docs/protocol.md`.
fn may_delay(world: &World, order: &Revocation, kind: Kind, key: &KeyId) -> bool {
    let Some(secret) = world.secret(&secret()) else { return false };
    let holds = |label| {
        let value = secret.labelled(label).and_then(|version| secret.value(version));
        value.and_then(|value| value.read()).is_some_and(|held| held.key == order.key)
    };
    // The current key seems to have just been revoked, so there is no successor.
    let beside = matches!(kind, Kind::Revoked | Kind::IfUnused) && *key != order.key;
    // The previous key would have to replace the current one.
    let goes_back = holds(Label::Current) && keys(world).len() > 1;
    // The key was never published, and another run may be about to publish it.
    let unpublished = !holds(Label::Current) && !holds(Label::Previous);
    !order.without_successor && (beside || goes_back || unpublished)
}
