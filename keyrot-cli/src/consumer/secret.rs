//! Which secret holds a user's key.

use crate::cli::consumer::Reading;
use crate::error::CliError;
use keyrot_core::SecretName;
use keyrot_core::consumer::SecretId;
use keyrot_core::model::UserRef;
use keyrot_core::settings::Settings;

/// Returns the secret to read.
pub(super) fn secret_of(reading: &Reading, settings: &Settings) -> Result<SecretId, CliError> {
    let user = match (&reading.secret, &reading.user) {
        (Some(secret), _) => return Ok(secret.clone()),
        (None, Some(user)) => user,
        (None, None) => return Err(CliError::usage("no secret to read: name a user, or --secret")),
    };
    secret_name(settings, user).map(SecretId::from)
}

/// Returns the name that the setting `secret_name` gives for the user.
pub(crate) fn secret_name(settings: &Settings, user: &UserRef) -> Result<SecretName, CliError> {
    match settings.template().secret_of(user) {
        Some(name) => name.map_err(|error| CliError::usage(error.to_string())),
        None => {
            let text = format!(
                "secret_name = {:?} needs the user's path or account",
                settings.template().as_str()
            );
            Err(CliError::usage(text)
                .hint("name the user by ARN, or the secret with --secret NAME"))
        }
    }
}
