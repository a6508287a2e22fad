//! The credentials for reading the secret: from the environment or a profile, but never those in
//! the secret itself.

use super::secret::secret_of;
use crate::backend::{Backend, refused};
use crate::cli::consumer::Reading;
use crate::cli::reading_in;
use crate::error::CliError;
use crate::terminal::stdio::warn;
use keyrot_aws::profiles::{FileKind, Profiles, SharedFiles};
use keyrot_aws::{Aws, AwsSettings, FileCache, Timeouts, TokioClock, profile_of_environment};
use keyrot_core::consumer::{KeyReader, SecretId, VersionStage};
use keyrot_core::model::visible;
use keyrot_core::settings::Settings;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A connection that has not been made yet.
pub(super) struct Caller {
    settings: AwsSettings,
    /// The secret and the profile that reads it, on one line.
    pub(super) read: String,
    /// Whether the profile gets its credentials from a program, which would then be started.
    pub(super) starts_process: bool,
}

/// The source of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    Environment,
    /// The machine's role, if there are neither variables nor a profile.
    Machine,
    Profile {
        name: String,
        process: bool,
    },
}

/// Returns the caller that reads this secret.
pub(super) fn find(settings: &Settings, secret: &SecretId) -> Result<Caller, CliError> {
    let mut aws = AwsSettings::default()
        .with(settings)
        .map_err(|error| CliError::usage(error.to_string()))?;
    let s = Duration::from_secs;
    // A job is waiting, and there may be a cached key.
    aws.timeouts =
        Timeouts::default().with_connect(s(2)).with_read(s(5)).with_attempt(s(6)).with_call(s(18));
    if let Some(region) = secret.region() {
        aws.region = Some(region.to_owned());
    }
    let by = avoid_itself(&mut aws, secret, settings)?;
    let (read, starts_process) = match by {
        By::Environment => (format!("{secret}, with the credentials in the environment"), false),
        By::Machine => (format!("{secret}, with the machine's role"), false),
        By::Profile { name, process } => {
            let SharedFiles { config, credentials } = SharedFiles::of_environment();
            let files: Vec<_> = [config, credentials]
                .iter()
                .flatten()
                .map(|path| path.display().to_string())
                .collect();
            (format!("{secret}, with the profile {name} of {}", files.join(" and ")), process)
        }
    };
    let read = visible(&read.replace(char::is_control, "?")).into_owned();
    Ok(Caller { read, starts_process, settings: aws })
}

impl Caller {
    /// Returns a reader of this secret, with a cache that other processes of the same user share.
    pub(super) fn reader(
        &self,
        secret: SecretId,
        stage: VersionStage,
        no_cache: bool,
    ) -> Result<KeyReader, CliError> {
        let cache = match no_cache {
            true => None,
            false => FileCache::for_settings(&self.settings, &secret, stage)
                .map_err(|why| warn(&why.to_string()))
                .ok(),
        };
        let reader = KeyReader::new(secret, Arc::new(TokioClock));
        Ok(match cache {
            Some(cache) => reader.cache(Arc::new(cache.on_warning(warn))),
            None => reader,
        })
    }

    /// Returns the region of the secret or of the profile, if one of them has it.
    pub(super) fn region(&self) -> Option<String> {
        let ambient = || std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        let profile = self.settings.profile.clone().or_else(ambient);
        self.settings.region.clone().or_else(|| {
            region_of(&SharedFiles::of_environment(), profile.as_deref().unwrap_or("default"))
        })
    }

    pub(super) async fn connect(&self) -> Result<Backend, CliError> {
        Ok(Backend::of(Aws::connect(&self.settings).await.map_err(|error| refused(&error))?))
    }
}

/// A profile with `credential_process = keyrot credentials …` is passed to keyrot in `AWS_PROFILE`
/// by the tool that runs it: the secret cannot be read with its own key, so the machine's own role
/// is meant. The [variable for children](super::nested) stops cases that are not detected here
/// because another program is in between.
fn avoid_itself(
    aws: &mut AwsSettings,
    secret: &SecretId,
    settings: &Settings,
) -> Result<By, CliError> {
    let env = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    if aws.profile.is_none() && env("AWS_ACCESS_KEY_ID").is_some() {
        return Ok(By::Environment);
    }
    // Errors in the variables are reported when the connection is made, if one is needed.
    let ambient = || profile_of_environment().ok().flatten().map(|(name, _)| name);
    let profile = aws.profile.clone().or_else(ambient).unwrap_or_else(|| "default".to_owned());
    let files = SharedFiles::of_environment();
    let processes = files.credential_processes(&profile);
    if processes.iter().any(|line| gives(line, secret, settings)) {
        if aws.profile.is_some() {
            let text = format!(
                "the profile {profile} gets its credentials from this same secret, {secret}, through keyrot"
            );
            return Err(CliError::usage(text).hint(
                "name a profile that can read the secret: keyrot credentials USER --profile READER",
            ));
        }
        // Without variables and a profile, the machine's role is used.
        aws.ignore_profiles = true;
        aws.region =
            aws.region.take().or_else(|| env("AWS_REGION")).or_else(|| region_of(&files, &profile));
        return Ok(By::Machine);
    }
    Ok(By::Profile { name: profile, process: !processes.is_empty() })
}

/// Whether a credential process is keyrot, and returns the key in this secret.
fn gives(line: &str, secret: &SecretId, settings: &Settings) -> bool {
    let words = shell_words::split(line).unwrap_or_default();
    // A redirection, or another command after it.
    let words: Vec<String> =
        words.into_iter().take_while(|word| !word.contains(['|', '&', ';', '<', '>'])).collect();
    let keyrot = words
        .first()
        .and_then(|word| Path::new(word).file_stem())
        .is_some_and(|name| name == "keyrot");
    let reading: Option<Reading> = if keyrot { reading_in(&words) } else { None };
    reading
        .and_then(|reading| secret_of(&reading, settings).ok())
        .is_some_and(|other| other == *secret)
}

/// Returns a profile's region, from the file that has it.
fn region_of(files: &SharedFiles, profile: &str) -> Option<String> {
    let of = |kind| {
        let text = files.read(kind).unwrap_or_default();
        Profiles::parse(kind, &text).get(profile, "region").map(str::to_owned)
    };
    of(FileKind::Config).or_else(|| of(FileKind::Credentials))
}
