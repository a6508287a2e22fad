//! Suggests a user for a name that does not exist.

use crate::sandbox::region::SANDBOX_REGION;
use keyrot_core::selection::MissingWhy;
use keyrot_core::{Homes, IamUser, Selection, UserName, WaitPolicy, select};

/// Returns `; did you mean ci-deployer?`, or nothing if no user's name is similar.
pub(crate) fn did_you_mean(name: &UserName, among: &[IamUser]) -> String {
    nearest(name, among).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
}

/// Returns the nearest name, as a run suggests it.
fn nearest(name: &UserName, among: &[IamUser]) -> Option<UserName> {
    let selection = Selection { only: vec![name.clone()], ..Selection::default() };
    let found =
        select(among, &selection, &Homes::in_region(SANDBOX_REGION), &WaitPolicy::default());
    match found.missing.into_iter().next()?.why {
        MissingWhy::NotFound { nearest, .. } => nearest,
        _ => None,
    }
}
