//! Finds the key's user, and the file that holds it.

use crate::backend::{Backend, refused};
use crate::cli::Invocation;
use crate::cli::self_service::OwnArgs;
use crate::cli::values::mfa_code;
use crate::error::CliError;
use crate::terminal::confirm::{ask_until, can_ask};
use crate::terminal::stdio::warn;
use crate::terminal::style::{self, paint};
use keyrot_aws::profiles::{FileError, FileKind, HeldFile, NoOwnKey, Profiles, SharedFiles};
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, profile_of_environment};
use keyrot_core::model::{Partition, ProbeAnswer};
use keyrot_core::settings::Settings;
use keyrot_core::{Credentials, Ports, UserArn};
use std::sync::Arc;

/// The key in a profile, and its owner.
pub(super) struct Found {
    pub(super) profile: String,
    pub(super) file: HeldFile,
    /// The key in the file.
    pub(super) credentials: Credentials,
    pub(super) arn: UserArn,
    /// The ports call AWS with this same key, or with a session from it.
    pub(super) ports: Ports,
}

/// IAM and STS need some region, and any region of the partition will do.
const ANY_REGION: &str = "us-east-1";

pub(super) async fn find(
    invocation: &Invocation,
    args: &OwnArgs,
    settings: &Settings,
) -> Result<Found, CliError> {
    let env = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let asked = settings.profile().map(str::to_owned);
    if env("AWS_ACCESS_KEY_ID").is_some() {
        let text = "AWS_ACCESS_KEY_ID is set, and most tools use it instead of the files";
        if asked.is_none() {
            return Err(CliError::usage(text)
                .hint("unset it, or name the profile with --profile; nothing was done"));
        }
        warn(&format!("{text}: they will not see the new key"));
    }
    let profile = match asked {
        Some(profile) => profile,
        None => profile_of_environment()
            .map_err(|error| CliError::usage(error.to_string()))?
            .map_or_else(|| "default".to_owned(), |(name, _)| name),
    };
    let files = SharedFiles::of_environment();
    let config = files
        .read(FileKind::Config)
        .map_err(|e| CliError::usage(format!("the AWS configuration cannot be read: {e}")))?;
    let config = Profiles::parse(FileKind::Config, &config);
    let (file, credentials) = files.hold_key(&profile).map_err(|why| unusable(&why))?;
    if file.is_open_to_others() {
        warn(&format!(
            "other users of this machine can read {}; to fix it: chmod 600",
            file.name().display()
        ));
    }
    let (ports, aws) = if invocation.is_sandbox() {
        (Backend::open(invocation, settings).await?.ports, None)
    } else {
        let region = env("AWS_REGION")
            .or_else(|| env("AWS_DEFAULT_REGION"))
            .or_else(|| config.get(&profile, "region").map(str::to_owned));
        let aws = connect(settings, &profile, region.clone(), (&credentials).into()).await?;
        (aws.ports(), Some((aws, region)))
    };
    let region = aws.as_ref().map(|(aws, _)| aws.region().to_owned());
    let arn = owner(&ports, &credentials, &profile, region.as_deref()).await?;
    let ports = match (aws, mfa(args, &config, &profile).await?) {
        (Some((aws, region)), Some((serial, code))) => {
            let session = aws.mfa_session(&serial, &code).await.map_err(|error| {
                CliError::failed(format!("could not start a session with MFA: {error}"))
                    .hint("each code works once; wait for the next one")
            })?;
            connect(settings, &profile, region, session).await?.ports()
        }
        _ => ports,
    };
    Ok(Found { profile, file, credentials, arn, ports })
}

fn unusable(why: &NoOwnKey) -> CliError {
    let hint = match why {
        NoOwnKey::Unclear { .. } => "nothing was done".to_owned(),
        NoOwnKey::Temporary { .. } => "name a profile with a key: --profile NAME".to_owned(),
        NoOwnKey::None { known, .. } if known.is_empty() => {
            "to create one: aws configure; to use another file, set AWS_SHARED_CREDENTIALS_FILE"
                .to_owned()
        }
        NoOwnKey::None { known, .. } => format!("profiles with a key: {}", known.join(", ")),
        NoOwnKey::File(FileError::Busy(_)) => "wait until it is done".to_owned(),
        NoOwnKey::File(FileError::HardLink(_)) => "replace one of the names by a copy".to_owned(),
        NoOwnKey::File(FileError::Owner { .. }) => "run keyrot as that user".to_owned(),
        NoOwnKey::File(_) => {
            "nothing was done; keyrot must create a new file in the same folder and rename it"
                .to_owned()
        }
        NoOwnKey::Changed(_) => return CliError::failed(why.to_string()),
        _ => return CliError::usage(why.to_string()),
    };
    CliError::usage(why.to_string()).hint(hint)
}

