//! States and events in one word each, for machines, and a user's state in a sentence, for people.

use crate::{Blocked, EventKind, Held, KeyId, Note, Outcome, Phase, Refusal, Standing, Step, Timestamp, Wait, Why};

/// Where the user stands, in a sentence without the user's name.
pub(crate) fn outcome_text(one: &Standing, now: Timestamp) -> String {
    match &one.outcome {
        Outcome::Settled { until } => format!("settled; the next rotation begins {}", time(*until)),
        Outcome::Done => "done, as it was asked for".to_owned(),
        Outcome::Revoked { key, rest } => {
            let rest = outcome_text(&Standing { outcome: (**rest).clone(), ..one.clone() }, now);
            format!("{key} is Inactive or gone; the rest is not done: {rest}")
        }
        Outcome::Intended(steps) => steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; then "),
        Outcome::Refused(refusal) => refusal.to_string(),
        Outcome::Waiting(wait) => wait_text(wait),
        Outcome::Blocked(reason) => reason.to_string(),
        Outcome::Failed(failure) => failure.to_string(),
        Outcome::Stopped(stop) => stop.to_string(),
        Outcome::Due(step) => due_text(one, step, now),
        Outcome::Proving { version } => match Held::of(version.clone()).key() {
            Some(before) if one.previous.as_ref() == Some(before) => {
                format!("try {before}, the key before, then publish it again in the place of the one that was revoked")
            }
            Some(current) if one.current.as_ref() == Some(current) => {
                format!("verify {current}, which is current, once")
            }
            _ => "try the staged key, then publish it".to_owned(),
        },
        Outcome::Panicked(reason) => format!("keyrot panicked, please report it: {reason}"),
    }
}

fn wait_text(wait: &Wait) -> String {
    let Some(until) = wait.until.map(time) else { return wait.why.to_string() };
    match &wait.why {
        Why::Overlap(key) => format!("the old key {key} stays Active until {until} while readers move over"),
        Why::InUse { .. } => format!("held: {}; kept until {until} at least", wait.why),
        Why::NoRecord(_) => format!("held: {}; kept until {until}", wait.why),
        Why::NotPickedUp { .. } => {
            format!("held: {}; kept until {until}, or until something uses the new key", wait.why)
        }
        Why::UsedLate { .. } => format!("held: {}; kept until {until} at least", wait.why),
        Why::Soak(key) => format!("the old key {key} is Inactive; it will be deleted after {until}"),
        Why::Propagation(key) => format!("{key} does not authenticate yet; it is given up after {until}"),
        Why::Settling(_) => format!("{}; left alone until {until}", wait.why),
        Why::Unlisted => format!("{}; looked at again after {until}", wait.why),
        Why::UseUnknown { .. } | Why::VerificationUnknown { .. } | Why::OldKey(_) | Why::Service => {
            wait.why.to_string()
        }
    }
}

/// What a run would do, and why.
fn due_text(one: &Standing, step: &Step, now: Timestamp) -> String {
    match step {
        Step::CreateSecret | Step::PutPlaceholder => {
            let secret = if matches!(step, Step::CreateSecret) { "has no secret yet" } else { "has an empty secret" };
            let key = match one.keys.first() {
                Some(key) => format!("make a key beside {}", key.id),
                None => "make its first key".to_owned(),
            };
            format!("adopt: {key}, prove it and publish it; the user {secret}")
        }
        Step::Write(Note::Intent(_)) | Step::TestWrite | Step::CreateKey => match (&one.current, one.due) {
            (Some(key), _) if one.revoked.contains(key) => format!("rotate: replace {key}, which was revoked"),
            (Some(key), Some(due)) if due > now => {
                format!("rotate: replace {key} at once, as you force it; its rotation begins only {}", time(due))
            }
            (Some(key), Some(due)) => {
                let deadline = one.deadline.map(|at| format!(", so that the old key can go by {}", time(at)));
                let deadline = deadline.filter(|_| one.deadline.is_some_and(|at| now < at)).unwrap_or_default();
                format!("rotate: replace {key}, which has been due since {}{deadline}", time(due))
            }
            (Some(key), None) => format!("rotate: replace {key}"),
            (None, _) => "adopt: make a key, prove it and publish it; the secret holds none yet".to_owned(),
        },
        Step::Write(Note::Revoked(_)) => "write down which keys are revoked".to_owned(),
        Step::Write(Note::Moved(to)) => format!("record that the user's home is {}", to.place()),
        Step::Activate(key) => format!("reactivate {key}, to publish it again"),
        Step::Write(Note::Promoted(_)) => {
            "note down that the current key is in place; the overlap starts then".to_owned()
        }
        Step::Write(Note::Retired(note)) => match note.phase {
            Phase::Retiring => retire_text(one, &note.key),
            Phase::Abandoned => format!("give {} up: it was made by keyrot and never became current", note.key),
            Phase::Inactive => format!("note down that {} is Inactive; its soak starts then", note.key),
            Phase::Hold => format!("keep {} for another overlap: it is wanted again", note.key),
        },
        Step::Deactivate(key) => retire_text(one, key),
        Step::Delete(key) => format!("delete {key}: it has been Inactive for long enough"),
        Step::BindUser(_) | Step::BindSecret => step.to_string(),
        Step::Stage { .. } | Step::StagePlaceholder | Step::Promote { .. } | Step::Unstage(_) => step.to_string(),
    }
}

