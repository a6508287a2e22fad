//! The command line.

use crate::commands::{resolve::Resolve, revoke::Revoke, rollback::Rollback};
#[cfg(feature = "aws")]
use crate::consumer::Reading;
use crate::exit::Exit;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use keyrot_core::settings::SETTINGS;
use keyrot_core::{KeyId, UserName};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  keyrot demo                       a key's life of 104 days in ten seconds
  keyrot --sandbox rotate           try it on a made-up account, without AWS
  keyrot plan                       what a run would do, and why
  keyrot rotate --user ci-deployer  every step that is due, for one user
  keyrot status --json | jq '.users[] | select(.state == \"blocked\")'

Exit codes:
  0  all is well
  1  some user failed or was not done in time, or the run could not be made
  2  the command line or the settings cannot be used; nothing was done
  3  some user is blocked and needs a person (1 goes before 3)
  130, 143  stopped by Ctrl-C or SIGTERM before every user was done (1 goes before these)

If stdout cannot be written, every command ends with 1; with 141, if its reader went away.";

const PLAN_EXAMPLES: &str = "\
Examples:
  keyrot plan                              for every selected user
  keyrot plan --user ci-deployer           for one; several names may follow
  keyrot plan --max-age 60d                as if keys had to go by 60 days
  keyrot plan --json | jq '.users[] | select(.state == \"due\") | .user'

Exit codes:
  0  all is well
  1  some user could not be looked at
  2  the command line or the settings cannot be used
  3  some user is blocked and needs a person (1 goes before 3)
  130, 143  stopped by Ctrl-C or SIGTERM";

const ROTATE_EXAMPLES: &str = "\
Examples:
  keyrot rotate                      every step that is due now; run it daily
  keyrot rotate --user ci-deployer   for one user
  keyrot rotate --user ci-deployer --force
                                     replace the current key, due or not
  keyrot rotate --max-changes 5      change five users at most, to begin with

Exit codes:
  0  all is well
  1  some user failed or was not done in time, or the run could not be made
  2  the command line or the settings cannot be used; nothing was done
  3  some user is blocked and needs a person (1 goes before 3)
  130, 143  stopped by Ctrl-C or SIGTERM before every user was done (1 goes before these)";

const STATUS_EXAMPLES: &str = "\
Examples:
  keyrot status                      each user's keys, and what comes next
  keyrot status --user ci-deployer   for one user
  keyrot status --json | jq '.users[] | select(.reason == \"in_use\")'
                                     whose old keys are in use, and where

In the table: settled, nothing to do until the key is due; overlap, the old key goes on working
while readers move over; held, it is kept because somebody still uses it (keyrot who-uses USER);
soaking, it is Inactive, and is deleted later; blocked, a person has to decide (keyrot resolve
USER).

Exit codes:
  0  all is well
  1  some user could not be looked at
  2  the command line or the settings cannot be used
  3  some user is blocked and needs a person (1 goes before 3)
  130, 143  stopped by Ctrl-C or SIGTERM";

/// The first word of a process by which keyrot started itself again, see [`Nesting`](crate::consumer::Nesting). It is no flag: nobody else should use it.
pub(crate) const RESUMED: &str = "--resumed";

pub(crate) const SETTINGS_HEADING: &str =
    "Settings (each also in a keyrot.toml, or as KEYROT_<NAME> in the environment; the flag wins)";

