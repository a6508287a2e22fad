//! With which credentials the secret is read: those of the environment or a profile, but never those that the secret itself holds.

use super::secret::secret_of;
use crate::backend::Backend;
use crate::cli::consumer::Reading;
use crate::cli::reading_in;
use crate::error::CliError;
use crate::profiles::{Kind, Places, Profiles, read};
use keyrot_aws::{Aws, AwsSettings, Timeouts};
use keyrot_core::consumer::SecretId;
use keyrot_core::settings::Settings;
use std::path::Path;
use std::time::Duration;

/// Profiles that name each other as their source are followed this far.
const LONGEST_CHAIN: usize = 8;

/// A connection that is not made yet.
pub(super) struct Caller {
    settings: AwsSettings,
    /// Where and as whom it would ask: what a cached key has to be for.
    pub(super) scope: String,
    /// What is read and by which profile, on one line.
    pub(super) read: String,
    /// Whether the profile gets its credentials from a program, which is started then.
    pub(super) starts_process: bool,
}

/// Where the credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum By {
    Environment,
    /// Neither variables nor a profile: a role of the machine's.
    Machine,
    Profile {
        name: String,
        process: bool,
    },
}

/// Who asks for this secret.
pub(super) fn find(settings: &Settings, secret: &SecretId) -> Result<Caller, CliError> {
    let mut aws = AwsSettings::default().with(settings).map_err(|error| CliError::usage(error.to_string()))?;
    let s = Duration::from_secs;
    // A job waits for this, and there may be a cached key to go on with.
    aws.timeouts = Timeouts::default().with_connect(s(2)).with_read(s(5)).with_attempt(s(6)).with_call(s(18));
    if let Some(region) = secret.region() {
        aws.region = Some(region.to_owned());
    }
    let by = avoid_itself(&mut aws, secret, settings)?;
    let (read, starts_process) = match by {
        By::Environment => (format!("{secret}, with the credentials in the environment"), false),
        By::Machine => (format!("{secret}, with the machine's role"), false),
        By::Profile { name, process } => {
            let Places { config, credentials } = Places::of_environment();
            let files: Vec<_> = [config, credentials].iter().flatten().map(|path| path.display().to_string()).collect();
            (format!("{secret}, with the profile {name} of {}", files.join(" and ")), process)
        }
    };
    let read = read.replace(char::is_control, "?");
    Ok(Caller { scope: scope(&aws, settings), read, starts_process, settings: aws })
}

impl Caller {
    pub(super) async fn connect(&self) -> Result<Backend, CliError> {
        let aws = Aws::connect(&self.settings).await.map_err(|error| CliError::usage(error.to_string()))?;
        Ok(Backend::of(aws))
    }
}

/// A profile with `credential_process = keyrot credentials …` is handed to keyrot in `AWS_PROFILE` by the tool that runs it: what the secret holds
/// cannot be what it is read with, so the machine's own role is meant. What is not seen here, because another program is in between, is stopped by
/// the [variable for children](super::nested).
fn avoid_itself(aws: &mut AwsSettings, secret: &SecretId, settings: &Settings) -> Result<By, CliError> {
    let env = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    if aws.profile.is_none() && env("AWS_ACCESS_KEY_ID").is_some() {
        return Ok(By::Environment);
    }
    let ambient = || env("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let profile = aws.profile.clone().unwrap_or_else(ambient);
    let places = Places::of_environment();
    let text = |path: Option<&std::path::Path>| read(path).unwrap_or_default();
    let (config, credentials) = (text(places.config.as_deref()), text(places.credentials.as_deref()));
    let files = [Profiles::parse(Kind::Config, &config), Profiles::parse(Kind::Credentials, &credentials)];
    let get = |profile: &str, name: &str| files.iter().find_map(|file| file.get(profile, name)).map(str::to_owned);
    let mut at = profile.clone();
    let mut process = false;
    for _ in 0..LONGEST_CHAIN {
        if let Some(line) = get(&at, "credential_process") {
            process = true;
            if gives(&line, secret, settings) {
                if aws.profile.is_some() {
                    let text = format!(
                        "the profile {profile} gets its credentials from this same secret, {secret}, through keyrot"
                    );
                    return Err(CliError::usage(text)
                        .hint("name a profile that can read the secret: keyrot credentials USER --profile READER"));
                }
                // Without variables and a profile, the machine's role is used.
                aws.ignore_profiles = true;
                aws.region = aws.region.take().or_else(|| env("AWS_REGION")).or_else(|| get(&profile, "region"));
                return Ok(By::Machine);
            }
        }
        match get(&at, "source_profile") {
            Some(source) if source != at => at = source,
            _ => break,
        }
    }
    Ok(By::Profile { name: profile, process })
}

/// Whether the command line of a credential process is keyrot's, and gives the key in this secret.
fn gives(line: &str, secret: &SecretId, settings: &Settings) -> bool {
    let words = shell_words::split(line).unwrap_or_default();
    // A redirection, or another command behind it.
    let words: Vec<String> = words.into_iter().take_while(|word| !word.contains(['|', '&', ';', '<', '>'])).collect();
    let keyrot = words.first().and_then(|word| Path::new(word).file_stem()).is_some_and(|name| name == "keyrot");
    let reading: Option<Reading> = if keyrot { reading_in(&words) } else { None };
    reading.and_then(|reading| secret_of(&reading, settings).ok()).is_some_and(|other| other == *secret)
}

/// All that could make the same command read another secret, or be somebody who may not read it.
fn scope(aws: &AwsSettings, settings: &Settings) -> String {
    let mut scope = format!(
        "profile={:?} region={:?} endpoint={:?} fields={},{} ignore_profiles={}",
        aws.profile,
        aws.region,
        aws.endpoints.all,
        settings.field_access_key_id(),
        settings.field_secret_access_key(),
        aws.ignore_profiles
    );
    // Of the variables only those that name somebody or some place; none of them is secret.
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    ] {
        if let Ok(value) = std::env::var(name) {
            scope.push_str(&format!(" {name}={value}"));
        }
    }
    scope
}
