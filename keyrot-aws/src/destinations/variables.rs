//! A key in variables whose values a service never shows, only the times of their last changes: two
//! variables for the two halves, or one variable with a credentials file.

use super::about::About;
use super::profile_file;
use chrono::{DateTime, SecondsFormat, Utc};
use keyrot_core::model::{Found, Holds};
use keyrot_core::settings::VariableNames;
use keyrot_core::{CallError, Credentials, Effect};
use zeroize::Zeroizing;

/// The profile in the credentials file.
const PROFILE: &str = "default";

/// Returns each variable's value, in the order in which they are written.
pub(super) fn values<'a>(
    names: &'a VariableNames,
    credentials: &Credentials,
) -> Vec<(&'a str, Zeroizing<String>)> {
    match names {
        VariableNames::Pair { id_name, secret_name } => vec![
            (id_name, Zeroizing::new(credentials.key.to_string())),
            (secret_name, Zeroizing::new(credentials.secret.expose().to_owned())),
        ],
        VariableNames::File { file_name } => {
            vec![(file_name, profile_file::text(PROFILE, credentials))]
        }
    }
}

/// Returns what is known about the content, from the times of the last changes of all variables.
pub(super) fn found(
    about: &About<'_>,
    times: &[Option<DateTime<Utc>>],
) -> Result<Found, CallError> {
    let Some(written) = times.iter().flatten().max() else { return Ok(Found::Nothing) };
    let all = times.iter().all(Option::is_some);
    let holds = if all { Holds::NotShown } else { Holds::Other };
    let at = |time: &Option<DateTime<Utc>>| {
        time.map_or_else(|| "-".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    };
    let mark = about.mark(times.iter().map(at).collect::<Vec<_>>().join("_"))?;
    Ok(Found::Copy { mark, holds, written: Some(*written) })
}

/// Returns the error of a write that failed after these other writes succeeded: the content may be
/// a broken pair.
pub(super) fn halfway(error: CallError, written: &[&str]) -> CallError {
    if written.is_empty() {
        return error;
    }
    let message = format!("{} (after {} was written)", error.message, written.join(" and "));
    CallError::new(error.kind, Effect::Unknown, message)
}