async fn connect(
    settings: &Settings,
    profile: &str,
    region: Option<String>,
    credentials: CallerCredentials,
) -> Result<Arc<Aws>, CliError> {
    let mut aws = AwsSettings::default()
        .with(settings)
        .map_err(|error| CliError::usage(error.to_string()))?;
    // The profile is used for its endpoints and certificates. The key is set explicitly, so the
    // profile need not have one.
    aws.profile = Some(profile.to_owned());
    aws.region = aws.region.or(region).or_else(|| Some(ANY_REGION.to_owned()));
    aws.credentials = Some(credentials);
    Ok(Arc::new(Aws::connect(&aws).await.map_err(|error| refused(&error))?))
}

/// Returns the partition of a region. Its keys work nowhere else (AWS General Reference, "Amazon
/// Resource Names").
fn partition(region: &str) -> &'static str {
    match Partition::of_region(region) {
        Partition::China => "China",
        Partition::Government => "AWS GovCloud",
        Partition::European => "the AWS European Sovereign Cloud",
        _ => "the commercial regions",
    }
}

/// Returns the key's user. The key must belong to an IAM user, and must work. If there is no
/// region, this is a sandbox.
async fn owner(
    ports: &Ports,
    credentials: &Credentials,
    profile: &str,
    region: Option<&str>,
) -> Result<UserArn, CliError> {
    let key = &credentials.key;
    let answer = ports.probe.probe(credentials).await;
    match answer.map_err(|error| CliError::failed(format!("could not find out whose key {key} is: {error}")))? {
        ProbeAnswer::Authenticated(arn) => Ok(arn),
        ProbeAnswer::SomebodyElse(arn) if arn.ends_with(":root") => Err(CliError::usage(format!(
            "{key} of profile {profile} belongs to the root user ({arn})"
        ))
        .hint("a root user should have no key: delete it in the console, and use a role or an IAM user")),
        ProbeAnswer::SomebodyElse(arn) => Err(CliError::usage(format!(
            "{key} of profile {profile} belongs to {arn}, which is not an IAM user"
        ))),
        ProbeAnswer::RefusedBy(said) => Err(CliError::failed(format!("{key} of profile {profile}: {said}"))),
        ProbeAnswer::Refused => match region {
            None => Err(CliError::failed(format!("the sandbox (simulated account) does not accept {key} of profile {profile}"))
                .hint("it is Inactive, deleted, or not a key of the sandbox; to use AWS, leave out --sandbox and unset KEYROT_SANDBOX")),
            Some(region) => {
                Err(CliError::failed(format!("AWS in {region} does not accept {key} of profile {profile} (InvalidClientTokenId)")).hint(format!(
                    "it is Inactive or deleted, or belongs to another partition than {region} ({}): for AWS GovCloud or China add --region, such as \
                     us-gov-west-1 or cn-north-1; to enter a working key: aws configure",
                    partition(region)
                )))
            }
        },
        ProbeAnswer::WrongSecret => Err(CliError::failed(format!(
            "the aws_secret_access_key of profile {profile} does not belong to {key} (SignatureDoesNotMatch)"
        ))
        .hint("the two values do not match, or this machine's clock is off by more than five minutes")),
    }
}

/// Returns the device and its code, if a session with MFA is requested.
async fn mfa(
    args: &OwnArgs,
    config: &Profiles<'_>,
    profile: &str,
) -> Result<Option<(String, String)>, CliError> {
    let of_profile = || config.get(profile, "mfa_serial").map(str::to_owned);
    let wanted = args.mfa_serial.is_some() || args.mfa_code.is_some();
    let serial = match (args.mfa_serial.clone().or_else(of_profile), wanted) {
        (None, true) => {
            return Err(CliError::usage("--mfa-code needs a device")
                .hint("add --mfa-serial ARN, or mfa_serial to the profile"));
        }
        (None, false) => return Ok(None),
        (Some(serial), _) => serial,
    };
    if let Some(code) = &args.mfa_code {
        return Ok(Some((serial, code.clone())));
    }
    if !can_ask() {
        return match wanted {
            true => Err(CliError::usage("cannot ask for the MFA code without a terminal")
                .hint("add --mfa-code CODE")),
            false => Ok(None),
        };
    }
    let question = format!("{} ", paint(style::HEAD, format!("MFA code of {serial}:")));
    match ask_until(&question, mfa_code).await? {
        Ok(code) => Ok(Some((serial, code))),
        Err((_, expected)) => Err(CliError::usage(expected)),
    }
}