/// While no key of the user's was ever published, the one to go is not an old one.
fn retire_text(one: &Standing, key: &KeyId) -> String {
    if one.revoked.contains(key) {
        return format!("retire {key}: it was revoked");
    }
    match one.current {
        Some(_) => {
            let used = one.last_use.get(key).map_or_else(|| "no use is known".to_owned(), ToString::to_string);
            format!("retire {key}: nothing needs it any more, as far as AWS knows ({used})")
        }
        None => format!("retire {key}: a run made it and died before it was published, so nobody has its secret"),
    }
}

fn time(time: Timestamp) -> String {
    time.format("%F %R UTC").to_string()
}

pub(crate) fn why_code(why: &Why) -> &'static str {
    match why {
        Why::Overlap(_) => "overlap",
        Why::InUse { .. } => "in_use",
        Why::NoRecord(_) => "no_record",
        Why::NotPickedUp { .. } => "not_picked_up",
        Why::UsedLate { .. } => "used_late",
        Why::UseUnknown { .. } => "use_unknown",
        Why::Soak(_) => "soak",
        Why::Propagation(_) => "propagation",
        Why::VerificationUnknown { .. } => "verification_unknown",
        Why::Settling(_) => "settling",
        Why::Unlisted => "unlisted",
        Why::OldKey(_) => "old_key",
        Why::Service => "service",
    }
}

pub(crate) fn refusal_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::RotationOff => "rotation_off",
        Refusal::NothingCurrent => "nothing_current",
        Refusal::NotStaged { .. } => "not_staged",
        Refusal::NotMade { .. } => "not_made",
        Refusal::DoesNotWork { .. } => "does_not_work",
        Refusal::Superseded { .. } => "superseded",
        Refusal::NothingBefore { .. } => "nothing_before",
        Refusal::NotBefore { .. } => "not_before",
        Refusal::Gone { .. } => "gone",
        Refusal::WasRevoked { .. } => "was_revoked",
        Refusal::WhichKey { .. } => "which_key",
        Refusal::NoSuchKey { .. } => "no_such_key",
        Refusal::NoRoom { .. } => "no_room",
        Refusal::IsCurrent { .. } => "is_current",
        Refusal::InUse { .. } => "in_use",
        Refusal::NotAtRest { .. } => "not_at_rest",
        Refusal::NoHome => "no_home",
        Refusal::OtherAccount { .. } => "other_account",
    }
}

fn why_key(why: &Why) -> Option<&KeyId> {
    match why {
        Why::Overlap(key) | Why::NoRecord(key) | Why::Soak(key) => Some(key),
        Why::Propagation(key) | Why::Settling(key) | Why::OldKey(key) => Some(key),
        Why::InUse { key, .. } | Why::NotPickedUp { key, .. } | Why::UsedLate { key, .. } => Some(key),
        Why::UseUnknown { key, .. } | Why::VerificationUnknown { key, .. } => Some(key),
        Why::Unlisted | Why::Service => None,
    }
}

pub(crate) fn step_code(step: &Step) -> &'static str {
    match step {
        Step::CreateSecret | Step::PutPlaceholder => "adopt",
        Step::StagePlaceholder => "stage",
        Step::BindUser(_) | Step::BindSecret => "bind",
        Step::Write(Note::Intent(_)) | Step::TestWrite | Step::CreateKey => "rotate",
        Step::Write(Note::Promoted(_)) => "note_promoted",
        Step::Write(Note::Revoked(_)) => "unrevoke",
        Step::Write(Note::Moved(_)) => "move",
        Step::Activate(_) => "activate",
        Step::Write(Note::Retired(note)) => match note.phase {
            Phase::Retiring => "retire",
            Phase::Abandoned => "abandon",
            Phase::Inactive => "note_inactive",
            Phase::Hold => "hold",
        },
        Step::Stage { .. } => "stage",
        Step::Promote { .. } => "publish",
        Step::Unstage(_) => "unstage",
        Step::Deactivate(_) => "retire",
        Step::Delete(_) => "delete",
    }
}

