//! The caller's identity in the environment and the shared configuration files, read and checked
//! before any call. The SDK skips what it cannot use and falls back to the machine's role, so
//! keyrot could act on the wrong account.

mod error;
mod files;
mod for_sdk;
mod profile;
mod route;
mod variables;

pub use error::{NamedBy, ProfileError};
pub use profile::profile_of_environment;
pub(crate) use route::{Base, Route};

use crate::settings::AwsSettings;
use aws_config::profile::ProfileSet;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use files::Files;
use for_sdk::{name_for_sdk, name_in_files};

/// What is known about the caller without a call to AWS.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// The requested profile, as the SDK knows it.
    pub(crate) profile: Option<String>,
    /// The shared files as the SDK gets them; `None` if it finds them itself, or none are read.
    pub(crate) files: Option<EnvConfigFiles>,
    /// How its credentials are found.
    pub(crate) route: Route,
    /// `ca_bundle` of the profile.
    pub(crate) ca_bundle: Option<String>,
    /// `region` of the profile.
    pub(crate) region: Option<String>,
}

impl Environment {
    /// Reads the variables and the files.
    ///
    /// # Errors
    /// [`ProfileError`] if they are invalid or contradictory.
    pub(crate) async fn read(settings: &AwsSettings) -> Result<Self, ProfileError> {
        variables::proxies()?;
        variables::switches()?;
        let handed_in = settings.credentials.is_some();
        let without =
            |route| Self { profile: None, files: None, route, ca_bundle: None, region: None };
        if settings.ignore_profiles {
            let route = match Route::of_variables(handed_in)? {
                Some(route) => route,
                None if handed_in => Route::handed_in(),
                None => variables::machine()?,
            };
            return Ok(without(route));
        }
        let named = match &settings.profile {
            Some(name) => Some((name.clone(), NamedBy::Settings)),
            None => profile_of_environment()?,
        };
        let files = Files::read();
        let for_sdk = files.for_sdk();
        let set = match files.check(named.is_some()) {
            Ok(()) => profiles(&files, &for_sdk).await,
            Err(error) => Err(error),
        };
        let set = match set {
            // Only the credentials are needed, and the program has set them.
            Err(_) if handed_in => {
                return Ok(without(Route::handed_in()));
            }
            set => set?,
        };
        let by_name = settings.profile.is_some();
        if let Some((name, by)) = named.as_ref().filter(|_| !handed_in) {
            profile::must_exist(&set, &files, name, by)?;
        }
        let name = named.map(|(name, _)| name);
        let chosen = name.as_deref().unwrap_or("default");
        let profile = set.get_profile(&name_for_sdk(chosen));
        if !handed_in {
            profile::must_be_one(&files, chosen)?;
        }
        // A profile that was set by name takes precedence over the variables, as in the AWS CLI.
        let variables = if by_name { None } else { Route::of_variables(handed_in)? };
        let route = match variables {
            Some(route) => route,
            None if handed_in => Route::handed_in(),
            None => match route::of_profile(&set, &files, chosen, by_name)? {
                Route { base: Base::Machine, profile, .. } => {
                    Route { profile, missing: files.named_and_missing(), ..variables::machine()? }
                }
                // In the AWS CLI, only a profile that is named on its command line takes precedence.
                route if by_name => route,
                route => variables::no_web_identity_beside(&route).map(|()| route)?,
            },
        };
        let services = profile.and_then(|profile| profile.get("services")).map(name_in_files);
        if let Some(services) = services.filter(|name| !files.has_section("services", name)) {
            let problem = format!("names [services {services}], which {} lacks", files.config());
            return Err(ProfileError::unusable(chosen, problem));
        }
        let of_profile = |key: &str| profile?.get(key).map(str::to_owned);
        let (ca_bundle, region) = (of_profile("ca_bundle"), of_profile("region"));
        let profile = name.map(|name| name_for_sdk(&name).into_owned());
        Ok(Self { profile, files: Some(for_sdk), route, ca_bundle, region })
    }
}

/// Returns the files as the SDK itself will parse them.
async fn profiles(files: &Files, for_sdk: &EnvConfigFiles) -> Result<ProfileSet, ProfileError> {
    let found = aws_config::profile::load(&Fs::real(), &Env::real(), for_sdk, None).await;
    found.map_err(|error| {
        let why = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
        ProfileError::Malformed { files: files.both(), why: files::one_line(&why) }
    })
}
