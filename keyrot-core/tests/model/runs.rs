//! One call, one run, or one Secrets Manager rotation in the model's world.

use super::setting::{Destination, Port, Setting, UNIT};
use super::world::{Luck, secret};
use futures_util::FutureExt;
use keyrot_core::machine::{Call, Next, Reply, Rotation, Task};
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, World};
use keyrot_core::model::{ProbeAnswer, RotationStep, StepName, Subject, VersionId};
use keyrot_core::{Blocked, CallError, KeyStatus, LastUse, Mode, Outcome, Ports, Why};
use std::time::Duration;

pub(crate) fn machine(setting: &Setting, world: &World, task: Task) -> Rotation {
    let mut subject = Subject::of(&world.list_users("/")[0], secret(), world.region());
    subject.destinations = setting.destinations.iter().map(Destination::assignment).collect();
    Rotation::new(subject, setting.rotator_policy(), Mode::Act)
        .deciding_by(setting.decider)
        .to_do(task)
}

/// Makes the call in the account through the real ports and the real dispatch. Returns `None` if
/// the process died.
pub(super) fn perform(
    setting: &Setting,
    world: &mut World,
    subject: &Subject,
    call: &Call,
    luck: Luck,
) -> Option<Result<Reply, CallError>> {
    let mut call = call.clone();
    if let (Port::NoCompareAndSwap, Call::Promote { from, .. }) = (setting.port, &mut call) {
        *from = world.secret(&secret())?.labelled(Label::Current)?.clone();
    }
    if luck == Luck::NotYet {
        return Some(Ok(Reply::Probe(ProbeAnswer::Refused)));
    }
    if let (Port::NoProof, Call::Probe(_)) = (setting.port, &call) {
        return Some(Ok(Reply::Probe(ProbeAnswer::Authenticated(subject.arn.clone()))));
    }
    let kept = world.secret(&secret()).and_then(|secret| secret.tags.get(REVOKED).cloned());
    let account = MemoryAccount::new(world.clone());
    let inject = |fault| account.inject(FaultAt::nth(0, fault));
    match luck {
        Luck::Denied => inject(Fault::Denied),
        Luck::Throttled => inject(Fault::Throttled),
        Luck::LostRequest | Luck::Unreachable => inject(Fault::LostRequest),
        Luck::LostReply => inject(Fault::LostReply),
        Luck::DiesBefore => inject(Fault::DeathBefore),
        Luck::DiesAfter => inject(Fault::DeathAfter),
        Luck::StaleListing => account.change(|w| w.rules.listing_lag = UNIT * 2),
        Luck::Good | Luck::NotYet => {}
    }
    match setting.port {
        Port::NoRoomForTags if matches!(call, Call::Write(_)) => inject(Fault::Denied),
        Port::StoreDown if !is_iams(&call) => inject(Fault::Denied),
        Port::DestinationsDown if matches!(call, Call::Deliver { .. }) => inject(Fault::Denied),
        _ => {}
    }
    let ports = Ports::of(account.clone()).with_destinations(account.destinations());
    let answer = ports.perform(subject, &call).now_or_never();
    *world = account.world();
    world.rules.listing_lag = Duration::ZERO;
    if let (Port::DropsRevocations, Some(secret)) = (setting.port, world.secret_mut(&secret())) {
        secret.tags.remove(REVOKED);
        secret.tags.extend(kept.map(|kept| (REVOKED.to_owned(), kept)));
    }
    Some(match (setting.port, call, answer?) {
        (Port::UnknownIsUnused, Call::LastUse(_), Err(_)) => Ok(Reply::LastUse(LastUse::NoRecord)),
        (Port::BlindToStatus, Call::ListKeys, Ok(Reply::Keys(mut keys))) => {
            keys.iter_mut().for_each(|k| k.status = KeyStatus::Active);
            Ok(Reply::Keys(keys))
        }
        (Port::ListsInactive, Call::ListKeys, Ok(Reply::Keys(mut keys))) => {
            keys.iter_mut().for_each(|k| k.status = KeyStatus::Inactive);
            Ok(Reply::Keys(keys))
        }
        (_, _, answer) => answer,
    })
}

