//! The users of a run as CSV.

use super::word;
use keyrot_core::audit::export;
use keyrot_core::report::KeyDocument;
use keyrot_core::{RunDocument, Timestamp};

/// Returns each user as a row for a spreadsheet. If no key is current, a user may have two other
/// keys, separated by a space.
pub(crate) fn csv(document: &RunDocument) -> String {
    let time =
        |at: Option<Timestamp>| at.map(|at| at.format("%FT%TZ").to_string()).unwrap_or_default();
    let key = |id: Option<&KeyDocument>| {
        let part = |part: fn(&KeyDocument) -> String| id.map(part).unwrap_or_default();
        [
            part(|key| key.id.to_string()),
            part(|key| key.status.word().to_owned()),
            part(|key| key.age_days.to_string()),
        ]
    };
    let rows = document.users.iter().map(|user| {
        let [current, status, age] = key(user.keys.iter().find(|key| key.current));
        let others: Vec<_> = user.keys.iter().filter(|key| !key.current).collect();
        let joined = |part: fn(&KeyDocument) -> String| {
            others.iter().map(|key| part(key)).collect::<Vec<_>>().join(" ")
        };
        [
            document.account.clone().unwrap_or_default(),
            user.user.to_string(),
            user.owner.clone().unwrap_or_default(),
            word(user).0.to_owned(),
            user.reason.to_owned(),
            current,
            status,
            age,
            joined(|key| key.id.to_string()),
            joined(|key| key.status.word().to_owned()),
            joined(|key| key.age_days.to_string()),
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
    "other_keys",
    "other_keys_status",
    "other_keys_age_days",
    "due",
    "deadline",
    "until",
    "secret",
    "message",
    "hint",
];