/// Rotate the access keys of AWS IAM users, without breaking whatever uses them.
///
/// keyrot makes a new key, proves that it works, publishes it in Secrets Manager, and takes the old key away only when nothing uses it any
/// more. A run does every step that is due now; run it daily.
#[derive(Debug, Parser)]
#[command(name = "keyrot", version, after_help = EXAMPLES, max_term_width = 110, propagate_version = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// A heading of their own, so that a command's own flags stand first.
#[derive(Debug, Args)]
#[command(next_help_heading = "For every command")]
struct Global {
    /// Work on a made-up account kept in a file, in the place of AWS
    ///
    /// The file is made where there is none. Without FILE: $KEYROT_SANDBOX, or keyrot/sandbox.json in the user's state directory.
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    sandbox: Option<Option<PathBuf>>,
    /// The settings file, in the place of ~/.config/keyrot/keyrot.toml and of keyrot.toml in the current directory
    #[arg(long, global = true, value_name = "FILE", env = "KEYROT_CONFIG", value_parser = path_or_empty())]
    config: Option<PathBuf>,
    /// One JSON document on stdout, all talk on stderr
    #[arg(long, global = true)]
    json: bool,
    /// No lines on stderr for what happens along the way
    #[arg(long = "no-progress", short = 'q', global = true)]
    silent: bool,
    /// Colour: on a terminal only, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_possible_values = true)]
    color: Color,
    /// Show times in UTC, as without this flag
    #[arg(long, global = true, conflicts_with = "local")]
    utc: bool,
    /// Show times on screens in this machine's time zone, each with its offset; JSON, CSV and HTML stay in UTC
    #[arg(long, global = true)]
    local: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A command line that was understood.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    /// Whether to work on a sandbox, and on which file if that was said.
    pub(crate) sandbox: Option<Option<PathBuf>>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) silent: bool,
    pub(crate) color: Color,
    /// Whether keyrot started itself again.
    pub(crate) resumed: bool,
    /// Whether people see times in the machine's zone.
    pub(crate) local: bool,
    /// The settings that were given as flags: name and value.
    pub(crate) settings: Vec<(&'static str, String)>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what a run would do, and why; change nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(Users),
    /// Do every step that is due now
    ///
    /// One pass over all selected users, or over those named. A user's failure never stops the others. What waits for its time (an overlap,
    /// a soak) is left to a later run.
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate(Rotate),
    /// Show each user's keys, and what happens next and when
    #[command(after_help = STATUS_EXAMPLES)]
    Status(Users),
    /// Publish the key that was current before, once more
    Rollback(Rollback),
    /// Have done with a key that leaked: replace it, deactivate it at once, and print a record of it
    Revoke(Revoke),
    /// Show what blocks a user, and the ways out; do the one that is chosen
    Resolve(Resolve),
    /// Look at every access key of the account: its age, its last use, and which rules it breaks; change nothing
    ///
    /// It reads IAM's credential report, which may be up to four hours old, and the users' tags. Findings name the controls of Security Hub, the CIS AWS
    /// Foundations Benchmark and PCI DSS that they break. docs/audit.md has every column and finding.
    #[command(after_help = crate::commands::audit::EXAMPLES)]
    Audit(crate::commands::audit::AuditArgs),
    /// Show who uses an access key: IAM's last use, and CloudTrail's source addresses, user agents and services
    ///
    /// One row for each source address and user agent, the latest first: whoever still stands at an old key lags behind. It changes nothing.
    WhoUses(crate::commands::who_uses::WhoUses),
    #[cfg(feature = "aws")]
    /// Check whether keyrot can do its work here, and say what to do about what is wrong
    ///
    /// Credentials, region, clock, permissions, secrets, KMS, notifiers, the last run and the settings. It changes nothing.
    Doctor(crate::commands::doctor::Doctor),
    #[cfg(feature = "aws")]
    /// Print the IAM policy that keyrot needs under these settings; call nothing
    ///
    /// It allows just what keyrot calls: what sees or changes keys only for users with the rotation tag, secrets only by their names. Without
    /// --account and --region the places to fill in are ACCOUNT and REGION.
    #[command(after_help = crate::commands::policy::EXAMPLES)]
    Policy(crate::commands::policy::PolicyArgs),
    /// Tag users for rotation, after a look at what their first rotation will do
    #[command(alias = "enrol", after_help = crate::commands::enroll::ENROLL_EXAMPLES)]
    Enroll(crate::commands::enroll::EnrollArgs),
    /// Move users' secrets to another region or name, with an overlap for their consumers
    ///
    /// Run it with the settings of the new place. It closes the old secret and changes the user's tag keyrot:home; no key is touched. The next
    /// run at the new place publishes a new key there. The key in the old secret keeps working for the overlap, and while it is used.
    #[command(after_help = crate::commands::moving::EXAMPLES)]
    Move(crate::commands::moving::MoveArgs),
    /// Take users out of rotation: the tag goes, keys and secrets stay
    #[command(after_help = crate::commands::enroll::RELEASE_EXAMPLES)]
    Release(crate::commands::enroll::ReleaseArgs),
    /// Print a user's key for credential_process, so that whoever uses it never holds a stale one
    ///
    /// It reads the user's secret and nothing else, so that a consumer needs GetSecretValue on that one secret only. The answer is kept for a few
    /// minutes in a file that only you can read.
    #[command(after_help = crate::commands::credentials::EXAMPLES)]
    Credentials(crate::commands::credentials::CredentialsArgs),
    /// Run a command with a user's key in its environment
    #[command(after_help = crate::commands::exec::EXAMPLES)]
    Exec(crate::commands::exec::ExecArgs),
    /// Write a keyrot.toml with every setting explained, after a look at the account
    #[command(after_help = crate::commands::init::EXAMPLES)]
    Init(crate::commands::init::InitArgs),
    #[cfg(feature = "aws")]
    /// Rotate your own key in ~/.aws/credentials
    ///
    /// It makes a key, proves that it works, puts it into the profile and leaves everything else in the file as it is, to the byte. The key before
    /// stays Active; a later run deactivates it once nothing uses it, and deletes it only if that is asked for.
    #[command(name = "self", after_help = crate::commands::self_service::EXAMPLES)]
    Own(crate::commands::self_service::OwnArgs),
    /// Print what a shell needs to complete keyrot's commands and flags
    #[command(after_help = crate::commands::completion::EXAMPLES)]
    Completion(crate::commands::completion::CompletionArgs),
    /// Print the manual page, or write one for each command
    #[command(after_help = crate::commands::man::EXAMPLES)]
    Man(crate::commands::man::ManArgs),
    /// Play a key's life of 104 days on a made-up account, with the real engine
    Demo(Demo),
    /// The made-up account: move its clock, look into it, do by hand what a person could
    Sandbox {
        #[command(subcommand)]
        command: Sandbox,
    },
}

