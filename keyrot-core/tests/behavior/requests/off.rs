//! S13: a revocation is done only if IAM lists the key as Inactive or gone. Without a successor,
//! only IAM can prevent it.

use super::harness::{Harness, revoke, secret};

use crate::support::{DAY, HOUR, Hook, Hooked, MINUTE};
use async_trait::async_trait;
use keyrot_core::decide::{Decision, Refusal, Step};
use keyrot_core::machine::{Decider, Next, PlannedAction, Rotation, Task};
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, World};
use keyrot_core::model::{JournalEntry, Phase, Retired, Revoked, Subject};
use keyrot_core::{
    Blocked, Cancel, ErrorKind, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Request,
    Revocation, Rotator, Target, UserResult, WaitPolicy,
};

const STORE: [&str; 12] = [
    "describe",
    "create",
    "put_placeholder",
    "test_write",
    "stage_placeholder",
    "write_note",
    "inspect_version",
    "versions",
    "stage",
    "read",
    "promote",
    "unstage",
];

fn without_successor(key: &KeyId) -> Request {
    Request::Revoke(Revocation { without_successor: true, ..revoke(key) })
}

async fn fulfill(ports: Ports, chosen: Target, request: &Request, mode: Mode) -> UserResult {
    let rotator = Rotator::new(ports);
    let (limits, cancel) = (Limits::default(), Cancel::default());
    let report = rotator.fulfill(chosen, request.clone(), mode, &limits, &cancel, &|_| {}).await;
    report.users.into_iter().next().unwrap()
}

/// Returns an adopted user a day later, and the current key.
async fn adopted() -> (Harness, KeyId) {
    let harness = Harness::new(0);
    harness.run().await;
    harness.account.advance(DAY);
    let current = harness.current().unwrap();
    (harness, current)
}

#[tokio::test]
async fn a_store_that_is_down_or_full_keeps_no_key_active() {
    for fault in [Fault::Denied, Fault::LostRequest, Fault::Throttled] {
        for down in [&STORE[..], &["describe"], &["write_note"]] {
            let (harness, leaked) = adopted().await;
            down.iter().for_each(|call| harness.account.inject(FaultAt::every(call, fault)));
            let request = without_successor(&leaked);
            let plan = harness.put(&request, Mode::Plan).await.outcome;
            assert!(
                matches!(&plan, Outcome::Planned(steps) if steps[0] == PlannedAction::Deactivate(leaked.clone())),
                "{plan:?}"
            );
            assert_eq!(harness.active(), std::slice::from_ref(&leaked), "a plan");
            let ended = harness.put(&request, Mode::Act).await;
            match &ended.outcome {
                Outcome::Revoked { key, rest } => {
                    assert_eq!(
                        (key, matches!(rest.as_ref(), Outcome::Failed(_))),
                        (&leaked, true),
                        "{rest:?}"
                    );
                }
                other => panic!("{down:?}: {other:?}"),
            }
            assert_eq!(harness.active(), [], "{down:?}");
            let told: Vec<_> = ended.events.iter().map(|event| event.kind.to_string()).collect();
            assert!(
                told[0].contains("deactivated") && told.len() == 2,
                "that the rest failed is reported, too: {told:?}"
            );
            // If the request is repeated after the store is back, the rest is done.
            harness.account.heal();
            harness.account.advance(HOUR);
            assert_eq!(harness.put(&request, Mode::Act).await.outcome, Outcome::Done);
            assert_eq!(harness.look().await.revoked, std::slice::from_ref(&leaked));
            harness.settles().await;
        }
    }
}

