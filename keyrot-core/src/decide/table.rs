//! The table of the decision: every rule, in the order in which it is asked. The first that applies has the answer.
//!
//! `docs/decision.md` is printed from this file.

use super::situation::{Asked, Situation};
use crate::decide::decision::Decision;
use crate::decide::revoking::Revoking;
use crate::model::step::StepName;

/// A table of rules: when each applies, what it may answer, and the function that says so.
macro_rules! rules {
    ($(#[$doc:meta])* $table:ident on $case:ident; $($name:ident, $when:literal, [$($answer:literal),*], $ask:ident;)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $table {
            $(#[doc = $when] $name,)*
        }

        impl $table {
            /// What is to be done, if the rule applies.
            pub(super) fn ask(self, case: &$case<'_>) -> Option<Decision> {
                match self {
                    $(Self::$name => case.$ask(),)*
                }
            }

            /// When the rule applies, and what it may answer.
            #[cfg(test)]
            pub(super) fn row(self) -> (&'static str, &'static [&'static str]) {
                match self {
                    $(Self::$name => ($when, &[$($answer),*]),)*
                }
            }
        }
    };
}

rules! {
    /// The rules of a user whose home this is and whose secret has a current version.
    Rule on Situation;
    RevokedKeyWorksAgain, "A revoked key that was seen Inactive is Active again", ["blocked revoked_key_reactivated"], revoked_key_reactivated;
    KeyWorksAgain, "A key that was noted down as Inactive is Active again", ["write hold"], reactivated;
    Unread, "Somebody else wrote a labeled version", ["look version_contents"], foreign_version;
    CurrentHoldsOther, "The current version holds no access key", ["blocked secret_holds_other"], current_holds_other;
    CurrentInactive, "The current key is not Active, and was not revoked", ["wait settling", "blocked current_key_inactive"], current_inactive;
    CurrentGone, "The current key is not listed, and was not revoked", ["wait settling", "blocked current_key_gone"], current_gone;
    CurrentIsBack, "The current key was Inactive once, and is in use again", ["wait settling", "write hold"], in_use_again;
    Unattributed, "No version, journal entry or intent explains a key", ["look versions", "look last_use", "blocked unknown_keys"], unknown_keys;
    InHand, "This run has created a key, and not staged it yet", ["act stage"], key_in_hand;
    StagedAgain, "What is staged was published before, or holds the current key", ["act unstage"], staged_once_more;
    RolledBack, "AWSCURRENT was moved back from a newer key that works", ["look verification", "wait verification_unknown", "write promoted", "blocked current_does_not_work", "blocked rolled_back"], rolled_back;
    StagedByAnother, "Somebody else staged a version", ["blocked foreign_pending"], staged_by_another;
    StagedGivenUp, "The staged key was given up or revoked", ["act unstage"], staged_given_up;
    StagedNotListed, "The staged key is not listed", ["wait settling", "act unstage"], staged_not_listed;
    StagedByAnotherRun, "Another run staged the key, as the version's id says", ["look versions", "blocked foreign_pending"], staged_by_another_run;
    StagedTooLate, "The staged key is not Active, or a newer key is current", ["write abandoned"], staged_too_late;
    Staged, "A key is staged", ["look verification", "act promote", "wait verification_unknown", "wait propagation", "write abandoned", "blocked foreign_pending"], staged_key;
    RevokedCurrent, "The current key was revoked, and there is no room for another", ["wait settling", "write hold", "act activate", "look verification", "act unstage", "write promoted", "act promote", "wait verification_unknown", "blocked no_way_back", "write inactive", "wait soak", "look last_use", "wait use_unknown", "act delete"], revoked_current;
    LeavesBesideRevoked, "A key is to leave, and the current one was revoked just now", ["wait settling"], leaves_beside_revoked;
    LeavesWithoutSuccessor, "A key is to leave, and no entry says that its successor works and is published", ["look verification", "write promoted", "wait verification_unknown", "blocked current_does_not_work", "blocked rolled_back"], leaves_without_successor;
    LeavesWithUnknownStatus, "The key that is to leave has a status that keyrot does not know", ["blocked unknown_status"], leaves_with_unknown_status;
    OldKeyLeaves, "The key that is to leave is Active, and was published or revoked", ["wait settling", "write hold", "wait overlap", "look last_use", "wait use_unknown", "wait in_use", "wait used_late", "wait no_record", "wait not_picked_up", "blocked revoked_key_in_use", "look verification", "wait verification_unknown", "blocked current_does_not_work", "write retiring", "act deactivate"], old_key_leaves;
    StrayKeyLeaves, "The key that is to leave is Active, and was never published", ["wait settling", "blocked claimed_key", "look last_use", "wait use_unknown", "look versions", "wait no_record", "write abandoned", "write retiring", "act deactivate"], stray_key_leaves;
    InactiveKeyLeaves, "The key that is to leave is Inactive", ["write inactive", "wait soak", "look last_use", "wait use_unknown", "look verification", "wait verification_unknown", "blocked current_does_not_work", "act delete"], inactive_key_leaves;
    CurrentUnverified, "No entry says that the current key works and was published", ["look verification", "write promoted", "wait verification_unknown", "blocked current_does_not_work"], unverified_current;
    ServiceCreatesIt, "The current key is due, and Secrets Manager's own rotation is on", ["wait service"], service_creates_it;
    NoTagRoom, "A key is due, and the secret has too many tags for the journal", ["blocked no_tag_room"], no_room_for_entries;
    ValueTooLarge, "A key is due, and the next value may not fit", ["look next_size", "blocked secret_holds_other", "blocked value_too_large"], next_value_too_large;
    TwoKeys, "A key is due, and the user has two", ["look last_use", "blocked unknown_keys"], two_keys;
    Due, "A key is due", ["write intent", "wait unlisted", "act test_write", "act create_key"], next_key;
    NotListedYet, "A key may have been created that IAM does not list yet", ["wait unlisted"], key_not_listed_yet;

    OrderedIsCurrent, "The version that the step is about is current", ["look verification", "write promoted", "wait verification_unknown", "blocked current_does_not_work", "done"], ordered_is_current;
    OrderedIsNotStaged, "The version that the step is about is not staged, or was current before", ["refused not_staged"], ordered_is_not_staged;
    OrderedIsFilled, "The staged version has a value", ["blocked foreign_pending", "done"], ordered_is_filled;
    OldKeyIsThere, "An old key has not left yet", ["wait old_key"], old_key_is_there;
    NewerIsCurrent, "A newer key is current", ["refused superseded"], newer_is_current;
    OrderedDoesNotWork, "The staged key was not seen to work", ["refused not_made", "look verification", "wait verification_unknown", "wait propagation", "refused does_not_work"], ordered_does_not_work;
    OrderedWorks, "The staged key works", ["act promote"], ordered_works;

    UnreadBeforeRollback, "Somebody else wrote the current or the previous version", ["look version_contents"], unread_before_rollback;
    IsCurrentAgain, "The key is current", ["look verification", "write promoted", "wait verification_unknown", "blocked current_does_not_work", "done"], is_current_again;
    WasNotBefore, "The key is not the previous one", ["refused not_before", "refused no_such_key"], was_not_before;
    IsGone, "The key is deleted", ["refused gone"], is_gone;
    WasRevoked, "The key was revoked", ["refused was_revoked"], was_revoked;
    GoesBack, "The key is the previous one", ["wait settling", "write hold", "act activate", "blocked unknown_status", "look verification", "act unstage", "write promoted", "act promote", "wait verification_unknown", "blocked reactivated_in_vain", "refused does_not_work"], goes_back;

    RevocationIsTakenBack, "The key is revoked", ["write revoked"], revocation_is_taken_back;
    WasNotRevoked, "The key is not revoked", ["done", "refused no_such_key"], was_not_revoked;

    RevokesCurrentIfUnused, "The key is current, and was to be revoked only if it is unused", ["refused is_current"], revokes_current_if_unused;
    RevokesUnlisted, "The key is neither listed nor current", ["wait settling", "done", "refused no_such_key"], revokes_unlisted;
    RolledBackBeforeRevoked, "AWSCURRENT was moved back to the key, and no entry says so", ["look verification", "write promoted"], rolled_back_before_revoked;
    NextValueBeforeRevoked, "The key is to be replaced, and how large the next value is was not asked", ["look next_size"], next_value_before_revoked;
    NoRoomForSuccessor, "The key is to be replaced, and another key leaves no room", ["refused no_room"], no_room_for_successor;
    RevocationIsNotNoted, "No entry says that the key is revoked", ["write revoked"], revocation_is_not_noted;
    RevokedIsInactive, "The key is Inactive, and was replaced or cannot be", ["write inactive", "look verification", "write promoted", "wait verification_unknown", "blocked current_does_not_work", "act delete", "done", "blocked rolled_back"], revoked_is_inactive;
}

rules! {
    /// The rules of a revocation that come before the secret is used.
    BeforeSecret on Revoking;
    UnknownStatus, "The key has a status that keyrot does not know", ["blocked unknown_status"], status_is_unknown;
    InUse, "The key is to be revoked only if it is unused, and may be in use", ["look last_use", "wait use_unknown", "wait in_use", "wait no_record", "refused in_use"], is_in_use;
    NeedsNoSuccessor, "The key is Active, and needs no successor", ["act deactivate"], needs_no_successor;
    NoSuchKey, "Neither IAM nor the secret has the key", ["refused no_such_key"], is_no_key;
    NotAtHome, "The user's home is not here, or is not known to be", ["blocked managed_elsewhere", "blocked move_begun", "blocked home_unreadable", "blocked not_named", "blocked home_too_long", "blocked secret_of_another", "blocked secret_not_bound", "look elsewhere", "look version_contents", "look differences", "look versions", "look verification", "wait verification_unknown", "act bind_secret", "act bind_user"], is_not_at_home;
    SecretNotUsable, "The secret cannot be written to", ["blocked secret_deleted", "blocked secret_is_replica"], secret_is_not_usable;
}

impl BeforeSecret {
    /// All of them, in order.
    pub(super) const ALL: &'static [Self] = &[
        Self::UnknownStatus,
        Self::InUse,
        Self::NeedsNoSuccessor,
        Self::NoSuchKey,
        Self::NotAtHome,
        Self::SecretNotUsable,
    ];
}

use Rule::*;

/// What a scheduled run asks.
pub(super) const RUN: &[Rule] = &[
    RevokedKeyWorksAgain,
    KeyWorksAgain,
    Unread,
    CurrentHoldsOther,
    CurrentInactive,
    CurrentGone,
    CurrentIsBack,
    Unattributed,
    InHand,
    StagedAgain,
    RolledBack,
    StagedByAnother,
    StagedGivenUp,
    StagedNotListed,
    StagedByAnotherRun,
    StagedTooLate,
    Staged,
    RevokedCurrent,
    LeavesBesideRevoked,
    LeavesWithoutSuccessor,
    LeavesWithUnknownStatus,
    OldKeyLeaves,
    StrayKeyLeaves,
    InactiveKeyLeaves,
    CurrentUnverified,
    ServiceCreatesIt,
    NoTagRoom,
    ValueTooLarge,
    TwoKeys,
    Due,
    NotListedYet,
];

/// What the step `createSecret` asks.
pub(super) const CREATE_SECRET: &[Rule] = &[
    OrderedIsCurrent,
    OrderedIsNotStaged,
    Unread,
    OrderedIsFilled,
    CurrentHoldsOther,
    CurrentInactive,
    CurrentGone,
    Unattributed,
    InHand,
    RolledBack,
    OldKeyIsThere,
    NoTagRoom,
    ValueTooLarge,
    TwoKeys,
    Due,
];

/// What the step `setSecret` asks.
pub(super) const SET_SECRET: &[Rule] = &[OrderedIsCurrent, OrderedIsNotStaged];

/// What the step `testSecret` asks.
pub(super) const TEST_SECRET: &[Rule] = &[OrderedIsCurrent, OrderedIsNotStaged, Unread, OrderedDoesNotWork];

/// What the step `finishSecret` asks.
pub(super) const FINISH_SECRET: &[Rule] = &[
    OrderedIsCurrent,
    OrderedIsNotStaged,
    Unread,
    CurrentHoldsOther,
    CurrentInactive,
    CurrentGone,
    Unattributed,
    RolledBack,
    NewerIsCurrent,
    OrderedDoesNotWork,
    OrderedWorks,
];

/// What a rollback asks.
pub(super) const ROLLBACK: &[Rule] =
    &[UnreadBeforeRollback, IsCurrentAgain, WasNotBefore, IsGone, WasRevoked, GoesBack];

/// What a reinstatement asks.
pub(super) const REINSTATE: &[Rule] = &[RevocationIsTakenBack, WasNotRevoked];

/// What a revocation asks before the rules of a scheduled run.
pub(super) const REVOKE: &[Rule] = &[
    Unread,
    RevokesCurrentIfUnused,
    RevokesUnlisted,
    RolledBackBeforeRevoked,
    NextValueBeforeRevoked,
    NoRoomForSuccessor,
    RevocationIsNotNoted,
    RevokedIsInactive,
];

/// The rules that are asked, in order.
fn rules(asked: Asked<'_>) -> impl Iterator<Item = Rule> {
    let (first, then): (&[Rule], &[Rule]) = match asked {
        Asked::Run => (RUN, &[]),
        Asked::Step(step) => match step.step {
            StepName::CreateSecret => (CREATE_SECRET, &[]),
            StepName::SetSecret => (SET_SECRET, &[]),
            StepName::TestSecret => (TEST_SECRET, &[]),
            StepName::FinishSecret => (FINISH_SECRET, &[]),
        },
        Asked::Rollback(_) => (ROLLBACK, &[]),
        Asked::Reinstate(_) => (REINSTATE, &[]),
        Asked::Revoke(_) => (REVOKE, RUN),
    };
    first.iter().chain(then).copied()
}

/// The rule that applies, and its answer.
pub(super) fn applies(case: &Situation<'_>) -> Option<(Rule, Decision)> {
    rules(case.asked).find_map(|rule| Some((rule, rule.ask(case)?)))
}

/// The answer of the first rule that applies; where none does, nothing is left to do.
pub(super) fn decide(case: &Situation<'_>) -> Decision {
    match (applies(case), case.asked) {
        (Some((_, decision)), _) => decision,
        (None, Asked::Run | Asked::Revoke(_)) => case.settled(),
        (None, Asked::Step(_) | Asked::Rollback(_) | Asked::Reinstate(_)) => Decision::Done,
    }
}

/// Each thing that can be asked, with its rules in order and what comes after them: as the document prints them.
#[cfg(test)]
pub(super) const LISTS: &[(&str, &[Rule], &str)] = &[
    ("Revoke", REVOKE, "the table of a scheduled run"),
    ("A scheduled run", RUN, "`settled`"),
    ("`createSecret`, a step of Secrets Manager's own rotation", CREATE_SECRET, "`done`"),
    ("`setSecret`", SET_SECRET, "`done`"),
    ("`testSecret`", TEST_SECRET, "`done`"),
    ("`finishSecret`", FINISH_SECRET, "`done`"),
    ("Roll back", ROLLBACK, "`done`"),
    ("Reinstate", REINSTATE, "`done`"),
];