#[derive(Debug, Default, Args)]
pub(crate) struct Users {
    /// Only these of the selected users; may be repeated
    #[arg(long = "user", value_name = "NAME", num_args = 1..)]
    pub(crate) users: Vec<UserName>,
    /// Only these of the selected users, as with --user
    #[arg(value_name = "USER", conflicts_with = "users")]
    pub(crate) named: Vec<UserName>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) users: Users,
    /// Replace current keys that are not yet due, too; every wait and guard holds all the same
    #[arg(long)]
    pub(crate) force: bool,
    /// Change nothing, and say what would be done, as `keyrot plan` does
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// No pauses; so it is anyway where stdout is no terminal
    #[arg(long)]
    pub(crate) fast: bool,
    /// The pause after each line, such as 500ms
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "fast")]
    pub(crate) pace: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sandbox {
    /// Show the account as it is: users, tags, keys and secrets
    Show,
    /// Let time pass
    Advance {
        /// How much, such as 8d or 12h
        #[arg(value_parser = duration)]
        time: Duration,
    },
    /// Begin anew with the account as it was made at first
    Reset,
    /// A consumer signs a request: with the current key from the user's secret, or with another
    Use {
        /// Whose key
        user: UserName,
        /// This key in the place of the secret's current one
        #[arg(long, value_name = "KEY")]
        key: Option<KeyId>,
        /// The service that is called
        #[arg(long, default_value = "s3")]
        service: String,
        /// The region
        #[arg(long = "in", value_name = "REGION", default_value = "eu-west-1")]
        region: String,
        /// From which address, as CloudTrail will have it
        #[arg(long = "from", value_name = "ADDRESS", default_value = "192.0.2.10")]
        address: String,
        /// With which user agent
        #[arg(long, value_name = "TEXT", default_value = "keyrot-sandbox")]
        agent: String,
        /// What is called
        #[arg(long, value_name = "ACTION", default_value = "ListBuckets")]
        action: String,
    },
    /// Tag a user, as an administrator would: RotateKey=True selects it
    Tag {
        /// Whom
        user: UserName,
        /// KEY=VALUE
        #[arg(value_name = "KEY=VALUE", value_parser = tag)]
        tag: (String, String),
    },
    /// Take a tag off a user
    Untag {
        /// Whom
        user: UserName,
        /// The tag's key
        tag: String,
    },
    /// Deactivate a key by hand
    Deactivate {
        /// Which
        key: KeyId,
    },
    /// Reactivate a key by hand
    Reactivate {
        /// Which
        key: KeyId,
    },
    /// Delete a key by hand
    Delete {
        /// Which
        key: KeyId,
    },
}