#[tokio::test]
async fn a_user_for_which_only_iam_may_be_used_gets_no_other_call() {
    let (harness, leaked) = adopted().await;
    let alone = || Target::for_iam_only(&harness.user, "excluded by the settings");
    let ports = || Ports::of(harness.account.clone());
    let calls = |harness: &Harness| harness.account.calls();
    let request = without_successor(&leaked);

    let plan = fulfill(ports(), alone(), &request, Mode::Plan).await;
    assert_eq!(plan.outcome, Outcome::Planned(vec![PlannedAction::Deactivate(leaked.clone())]));
    let stranger = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    for mode in [Mode::Plan, Mode::Act] {
        let refused = fulfill(ports(), alone(), &without_successor(&stranger), mode).await.outcome;
        let keys = vec![leaked.clone()];
        assert_eq!(refused, Outcome::Refused(Refusal::NoSuchKey { key: stranger.clone(), keys }));
    }
    // A plain revocation needs the secret, and says why it can't be reached.
    let plain =
        fulfill(ports(), alone(), &Request::Revoke(revoke(&leaked)), Mode::Act).await.outcome;
    assert!(matches!(&plain, Outcome::Blocked(Blocked::IamOnly { .. })), "{plain:?}");
    assert_eq!(harness.active(), std::slice::from_ref(&leaked));

    let before = calls(&harness);
    let ended = fulfill(ports(), alone(), &request, Mode::Act).await;
    assert!(
        matches!(&ended.outcome, Outcome::Revoked { key, .. } if *key == leaked),
        "{:?}",
        ended.outcome
    );
    let made: Vec<_> =
        calls(&harness).into_iter().filter(|(name, n)| before.get(name) != Some(n)).collect();
    let names: Vec<_> = made.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["deactivate_key", "list_keys"]);
    assert_eq!(harness.active(), []);
}

#[tokio::test]
async fn a_key_that_cannot_be_listed_is_deactivated_and_not_called_done() {
    let (harness, leaked) = adopted().await;
    harness.account.inject(FaultAt::every("list_keys", Fault::Denied));
    let ended = harness.put(&without_successor(&leaked), Mode::Act).await;
    assert!(
        matches!(&ended.outcome, Outcome::Failed(failure) if failure.doing.contains("see that")),
        "{:?}",
        ended.outcome
    );
    assert_eq!(harness.active(), [], "it is Inactive, and nobody has seen it");

    let (harness, leaked) = adopted().await;
    harness.account.inject(FaultAt::every("deactivate_key", Fault::Denied));
    let ended = harness.put(&without_successor(&leaked), Mode::Act).await;
    assert!(
        matches!(&ended.outcome, Outcome::Failed(failure) if failure.error.kind == ErrorKind::Denied),
        "{:?}",
        ended.outcome
    );
    assert_eq!(harness.active(), [leaked]);
}

#[tokio::test]
async fn only_what_iam_lists_as_inactive_is_done() {
    for first in [true, false] {
        let (harness, leaked) = adopted().await;
        let request =
            if first { without_successor(&leaked) } else { Request::Revoke(revoke(&leaked)) };
        harness.account.change(|world| world.rules.listing_lag = 5 * MINUTE);
        let mut outcome = harness.put(&request, Mode::Act).await.outcome;
        if !first && matches!(outcome, Outcome::Waiting(_)) {
            harness.account.advance(5 * MINUTE);
            outcome = harness.put(&request, Mode::Act).await.outcome;
        }
        assert!(
            matches!(&outcome, Outcome::Failed(f) if f.error.kind == ErrorKind::NoEffect),
            "{first}: {outcome:?}"
        );
        harness.account.advance(6 * MINUTE);
        harness.account.change(|world| world.rules.listing_lag = MINUTE / 4);
        assert_eq!(harness.put(&request, Mode::Act).await.outcome, Outcome::Done, "{first}");
    }
}

