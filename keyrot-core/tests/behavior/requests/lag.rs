//! IAM's listing lags behind what was just changed: a request right after a change has the same
//! result as without the lag, or says that it waits.

use super::harness::{Harness, back_to, revoke};
use crate::support::{DAY, HOUR, MINUTE};
use keyrot_core::decide::Refusal;
use keyrot_core::machine::PlannedAction;
use keyrot_core::memory::Label;
use keyrot_core::{ErrorKind, KeyId, KeyStatus, Mode, Outcome, Request, Revocation, Why};
use std::time::Duration;

/// The change right before the request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Rotated,
    Retired,
    ReactivatedByHand,
    Deleted,
    RolledBack,
    Revoked,
    RevokedWithoutSuccessor,
}

/// The request.
#[derive(Debug, Clone, Copy)]
enum Asks {
    GoBack,
    RevokeCurrent,
    RevokeOther,
    RevokeOtherWithoutSuccessor,
    RetireOther,
    ReinstateOther,
    RevokeUnnamed,
}

const CHANGES: [Change; 7] = [
    Change::Rotated,
    Change::Retired,
    Change::ReactivatedByHand,
    Change::Deleted,
    Change::RolledBack,
    Change::Revoked,
    Change::RevokedWithoutSuccessor,
];
const ASKS: [Asks; 7] = [
    Asks::GoBack,
    Asks::RevokeCurrent,
    Asks::RevokeOther,
    Asks::RevokeOtherWithoutSuccessor,
    Asks::RetireOther,
    Asks::ReinstateOther,
    Asks::RevokeUnnamed,
];

/// Returns the account right after the change, with a listing that lags this much, and the other
/// key.
async fn right_after(change: Change, lag: Duration) -> (Harness, KeyId) {
    let harness = Harness::in_overlap().await;
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    let until = |n: usize| {
        let harness = &harness;
        async move {
            while harness.active().len() > n {
                harness.account.advance(DAY);
                harness.consume();
                harness.run().await;
            }
        }
    };
    let lags = || harness.account.change(|world| world.rules.listing_lag = lag);
    match change {
        Change::Rotated => {
            harness.settles().await;
            harness.account.advance(90 * DAY);
            lags();
            harness.run().await;
            let old = harness.labelled(Label::Previous).unwrap();
            return (harness, old);
        }
        Change::Retired => {
            lags();
            until(1).await;
        }
        Change::ReactivatedByHand => {
            until(1).await;
            harness.account.advance(DAY);
            lags();
            harness
                .account
                .change(|w| w.set_key_status(&harness.user, &old, KeyStatus::Active))
                .unwrap();
        }
        Change::Deleted => {
            lags();
            while harness.keys().len() > 1 {
                harness.account.advance(DAY);
                harness.consume();
                harness.run().await;
            }
        }
        Change::RolledBack => {
            lags();
            assert_eq!(harness.ask(&back_to(&old)).await, Outcome::Done);
            return (harness, new);
        }
        Change::Revoked => {
            harness.account.advance(DAY);
            lags();
            drop(harness.put(&Request::Revoke(revoke(&old)), Mode::Act).await);
        }
        Change::RevokedWithoutSuccessor => {
            harness.account.advance(DAY);
            lags();
            let order = Revocation { without_successor: true, ..revoke(&old) };
            drop(harness.put(&Request::Revoke(order), Mode::Act).await);
        }
    }
    (harness, old)
}

async fn request(harness: &Harness, other: &KeyId, asks: Asks) -> Result<Request, String> {
    harness.account.advance(MINUTE);
    let seen = harness.look().await;
    Ok(match asks {
        Asks::GoBack => back_to(&Request::key_before(&seen).map_err(|e| e.to_string())?),
        Asks::RevokeCurrent => Request::Revoke(revoke(&harness.current().unwrap())),
        Asks::RevokeOther => Request::Revoke(revoke(other)),
        Asks::RevokeOtherWithoutSuccessor => {
            Request::Revoke(Revocation { without_successor: true, ..revoke(other) })
        }
        Asks::RetireOther => Request::Revoke(Revocation { only_if_unused: true, ..revoke(other) }),
        Asks::ReinstateOther => Request::Reinstate { key: other.clone() },
        Asks::RevokeUnnamed => {
            Request::Revoke(Request::revoke(&seen, None).map_err(|e| e.to_string())?)
        }
    })
}

/// Whether the outcome is the requested one.
fn is_true(harness: &Harness, request: &Request) -> bool {
    match request {
        Request::Rollback { to } => harness.current().as_ref() == Some(to),
        Request::Revoke(order) => !harness.active().contains(&order.key),
        _ => true,
    }
}

/// Returns the outcome in a word, as it is reported.
fn word(outcome: &Outcome) -> (&'static str, bool) {
    let refused = matches!(outcome, Outcome::Refused(_) | Outcome::Failed(_) | Outcome::Blocked(_));
    (outcome.reason(), refused)
}

