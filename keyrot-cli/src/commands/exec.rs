//! `exec`: runs a command with the published key in its environment.

use crate::cli::Invocation;
use crate::cli::consumer::ExecArgs;
use crate::consumer::{ForCommand, read};
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal::signals::reading;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Command;

/// Other variables that could give the command credentials, or that belong to others; `*` is a
/// wildcard. A key in the environment takes precedence over most of them, but not in every SDK, and
/// not for services that use a bearer token (AWS SDKs and Tools Reference Guide, "Settings
/// reference"; the names not listed there come from the older SDKs for Java, Go, Python and Ruby).
const REMOVED: [&str; 21] = [
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_ACCOUNT_ID",
    "AWS_BEARER_TOKEN*",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN*",
    "AWS_CONTAINER_CREDENTIALS_*",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_IAM_ROLE_ARN",
    "AWS_IAM_ROLE_SESSION_NAME",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_EXPIRATION",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// The variables from which SDKs read the region (AWS SDKs and Tools Reference Guide, "AWS
/// Region").
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Whether the command must not inherit the variable.
fn is_removed(variable: &str) -> bool {
    REMOVED.iter().any(|removed| match removed.strip_suffix('*') {
        Some(start) => variable.starts_with(start),
        None => variable == *removed,
    })
}

pub(crate) async fn exec(invocation: &Invocation, args: &ExecArgs) -> Result<Exit, CliError> {
    let Some((program, rest)) = args.command.split_first() else {
        return Err(CliError::usage("no command to run: name it after --"));
    };
    let ForCommand { key, nesting, secret_variables, region } =
        reading(read(invocation, &args.reading)).await?;
    let credentials = key.credentials;
    let mut command = Command::new(program);
    command.args(rest);
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited
        .filter(|name| name.to_str().is_some_and(is_removed))
        .chain(secret_variables.into_iter().map(OsString::from))
    {
        command.env_remove(name);
    }
    nesting.leave(&mut command);
    command.env("AWS_ACCESS_KEY_ID", credentials.key.as_str());
    command.env("AWS_SECRET_ACCESS_KEY", credentials.secret.expose());
    // The command does not inherit the profile, which may set the region. Some SDKs read only one
    // of the two variables.
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(region) = REGIONS.iter().find_map(&set).or(region) {
        for name in REGIONS.iter().filter(|name| set(name).is_none()) {
            command.env(name, &region);
        }
    }
    run(command).map_err(|error| {
        let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
        CliError::with(
            Exit::Command(code),
            format!("could not run {}: {error}", program.to_string_lossy()),
        )
    })
}

/// Replaces this process with the command.
#[cfg(unix)]
fn run(mut command: Command) -> std::io::Result<Exit> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

/// Runs the command as a child process, and returns its exit code.
#[cfg(not(unix))]
fn run(mut command: Command) -> std::io::Result<Exit> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(Exit::Command(code.unwrap_or(1)))
}