impl Invocation {
    /// Reads the process's arguments. Help, the version and usage errors are told right here.
    pub(crate) fn parse() -> Result<Self, Exit> {
        let mut words: Vec<OsString> = std::env::args_os().collect();
        let resumed = words.get(1).is_some_and(|word| word == RESUMED);
        if resumed {
            words.remove(1);
        }
        let parsed = command().try_get_matches_from(words).and_then(|matches| {
            let cli = Cli::from_arg_matches(&matches)?;
            // One before the command's name and one after it: each was looked at for itself.
            if cli.global.utc && cli.global.local {
                return Err(command().error(ErrorKind::ArgumentConflict, "--utc and --local do not go together"));
            }
            Ok((cli, matches))
        });
        let (Cli { global, command }, matches) = parsed.map_err(|error| {
            match (error.print(), error.use_stderr()) {
                (_, true) => return Exit::Usage,
                (Err(lost), false) => crate::stdio::failed(&lost),
                (Ok(()), false) => {}
            }
            Exit::Success
        })?;
        let deepest = std::iter::successors(Some(&matches), |m| m.subcommand().map(|(_, sub)| sub)).last();
        let given = |name: &'static str| {
            let values = deepest.and_then(|m| m.get_many::<String>(&id(name))).into_iter().flatten();
            values.map(move |value| (name, value.clone()))
        };
        let settings = SETTINGS.iter().flat_map(|info| given(info.name)).collect();
        let Global { sandbox, config, json, silent, color, utc: _, local } = global;
        Ok(Self { command, sandbox, config, json, silent, color, resumed, local, settings })
    }
}

/// An empty variable counts as not set, as for the settings.
fn path_or_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

#[cfg(feature = "aws")]
/// What is read by another command line of keyrot's, if it reads a key.
pub(crate) fn reading_in(words: &[String]) -> Option<Reading> {
    let matches = command().try_get_matches_from(words).ok()?;
    match Cli::from_arg_matches(&matches).ok()?.command {
        Command::Credentials(args) => Some(args.reading),
        Command::Exec(args) => Some(args.reading),
        _ => None,
    }
}

/// The whole command line, with a flag for each setting.
pub(crate) fn command() -> clap::Command {
    SETTINGS.iter().fold(Cli::command(), |command, info| {
        let default = info.default.filter(|text| !text.is_empty()).map(|text| format!(" [default: {text}]"));
        let arg = clap::Arg::new(id(info.name))
            .long(info.name.replace('_', "-"))
            .value_name(info.kind.placeholder())
            .help(format!("{}{}", info.help, default.unwrap_or_default()))
            .help_heading(SETTINGS_HEADING)
            .hide_short_help(true)
            .global(true)
            .action(clap::ArgAction::Append);
        command.arg(arg)
    })
}

/// A setting's argument inside clap, where a command's own arguments have names too.
fn id(setting: &str) -> String {
    format!("setting {setting}")
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; expected for example 8d, 12h or 30m"))
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, for example RotateKey=True".to_owned()),
    }
}

impl Color {
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_holds_together() {
        super::command().debug_assert();
    }
}
