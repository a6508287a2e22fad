//! What may happen next in a state.

use super::check::Check;
use super::setting::UNIT;
use super::world::{Action, Deed, Forgery, Luck, State, secret, user};
use keyrot_core::machine::{Call, Next};
use keyrot_core::memory::Label;
use keyrot_core::model::{Intent, JournalEntry, Phase, Promoted, Retired, Revoked, VersionId};
use keyrot_core::{KeyId, KeyStatus, Request};

impl Check {
    /// Returns the starts and the next steps of the rotators.
    pub(super) fn steps(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for (i, rotator) in state.rotators.iter().enumerate() {
            match rotator {
                // Rotators that have not started are equivalent, so the first of them starts.
                None if state.rotators[..i].iter().all(Option::is_some) => {
                    actions.push(Action::Start(i));
                    actions.extend(state.order.is_some().then_some(Action::RotationStep(i)));
                    actions.extend(state.asked.is_some().then_some(Action::Fulfil(i)));
                }
                None => {}
                Some(running) => {
                    actions.push(Action::Step(i, Luck::Good));
                    if let Next::Call(call) = &running.next
                        && state.faults > 0
                    {
                        actions.extend(
                            Self::lucks(call).into_iter().map(|luck| Action::Step(i, luck)),
                        );
                    }
                }
            }
        }
        actions
    }

    /// Whether time may pass. A call takes at most one unit: half of what `settle` leaves after the
    /// run limit.
    pub(super) fn is_in_time(&self, state: &State) -> bool {
        let mut bounded = state.rotators.iter().skip(usize::from(self.setting.endless)).flatten();
        match self.setting.claims {
            // Other models cover calls that take longer.
            true => state.at_rest(),
            false => bounded.all(|running| state.passed < running.since + 1),
        }
    }

    /// Returns the requests that a person may make.
    pub(super) fn requests(&self, state: &State) -> Vec<Request> {
        let user = state.world.user(&user());
        let keys = || user.into_iter().flat_map(|u| u.keys()).map(|k| k.listed.id.clone());
        let asks = self.setting.asks.iter().flat_map(|ask| keys().map(|key| ask.request(key)));
        let mut asks: Vec<Request> = asks.collect();
        // A request without a key is one request, however many keys there are.
        asks.dedup();
        asks
    }

    /// Returns the keys that a consumer may use.
    pub(super) fn usable(&self, state: &State) -> Vec<KeyId> {
        let keys = state.world.user(&user()).into_iter().flat_map(|u| u.keys());
        let begins =
            || state.rotators.iter().flatten().any(|one| one.next == Next::Call(Call::ListKeys));
        let usable = keys.filter(|key| match self.setting.claims {
            true => key.listed.status == KeyStatus::Active && begins(),
            false => key.verified,
        });
        usable.map(|key| key.listed.id.clone()).collect()
    }

    fn lucks(call: &Call) -> Vec<Luck> {
        let mut lucks = vec![Luck::Denied, Luck::DiesBefore];
        lucks.push(if matches!(call, Call::Probe(_)) {
            Luck::Unreachable
        } else {
            Luck::LostRequest
        });
        match call {
            Call::ListKeys => lucks.push(Luck::StaleListing),
            Call::Probe(_) => lucks.push(Luck::NotYet),
            Call::CreateKey => lucks.push(Luck::Throttled),
            _ => {}
        }
        if !call.only_reads() {
            lucks.extend([Luck::LostReply, Luck::DiesAfter]);
        }
        lucks
    }

    pub(super) fn deeds(state: &State) -> Vec<Deed> {
        let world = &state.world;
        let mut deeds = vec![Deed::CreateKey];
        for key in world.user(&user()).into_iter().flat_map(|u| u.keys()) {
            let id = || key.listed.id.clone();
            deeds.extend([
                Deed::Deactivate(id()),
                Deed::Reactivate(id()),
                Deed::Delete(id()),
                Deed::PutKey(id()),
                Deed::PutWrong(id()),
            ]);
        }
        if let Some(secret) = world.secret(&secret()) {
            deeds.push(Deed::PutJunk);
            deeds.extend(secret.versions().map(|(id, _)| Deed::MoveCurrent(id.clone())));
        }
        deeds
    }

    /// Returns every meaningful claim, with each possible time: the creation of its key, now, and a
    /// time beyond the allowed difference between clocks. A claim is written right before it is
    /// read, because it has no effect until then.
    pub(super) fn claims(&self, state: &State) -> Vec<Forgery> {
        let reads = |call: &Call| matches!(call, Call::DescribeSecret | Call::ListVersions);
        let mut running = state.rotators.iter().flatten();
        let (Some(Next::Call(call)), None) = (running.next().map(|one| &one.next), running.next())
        else {
            return vec![];
        };
        if !reads(call) {
            return vec![];
        }
        let now = state.world.now();
        let later = now + self.setting.waits.settle + UNIT * 2;
        let keys: Vec<_> = state
            .world
            .user(&user())
            .into_iter()
            .flat_map(|u| u.keys())
            .map(|k| &k.listed)
            .collect();
        let mut all = Vec::new();
        for key in &keys {
            let id = &key.id;
            let pending = Some(Label::Pending);
            for (created, label) in [
                (key.created, pending),
                (key.created, None),
                (key.created, Some(Label::Current)),
                (now, pending),
            ] {
                all.extend(
                    VersionId::for_key(id, created, true).map(|id| Forgery::Version { id, label }),
                );
            }
            if *call == Call::ListVersions {
                continue;
            }
            let mut entries = Vec::new();
            for at in [key.created, now, later] {
                for phase in [Phase::Retiring, Phase::Abandoned, Phase::Inactive, Phase::Hold] {
                    entries.push(JournalEntry::Retired(Retired {
                        key: id.clone(),
                        phase,
                        at,
                        soak: None,
                        reactivated: false,
                    }));
                }
                entries.push(JournalEntry::Revoked(vec![Revoked {
                    key: id.clone(),
                    at,
                    only_if_unused: false,
                }]));
                let before =
                    keys.iter().map(|k| k.id.clone()).filter(|other| other != id).collect();
                entries.push(JournalEntry::Intent(Intent { before, at }));
                let labelled = |label| {
                    state.world.secret(&secret()).and_then(|found| found.labelled(label)).cloned()
                };
                if let Some(version) = labelled(Label::Current) {
                    entries.push(JournalEntry::Promoted(Promoted {
                        version,
                        replacing: Some(id.clone()),
                        at,
                        overlap: None,
                    }));
                }
            }
            all.extend(entries.into_iter().map(Forgery::Entry));
        }
        all
    }
}
