//! Whom a person meant who named a user that is not there.

use keyrot_core::{IamUser, MissingWhy, SecretTemplate, Selection, UserName, Waits, select};

/// `; did you mean ci-deployer?`, or nothing if no user's name comes near.
pub(crate) fn did_you_mean(name: &UserName, among: &[IamUser]) -> String {
    nearest(name, among).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
}

/// As a run says it of the users it was told to take.
fn nearest(name: &UserName, among: &[IamUser]) -> Option<UserName> {
    let selection = Selection { only: vec![name.clone()], ..Selection::default() };
    let found = select(among, &selection, &SecretTemplate::default(), &Waits::default(), false);
    match found.missing.into_iter().next()?.why {
        MissingWhy::NotFound { nearest, .. } => nearest,
        _ => None,
    }
}
