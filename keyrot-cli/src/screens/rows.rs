//! The users of a run as CSV.

use super::run::word;
use keyrot_core::audit::export;
use keyrot_core::report::KeyDocument;
use keyrot_core::{RunDocument, Timestamp};

/// Each user as a row, for a spreadsheet.
pub(crate) fn csv(document: &RunDocument) -> String {
    let time =
        |at: Option<Timestamp>| at.map(|at| at.format("%FT%TZ").to_string()).unwrap_or_default();
    let key = |id: Option<&KeyDocument>| {
        let part = |part: fn(&KeyDocument) -> String| id.map(part).unwrap_or_default();
        [
            part(|key| key.id.to_string()),
            part(|key| key.status.clone()),
            part(|key| key.age_days.to_string()),
        ]
    };
    let rows = document.users.iter().map(|user| {
        let [current, status, age] = key(user.keys.iter().find(|key| key.current));
        let [other, other_status, other_age] = key(user.keys.iter().find(|key| !key.current));
        [
            document.account.clone().unwrap_or_default(),
            user.user.to_string(),
            user.owner.clone().unwrap_or_default(),
            word(user).0.to_owned(),
            user.reason.to_owned(),
            current,
            status,
            age,
            other,
            other_status,
            other_age,
            time(user.due),
            time(user.deadline),
            time(user.until),
            user.secret.to_string(),
            user.message.clone(),
            user.hint().unwrap_or_default(),
        ]
    });
    export::rows(HEAD, rows)
}

const HEAD: [&str; 17] = [
    "account",
    "user",
    "owner",
    "state",
    "reason",
    "current_key",
    "current_key_status",
    "current_key_age_days",
    "other_key",
    "other_key_status",
    "other_key_age_days",
    "due",
    "deadline",
    "until",
    "secret",
    "message",
    "hint",
];
