//! Collects what an audit reads.

use crate::audit::port::AccountPort;
use crate::audit::view::AccountView;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::UserName;
use crate::model::observed::AccessKey;
use crate::ports::IamPort;
use futures_util::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

/// The number of concurrent listings; the port limits the rate.
const AT_ONCE: usize = 16;

/// Reads the whole account: the credential report, then all users, and with `ids` the keys of each
/// user who has any.
///
/// Without `ids` that is a handful of calls; with them one more for each user with a key.
/// `progress` is called with the number of users that are done, and the total.
///
/// # Errors
/// [`CallError`] if any part could not be read.
pub async fn survey(
    iam: &dyn IamPort,
    account: &dyn AccountPort,
    ids: bool,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<AccountView, CallError> {
    let report = account.credential_report().await?;
    let users = iam.users("/").await?;
    let mut listed = BTreeMap::new();
    if ids {
        // A user without a key in the report, or who is not in it, may have one by now.
        let wanted: BTreeSet<UserName> = users.iter().map(|user| user.arn.name().clone()).collect();
        let whole = wanted.len();
        progress(0, whole);
        let mut answers =
            stream::iter(wanted).map(|name| keys_of(iam, name)).buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            let (name, keys) = answer?;
            listed.insert(name, keys);
            progress(listed.len(), whole);
        }
    }
    Ok(AccountView::new(report, users, &listed))
}

/// Lists a user's keys. A user that was deleted in the meantime has none.
async fn keys_of(
    iam: &dyn IamPort,
    name: UserName,
) -> Result<(UserName, Vec<AccessKey>), CallError> {
    match iam.list_keys(&name).await {
        Ok(keys) => Ok((name, keys)),
        Err(CallError { kind: ErrorKind::NotFound, .. }) => Ok((name, Vec::new())),
        Err(error) => Err(error),
    }
}