#[tokio::test]
async fn the_outcome_is_correct_whichever_entry_cannot_be_written() {
    let (mut revoked, mut open) = (0, 0);
    for room in 0..6 {
        let (harness, leaked) = adopted().await;
        harness.account.inject(FaultAt {
            call: Some("write_note"),
            after: room,
            times: usize::MAX,
            fault: Fault::Denied,
        });
        let ended = harness.put(&Request::Revoke(revoke(&leaked)), Mode::Act).await.outcome;
        let works = harness.active().contains(&leaked);
        let done = matches!(ended, Outcome::Done | Outcome::Revoked { .. });
        assert_eq!(works, !done, "{room} entries: {ended:?}");
        revoked += usize::from(done);
        open += usize::from(!done);
    }
    assert_eq!(
        (revoked, open),
        (3, 3),
        "revoked, intent and promoted have to be written; the rest is bookkeeping"
    );
}

/// Another program that does something to the account after each entry that is written.
struct After(MemoryAccount, fn(&mut World));

#[async_trait]
impl Hook for After {
    async fn before(&self, _: &'static str, _: &str) {}
    async fn after(&self, call: &'static str, _: &str) {
        if call == "write_note" {
            self.0.change(self.1);
        }
    }
}

fn swallow(world: &mut World) {
    world.secret_mut(&secret()).unwrap().tags.remove("keyrot:revoked");
}

fn hold(world: &mut World) {
    let key = world.users().next().unwrap().keys()[0].listed.id.clone();
    let note = JournalEntry::Retired(Retired {
        key,
        phase: Phase::Hold,
        at: world.now(),
        soak: None,
        reactivated: false,
    });
    world.tag_secret(&secret(), &note.tag(), note.to_text()).unwrap();
}

fn unrevoke(world: &mut World) {
    let note = JournalEntry::Revoked(Vec::new());
    world.tag_secret(&secret(), &note.tag(), note.to_text()).unwrap();
}

#[tokio::test]
async fn a_program_that_rewrites_the_journal_keeps_no_key_active() {
    for rewrite in [swallow as fn(&mut World), hold, unrevoke] {
        for first in [false, true] {
            let (harness, leaked) = adopted().await;
            let request =
                if first { without_successor(&leaked) } else { Request::Revoke(revoke(&leaked)) };
            let ports = Hooked::ports(&harness.account, After(harness.account.clone(), rewrite));
            let ended = fulfill(ports, harness.chosen().await, &request, Mode::Act).await;
            assert!(
                matches!(ended.outcome, Outcome::Done | Outcome::Revoked { .. }),
                "{:?}",
                ended.outcome
            );
            assert!(!harness.active().contains(&leaked));
            assert!(harness.account.calls()["write_note"] < 15, "{:?}", harness.account.calls());
        }
    }
}

#[tokio::test]
async fn no_run_writes_the_same_entry_forever() {
    let harness = Harness::in_overlap().await;
    harness.account.advance(9 * DAY);
    let before = harness.account.calls()["write_note"];
    let ports = Hooked::ports(&harness.account, After(harness.account.clone(), hold));
    // After each entry, the key that is about to be deactivated is put on hold again. The waits are
    // over, because an overlap that never ends would not be a failure.
    let rotator = Rotator::new(ports);
    let chosen = vec![harness.chosen().await];
    let report =
        rotator.run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    let outcome = &report.users[0].outcome;
    assert!(!matches!(outcome, Outcome::Settled { .. }), "{outcome:?}");
    assert!(harness.account.calls()["write_note"] - before < 10, "{:?}", harness.account.calls());
}

fn machine(
    harness: &Harness,
    decide_request: fn(
        &keyrot_core::model::Observed,
        &Request,
        &WaitPolicy,
        keyrot_core::Timestamp,
    ) -> Decision,
    mode: Mode,
    chosen: &Target,
) -> Rotation {
    let subject: Subject = chosen.subject.clone();
    let key = harness.current().unwrap();
    let decider =
        Decider { name: "a decision that repeats itself", decide_request, ..Decider::REAL };
    Rotation::new(subject, WaitPolicy::default(), mode)
        .to_do(Task::Request(Request::Rollback { to: key }))
        .deciding_by(decider)
}

async fn play(harness: &Harness, mut machine: Rotation) -> (Outcome, usize) {
    let ports = Ports::of(harness.account.clone());
    let mut changes = 0;
    loop {
        match machine.next(harness.account.world().now()) {
            Next::Done(outcome) => return (outcome, changes),
            Next::Sleep(pause) => harness.account.advance(pause),
            Next::Call(call) => {
                changes += usize::from(!call.only_reads());
                assert!(changes < 1_000, "no end: {call:?}");
                let answer = ports.perform(machine.subject(), &call).await;
                machine.answer(harness.account.world().now(), answer);
            }
        }
    }
}

/// Whatever makes a decision repeat itself, the run ends, and so does the preview: as a failure,
/// not as a plan without steps.
#[tokio::test]
async fn a_decision_that_repeats_itself_fails_and_is_no_empty_plan() {
    let (harness, _) = adopted().await;
    let chosen = harness.chosen().await;
    let same = |_: &keyrot_core::model::Observed, request: &Request, _: &WaitPolicy, at| {
        let Request::Rollback { to: key } = request else { unreachable!() };
        Decision::Act(Step::Write(JournalEntry::Revoked(vec![Revoked {
            key: key.clone(),
            at,
            only_if_unused: false,
        }])))
    };
    let (outcome, changes) = play(&harness, machine(&harness, same, Mode::Act, &chosen)).await;
    match &outcome {
        Outcome::Failed(failure) => {
            assert_eq!((failure.error.kind, changes), (ErrorKind::NoEffect, 2));
            assert!(
                failure.to_string().contains("had no effect: another program rewrites it"),
                "{failure}"
            );
        }
        other => panic!("{other:?}"),
    }
    let (outcome, changes) = play(&harness, machine(&harness, same, Mode::Plan, &chosen)).await;
    assert!(
        matches!(&outcome, Outcome::Failed(f) if f.doing.contains("say beforehand")),
        "{outcome:?}"
    );
    assert_eq!(changes, 0);

    // The calls are never the same twice, so the limit on calls applies.
    let other = |seen: &keyrot_core::model::Observed, _: &Request, _: &WaitPolicy, at| {
        let last = match &seen.secret {
            keyrot_core::model::SecretState::Present(secret) => secret.journal.revoked.first(),
            _ => None,
        };
        let last = last.and_then(|noted| noted.key.as_str()[4..].parse::<usize>().ok());
        let key = KeyId::parse(format!("AKIA{:016}", last.map_or(0, |n| n + 1))).unwrap();
        let all = vec![Revoked { key, at, only_if_unused: false }];
        Decision::Act(Step::Write(JournalEntry::Revoked(all)))
    };
    for mode in [Mode::Act, Mode::Plan] {
        let (outcome, changes) = play(&harness, machine(&harness, other, mode, &chosen)).await;
        assert!(
            matches!(&outcome, Outcome::Failed(f) if f.error.kind == ErrorKind::NoEffect),
            "{outcome:?}"
        );
        assert!(changes < 200, "{changes}");
    }
}

#[tokio::test]
async fn a_key_that_was_just_reactivated_is_deactivated_though_the_listing_lags() {
    let (harness, leaked) = adopted().await;
    harness
        .account
        .change(|world| world.set_key_status(&harness.user, &leaked, KeyStatus::Inactive).unwrap());
    harness.account.advance(HOUR);
    harness.account.change(|world| {
        world.rules.listing_lag = MINUTE / 2;
        world.set_key_status(&harness.user, &leaked, KeyStatus::Active).unwrap();
    });
    let ended = harness.put(&without_successor(&leaked), Mode::Act).await;
    assert!(
        matches!(ended.outcome, Outcome::Done | Outcome::Revoked { .. }),
        "{:?}",
        ended.outcome
    );
    assert!(!harness.active().contains(&leaked), "the listing showed it as Inactive");
}
