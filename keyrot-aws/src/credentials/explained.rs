//! The credentials with which keyrot calls AWS. They come from the SDK; keyrot adds an explanation
//! if there are none.

use crate::credentials::no_credentials::{ADVICE, NoCredentials};
use crate::credentials::usable::usable;
use crate::environment::{Base, Route};
use crate::error_text::find;
use crate::error_text::scrub::scrub;
use crate::http::unreached::Unreached;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use std::time::Duration;
use tokio::time::timeout;

/// The limit for a `credential_process`, which may ask a person for a code or a touch. The AWS CLI
/// has no limit, and the SDK's own is five seconds.
pub(crate) const PROCESS: Duration = Duration::from_secs(60);

/// An SDK provider with explained errors.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) provider: SharedCredentialsProvider,
    pub(crate) route: Route,
}

impl ProvideCredentials for Explained {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let explained = |(why, advice), cause| {
                CredentialsError::provider_error(NoCredentials { why, advice, cause })
            };
            let found = self.provider.provide_credentials();
            let found = match self.route.base {
                Base::Process => timeout(PROCESS, found).await.map_err(|_| {
                    explained(self.route.too_slow(), CredentialsError::provider_timed_out(PROCESS))
                })?,
                _ => found.await,
            };
            let found = found.map_err(|cause| explained(self.route.explain(&cause), cause))?;
            usable(found, |part, variable| self.route.named(part, variable))
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.provider.fallback_on_interrupt()
    }
}

impl Route {
    /// Returns the name of a part of the credentials; `variable` holds it in the environment.
    fn named(&self, part: &str, variable: &str) -> String {
        match self {
            Self { base: Base::Variables, .. } => variable.to_owned(),
            Self { profile: Some(profile), .. } => format!("the {part} of the profile {profile:?}"),
            _ => format!("the {part}"),
        }
    }
}

impl Route {
    /// Returns the same for a `credential_process` that does not end.
    fn too_slow(&self) -> (String, String) {
        let profile = self.profile.as_deref().unwrap_or("default");
        let limit = PROCESS.as_secs();
        (
            format!(
                "the credential_process of the profile {profile:?} did not end within {limit} s"
            ),
            "Run its command by hand: it may wait for an answer".to_owned(),
        )
    }

    /// Returns what happened, and what to do.
    fn explain(&self, cause: &CredentialsError) -> (String, String) {
        // A machine without a role also has no metadata service to ask.
        let of_machine = matches!(self.base, Base::Machine | Base::Source);
        if let Some(unreached) = find::<Unreached>(cause).filter(|it| !(it.near && of_machine)) {
            return (unreached.said.clone(), unreached.advice.clone());
        }
        let refused = find::<AssumeRoleError>(cause)
            .map(|error| (error.code(), error.message()))
            .or_else(|| {
                let error = find::<AssumeRoleWithWebIdentityError>(cause)?;
                Some((error.code(), error.message()))
            });
        if let Some((code, message)) = refused {
            return self.role_refused(code.unwrap_or("no code"), message.unwrap_or_default());
        }
        let profile = self.profile.as_deref().unwrap_or("default");
        let of = |what: &str| format!("{what} of the profile {profile:?} gave none");
        match self.base {
            Base::Sso => (
                format!("IAM Identity Center gave none for the profile {profile:?}"),
                format!(
                    "Sign in: aws sso login --profile {profile}. If that is done, check sso_account_id and sso_role_name"
                ),
            ),
            Base::Login => (
                format!("the sign-in of the profile {profile:?} with `aws login` has ended, or was never made"),
                format!("Sign in: aws login --profile {profile}"),
            ),
            Base::Process => (
                of("the credential_process"),
                "Run its command by hand to see why; -v shows what the SDK says".to_owned(),
            ),
            Base::Container => (
                "the container's endpoint (AWS_CONTAINER_CREDENTIALS_…) gave none".to_owned(),
                "Check that the container, task or pod has a role; -v shows what the SDK says".to_owned(),
            ),
            Base::WebIdentity if self.profile.is_none() => (
                "the file that AWS_WEB_IDENTITY_TOKEN_FILE names gave none".to_owned(),
                "Check that the file holds a current token; -v shows what the SDK says".to_owned(),
            ),
            Base::WebIdentity => (
                of("the web_identity_token_file"),
                "Check that the file is there and holds a current token; -v shows what the SDK says"
                    .to_owned(),
            ),
            Base::Source => (
                of("the credential_source"),
                "Check that this machine or container has a role; -v shows what the SDK says".to_owned(),
            ),
            Base::Key | Base::Variables | Base::HandedIn => (
                "the key that was found cannot be used".to_owned(),
                "-v shows what the SDK says".to_owned(),
            ),
            Base::Machine => self.none_anywhere(),
        }
    }

    /// Returns the same if there are no credentials at all. A file that a variable names, and that
    /// does not exist, is the likely cause.
    fn none_anywhere(&self) -> (String, String) {
        let of_profile = match &self.profile {
            Some(profile) => format!("none in the profile {profile:?}"),
            None => "no profile with credentials".to_owned(),
        };
        let why = format!("none in the environment, {of_profile}, and this machine has no role");
        match self.missing.as_slice() {
            [] => (why, ADVICE.to_owned()),
            missing => (
                format!("{why}; {}", missing.join(", and ")),
                format!("Correct or unset the variable that names a missing file. {ADVICE}"),
            ),
        }
    }

    fn role_refused(&self, code: &str, message: &str) -> (String, String) {
        let role = match self.roles.as_slice() {
            [] => "the role".to_owned(),
            [role] => format!("the role {role}"),
            all => format!("one of the roles {}", all.join(", ")),
        };
        let profile = match &self.profile {
            Some(profile) => format!(" of the profile {profile:?}"),
            None => String::new(),
        };
        let message = scrub(message, &[]);
        let why = format!("AWS refused {role}{profile} ({code}: {message})");
        let advice = match (&self.mfa, &self.profile) {
            // The SDK for Rust has no way to ask for a code (`AssumeRoleProvider` of aws-config).
            (Some(device), Some(profile)) => format!(
                "The profile names the MFA device {device}, and keyrot cannot ask for its code. Start the session with a tool that can, and run \
                 keyrot in it: eval \"$(aws configure export-credentials --profile {profile} --format env)\", then keyrot without --profile and \
                 AWS_PROFILE; or aws-vault exec {profile} -- keyrot …"
            ),
            _ if code == "ExpiredToken" || code == "ExpiredTokenException" => {
                "Renew the credentials or the token that the role is assumed with".to_owned()
            }
            _ => "Check the role's trust policy, and whether the credentials that it is assumed with may call sts:AssumeRole".to_owned(),
        };
        (why, advice)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[derive(Debug)]
    struct Hangs;

    impl ProvideCredentials for Hangs {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_process_that_hangs_is_named() {
        let mut route = Route::handed_in();
        (route.base, route.profile) = (Base::Process, Some("ops".to_owned()));
        let provider = SharedCredentialsProvider::new(Hangs);
        let error = Explained { provider, route }.provide_credentials().await.unwrap_err();
        let said = crate::credentials::no_credentials::explain(&error).unwrap();
        assert_eq!(
            said.said,
            "no AWS credentials: the credential_process of the profile \"ops\" did not end within 60 s"
        );
        assert!(said.advice.contains("by hand"), "{}", said.advice);
    }
}