#[tokio::test]
async fn a_request_right_after_a_change_is_done_or_waits_although_the_listing_lags() {
    let mut differing = 0;
    for change in CHANGES {
        for asks in ASKS {
            let about = format!("{change:?}, then {asks:?}");
            let (clear, other) = right_after(change, Duration::ZERO).await;
            let (lags, same) = right_after(change, 5 * MINUTE).await;
            assert_eq!(other, same);
            let (Ok(request), Ok(asked)) =
                (request(&clear, &other, asks).await, request(&lags, &other, asks).await)
            else {
                continue;
            };
            let expected = clear.put(&request, Mode::Act).await.outcome;
            let planned = lags.put(&asked, Mode::Plan).await.outcome;
            let done = lags.put(&asked, Mode::Act).await.outcome;
            let (said, refused) = word(&done);
            let unnoted = change == Change::RevokedWithoutSuccessor;
            match &done {
                Outcome::Done | Outcome::Revoked { .. } => {
                    // A key that was just reactivated is still listed as Inactive, so only the next
                    // run can report it.
                    let unseen = change == Change::ReactivatedByHand;
                    assert!(unseen || is_true(&lags, &asked), "{about}");
                }
                Outcome::Waiting(_) => {}
                // IAM does not show it. The request says so, and repeating it is harmless.
                Outcome::Failed(failure) if failure.error.kind == ErrorKind::NoEffect => {
                    assert!(
                        failure.doing.contains("see that the key is Inactive"),
                        "{about}: {failure}"
                    );
                }
                // That revocation could not confirm that its key is Inactive, and failed, so
                // nothing about it is recorded: it has to be repeated.
                other if unnoted => {
                    assert!(refused, "{about}: {other:?}");
                }
                other => assert_eq!(word(other), word(&expected), "{about}: {other:?}"),
            }
            assert!(
                !refused
                    || unnoted
                    || !matches!(planned, Outcome::Planned(_))
                    || said == "no_effect",
                "{about}: the plan said {planned:?}, and the run {done:?}"
            );
            differing += usize::from(word(&done) != word(&expected));
            // Once the listing has caught up, the same request is carried out.
            lags.account.advance(HOUR);
            lags.account.change(|world| world.rules.listing_lag = Duration::ZERO);
            if matches!(done, Outcome::Waiting(_)) {
                let again = lags.put(&asked, Mode::Act).await.outcome;
                assert!(!matches!(again, Outcome::Failed(_)), "{about}: {again:?}");
            }
        }
    }
    assert!(differing > 3, "the lag is seen: {differing}");
}

#[tokio::test]
async fn a_key_that_was_just_retired_is_reactivated_and_published_again_although_it_is_listed_as_active()
 {
    let (harness, old) = right_after(Change::Retired, 5 * MINUTE).await;
    let seen = harness.look().await;
    let listed = seen.keys.iter().find(|key| key.id == old).unwrap();
    assert_eq!(listed.status, KeyStatus::Active, "the listing lags");
    let back = back_to(&Request::key_before(&seen).unwrap());
    assert_eq!(
        harness.intended(&back).await,
        [PlannedAction::Activate(old.clone()), PlannedAction::PublishAgain(old.clone())]
    );
    assert_eq!(harness.ask(&back).await, Outcome::Done);
    assert_eq!((harness.current(), harness.active().len()), (Some(old), 2));
}

#[tokio::test]
async fn without_a_key_the_request_asks_which_one_although_only_one_is_listed() {
    let (harness, old) = right_after(Change::Rotated, 5 * MINUTE).await;
    let seen = harness.look().await;
    assert_eq!(seen.keys.len(), 1, "the new key is not listed yet");
    let keys = vec![old, harness.current().unwrap()];
    assert_eq!(Request::revoke(&seen, None), Err(Refusal::WhichKey { keys }));
}

#[tokio::test]
async fn a_key_that_is_not_listed_yet_is_not_called_deleted() {
    let (harness, new) = right_after(Change::RolledBack, 5 * MINUTE).await;
    let (back, revoke) = (back_to(&new), Request::Revoke(revoke(&new)));
    for request in [&back, &revoke] {
        let outcome = harness.put(request, Mode::Act).await.outcome;
        assert!(
            matches!(&outcome, Outcome::Waiting(wait) if wait.why == Why::Settling(new.clone())),
            "{outcome:?}"
        );
    }
    let planned = harness.put(&back, Mode::Plan).await.outcome;
    assert!(matches!(planned, Outcome::Waiting(_)), "a plan says the same: {planned:?}");
    harness.account.advance(HOUR);
    assert_eq!(harness.ask(&back).await, Outcome::Done);
    assert_eq!(harness.current(), Some(new));
}
