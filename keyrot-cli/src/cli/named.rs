//! Users on the command line: by name, by ARN, or as `user/NAME`, the end of an ARN.

use clap::ArgMatches;
use keyrot_core::model::UserRef;
use keyrot_core::{UserArn, UserName};

/// The arguments that name users, by their ids in clap.
const ARGUMENTS: [&str; 4] = ["user", "users", "named", "whose"];

/// The text before the path and the name in a user's ARN.
const USER: &str = "user/";

/// Parses a user's name, ARN, or `user/NAME`.
pub(crate) fn user_ref(text: &str) -> Result<UserRef, String> {
    // A user's name has no slash.
    let text = match text.strip_prefix(USER) {
        Some(rest) => rest.rsplit('/').next().unwrap_or(rest),
        None => text,
    };
    text.parse::<UserRef>().map_err(|error| error.to_string())
}

/// Parses a reference to a user, and returns the name. [`Backend`](crate::backend::Backend) checks
/// whether an ARN belongs to the caller's account.
pub(crate) fn user_name(text: &str) -> Result<UserName, String> {
    user_ref(text).map(|user| user.name().clone())
}

/// Returns the ARNs by which users were named.
pub(crate) fn arns(matches: &ArgMatches) -> Vec<UserArn> {
    let given = ARGUMENTS.iter().filter_map(|id| matches.try_get_raw(id).ok().flatten()).flatten();
    given
        .filter_map(|text| match user_ref(text.to_str()?) {
            Ok(UserRef::Arn(arn)) => Some(arn),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_in_three_ways() {
        for text in ["ci", "user/ci", "user/team/ci", "arn:aws:iam::123456789012:user/team/ci"] {
            assert_eq!(user_name(text).unwrap().as_str(), "ci", "{text}");
        }
        for text in ["", "user/", "role/ci", "a b", "arn:aws:iam::123456789012:role/ci", "team/ci"]
        {
            assert!(user_name(text).is_err(), "{text}");
        }
    }
}