pub(crate) fn blocked_code(blocked: &Blocked) -> &'static str {
    match blocked {
        Blocked::ReactivatedInVain { .. } => "reactivated_in_vain",
        Blocked::RevokedKeyReactivated { .. } => "revoked_key_reactivated",
        Blocked::IamOnly { .. } => "iam_only",
        Blocked::Quarantined { .. } => "quarantined",
        Blocked::ManagedElsewhere { .. } => "managed_elsewhere",
        Blocked::MoveBegun { .. } => "move_begun",
        Blocked::OtherAccount { .. } => "other_account",
        Blocked::HomeUnreadable { .. } => "home_unreadable",
        Blocked::NotNamed { .. } => "not_named",
        Blocked::HomeTooLong { .. } => "home_too_long",
        Blocked::SecretOfAnother { .. } => "secret_of_another",
        Blocked::SecretNotBound { .. } => "secret_not_bound",
        Blocked::NoTagRoom { .. } => "no_tag_room",
        Blocked::Overdue { .. } => "overdue",
        Blocked::StagingRefused { .. } => "staging_refused",
        Blocked::ValueTooLarge { .. } => "value_too_large",
        Blocked::SecretDeleted { .. } => "secret_deleted",
        Blocked::SecretIsReplica { .. } => "secret_is_replica",
        Blocked::SecretHoldsOther { .. } => "secret_holds_other",
        Blocked::ForeignPending { .. } => "foreign_pending",
        Blocked::CurrentKeyGone { .. } => "current_key_gone",
        Blocked::CurrentKeyInactive { .. } => "current_key_inactive",
        Blocked::CurrentDoesNotWork { .. } => "current_does_not_work",
        Blocked::NoWayBack { .. } => "no_way_back",
        Blocked::UnknownKeys(_) => "unknown_keys",
        Blocked::ClaimedKey { .. } => "claimed_key",
        Blocked::RevokedKeyInUse { .. } => "revoked_key_in_use",
        Blocked::StrangeStatus { .. } => "strange_status",
        Blocked::RolledBack { .. } => "rolled_back",
        Blocked::BadTag { .. } => "bad_tag",
    }
}

pub(crate) fn event_code(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Adopted => "adopted",
        EventKind::KeyCreated { .. } => "key_created",
        EventKind::Rotated { .. } => "rotated",
        EventKind::Held(_) => "held",
        EventKind::UsedBy(_) => "used_by",
        EventKind::Reactivated { .. } => "reactivated",
        EventKind::Revoked { .. } => "revoked",
        EventKind::Reinstated { .. } => "reinstated",
        EventKind::RolledBack { .. } => "rolled_back",
        EventKind::Activated { .. } => "activated",
        EventKind::Retired { .. } => "retired",
        EventKind::Deleted { .. } => "deleted",
        EventKind::Abandoned { .. } => "abandoned",
        EventKind::OrphanFound { .. } => "orphan_found",
        EventKind::OrphanRemoved { .. } => "orphan_removed",
        EventKind::Doubted(_) => "claim_ignored",
        EventKind::HomeRestored { .. } => "home_restored",
        EventKind::Blocked { .. } => "blocked",
        EventKind::Failed(_) => "failed",
        EventKind::Panicked { .. } => "panicked",
    }
}

pub(crate) fn event_key(kind: &EventKind) -> Option<&KeyId> {
    match kind {
        EventKind::KeyCreated { key }
        | EventKind::Rotated { key, .. }
        | EventKind::Revoked { key, .. }
        | EventKind::Reinstated { key }
        | EventKind::RolledBack { key, .. }
        | EventKind::Activated { key }
        | EventKind::Reactivated { key }
        | EventKind::Retired { key }
        | EventKind::Deleted { key }
        | EventKind::Abandoned { key, .. }
        | EventKind::OrphanFound { key }
        | EventKind::OrphanRemoved { key } => Some(key),
        EventKind::Held(wait) => why_key(&wait.why),
        EventKind::UsedBy(evidence) => Some(&evidence.key),
        EventKind::Adopted
        | EventKind::HomeRestored { .. }
        | EventKind::Doubted(_)
        | EventKind::Blocked { .. }
        | EventKind::Failed(_)
        | EventKind::Panicked { .. } => None,
    }
}
