//! The requested profile.

use super::error::{NamedBy, ProfileError};
use super::files::{Files, variable};
use super::for_sdk::{name_for_sdk, name_in_files};
use aws_config::profile::ProfileSet;

/// Returns the profile in the environment, and the variable that names it. The AWS CLI also reads
/// `AWS_DEFAULT_PROFILE`, and prefers it; the SDKs read only `AWS_PROFILE`.
///
/// # Errors
/// [`ProfileError`] if a variable is empty, or the two disagree.
pub fn profile_of_environment() -> Result<Option<(String, NamedBy)>, ProfileError> {
    let of = |name: &'static str| match (variable(name), std::env::var_os(name)) {
        (None, Some(_)) => Err(ProfileError::Empty { variable: name }),
        (value, _) => Ok(value),
    };
    let named = |name, by| Ok(Some((name, NamedBy::Variable(by))));
    match (of("AWS_PROFILE")?, of("AWS_DEFAULT_PROFILE")?) {
        (Some(aws_profile), Some(aws_default_profile)) if aws_profile != aws_default_profile => {
            Err(ProfileError::Ambiguous { aws_profile, aws_default_profile })
        }
        (Some(name), _) => named(name, "AWS_PROFILE"),
        (None, Some(name)) => named(name, "AWS_DEFAULT_PROFILE"),
        (None, None) => Ok(None),
    }
}

/// Refuses a profile that is in neither file. `name` is its name in the files.
pub(super) fn must_exist(
    set: &ProfileSet,
    files: &Files,
    name: &str,
    by: &NamedBy,
) -> Result<(), ProfileError> {
    if set.get_profile(&name_for_sdk(name)).is_some() {
        return must_be_one(files, name);
    }
    if files.has_bare_section(name) && name != "default" {
        let problem = format!("is named [{name}] in {}: write [profile {name}]", files.config());
        return Err(ProfileError::unusable(name, problem));
    }
    let mut known: Vec<String> =
        set.profiles().map(|name| name_in_files(name).into_owned()).collect();
    known.sort();
    Err(ProfileError::Missing {
        name: name.to_owned(),
        named: by.clone(),
        known,
        files: files.both(),
    })
}

/// Refuses a profile that two sections of the configuration file name differently, such as
/// `[profile "ops"]` and `[profile ops]`: some tools merge them, some read the last one.
pub(super) fn must_be_one(files: &Files, name: &str) -> Result<(), ProfileError> {
    let Some([one, other]) = files.headers_of(name) else { return Ok(()) };
    let problem = format!(
        "is in {} twice, as [{one}] and as [{other}], and the AWS tools disagree what that means: keep one of the two sections",
        files.config()
    );
    Err(ProfileError::unusable(&name_for_sdk(name), problem))
}