/// Whether the call goes to IAM.
pub(crate) fn is_iams(call: &Call) -> bool {
    use Call::{Activate, CreateKey, Deactivate, DeleteKey, LastUse, ListKeys};
    matches!(call, ListKeys | LastUse(_) | CreateKey | Deactivate(_) | Activate(_) | DeleteKey(_))
}

/// Returns what can go wrong with a call in a model that leaves faults between IAM's calls to the
/// others.
pub(crate) fn lucks_beside_iam(call: &Call) -> &'static [Luck] {
    if is_iams(call) && !matches!(call, Call::CreateKey) {
        &[]
    } else if call.only_reads() {
        &[Luck::Denied, Luck::DiesBefore]
    } else {
        &[Luck::Denied, Luck::DiesBefore, Luck::DiesAfter, Luck::LostReply]
    }
}

const REVOKED: &str = "keyrot:revoked";

/// The limit on the calls of a run without faults.
const MOST_CALLS: usize = 100;

/// Makes a whole run, without faults.
pub(crate) fn run(setting: &Setting, world: &mut World, task: Task) -> Outcome {
    let mut machine = machine(setting, world, task);
    let mut calls = Vec::new();
    loop {
        assert!(calls.len() < MOST_CALLS, "a run does not end: {:#?}", &calls[MOST_CALLS - 12..]);
        match machine.next(world.now()) {
            Next::Done(outcome) => return outcome,
            Next::Sleep(pause) => world.advance(pause),
            Next::Call(call) => {
                calls.push(call.clone());
                let subject = machine.subject().clone();
                let answer = perform(setting, world, &subject, &call, Luck::Good);
                machine.answer(world.now(), answer.expect("nobody dies here"));
            }
        }
    }
}

/// Makes a Secrets Manager rotation, or the rest of one, without faults. Returns `None` if the
/// service refuses to begin.
pub(crate) fn rotate_by_service(setting: &Setting, world: &mut World) -> Option<Outcome> {
    let token = token(world);
    let version = world.rotate_secret(&secret(), &token).ok()?;
    let mut step = Some(StepName::CreateSecret);
    let mut outcome = None;
    while let Some(now) = step {
        outcome = Some(run(
            setting,
            world,
            Task::RotationStep(RotationStep { step: now, version: version.clone() }),
        ));
        step = following(now).filter(|_| outcome == Some(Outcome::Done));
    }
    outcome
}

/// Whether the service has to continue: its rotation is not complete, or the key is due and only
/// the service creates the next one.
pub(crate) fn is_for_the_service(world: &World, outcome: &Outcome) -> bool {
    let Some(found) = world.secret(&secret()).filter(|s| s.rotation) else { return false };
    let current = found.labelled(Label::Current);
    found.labelled(Label::Pending).is_some_and(|pending| Some(pending) != current)
        || matches!(outcome, Outcome::Waiting(wait) | Outcome::Blocked(Blocked::Overdue { wait, .. }) if wait.why == Why::Service)
}

pub(super) fn following(step: StepName) -> Option<StepName> {
    match step {
        StepName::CreateSecret => Some(StepName::SetSecret),
        StepName::SetSecret => Some(StepName::TestSecret),
        StepName::TestSecret => Some(StepName::FinishSecret),
        StepName::FinishSecret => None,
    }
}

/// Returns a new id, as Secrets Manager chooses them.
pub(super) fn token(world: &World) -> VersionId {
    let n = world.secret(&secret()).map_or(0, |s| s.versions().count());
    VersionId::parse(format!("01234567-89ab-cdef-0123-{n:012}")).unwrap()
}
