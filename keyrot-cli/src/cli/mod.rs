//! The command line: what clap parses, without the commands' behavior.

pub(crate) mod asking;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod consumer;
pub(crate) mod deliver;
#[cfg(feature = "aws")]
pub(crate) mod doctor;
pub(crate) mod enroll;
pub(crate) mod format;
pub(crate) mod given;
pub(crate) mod groups;
pub(crate) mod init;
pub(crate) mod moving;
pub(crate) mod named;
pub(crate) mod pages;
mod parse;
#[cfg(feature = "aws")]
pub(crate) mod policy;
pub(crate) mod resolve;
pub(crate) mod revoke;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod sandbox;
#[cfg(feature = "aws")]
pub(crate) mod self_service;
pub(crate) mod values;
pub(crate) mod who_uses;

#[cfg(feature = "aws")]
use clap::FromArgMatches;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use format::Format;
use keyrot_core::UserArn;
use keyrot_core::settings::{Kind, SETTINGS, SettingInfo};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  keyrot demo                       104 days of a key's life in ten seconds
  keyrot --sandbox rotate           try it on a simulated account, without AWS
  keyrot plan                       show what a run would do, and why
  keyrot rotate --user ci-deployer  do every step that is due, for one user
  keyrot status --json | jq '.users[] | select(.state == \"blocked\")'

Exit codes:
  0  ok
  1  not everything that was asked for was done or could be read
  2  the command line or the settings are invalid; nothing was done
  3  needs manual action: a user is blocked. Commands that only read exit with
     3 only with --check, and rotate --dry-run never does: it is a plan
  4  you answered no; nothing was done
  129, 130, 143  stopped by SIGHUP, Ctrl-C or SIGTERM before everything was done

1 takes precedence over 3, 129, 130 and 143. If stdout cannot be written, every
command exits with 1, or with 141 if the reader closed the pipe. exec exits
with its command's code; plan --detailed-exitcode with 0, 1 or 2 as terraform.";

/// The end of the short help.
const SHORT_POINTER: &str =
    "Examples and exit codes: --help. Settings, which are flags too: keyrot help settings.";

/// The end of the long help.
pub(crate) const POINTER: &str = "\
Every setting is also a flag of every command, such as --region or --max-age:
keyrot help settings";

/// The first argument of a process that keyrot starts to replace itself, see `consumer::Nesting`.
/// It is not a flag, and only keyrot uses it.
pub(crate) const RESUMED: &str = "--resumed";

/// The heading of the settings in clap; help lists them on a separate page.
pub(crate) const SETTINGS_HEADING: &str = "Settings";

/// Rotate the access keys of AWS IAM users safely
///
/// keyrot creates a new key, verifies it, publishes it in AWS Secrets Manager, and deactivates the
/// old key once nothing uses it. Each run does every step that is due; run it daily.
#[derive(Debug, Parser)]
#[command(name = "keyrot", version, disable_help_subcommand = true, after_long_help = EXAMPLES, max_term_width = 100, propagate_version = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// These have their own heading, so that a command's own flags come first.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Use a simulated account in a file instead of AWS
    ///
    /// keyrot creates the file if it does not exist. The default FILE is $KEYROT_SANDBOX, or
    /// keyrot/sandbox.json in your state directory.
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    sandbox: Option<Option<PathBuf>>,
    /// Read settings only from this file
    ///
    /// Without it, keyrot reads ~/.config/keyrot/keyrot.toml, then keyrot.toml in the current
    /// directory.
    #[arg(long, global = true, value_name = "FILE", env = "KEYROT_CONFIG", hide_env = true, value_parser = path_or_empty())]
    config: Option<PathBuf>,
    /// Print one JSON document on stdout: short for --output json
    #[arg(long, global = true, overrides_with = "json")]
    json: bool,
    /// Print only what was asked for, and errors: no progress, notes or warnings
    #[arg(long, short, alias = "no-progress", global = true, overrides_with = "quiet")]
    quiet: bool,
    /// Log what keyrot does on stderr; -vv also each call to AWS
    ///
    /// -vvv logs everything there is. RUST_LOG, such as keyrot_aws=debug, does the same where the
    /// flag is not given. Secrets are never logged.
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// When to use color: auto, always or never
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true
    )]
    color: Color,
    /// Show times in UTC (the default)
    #[arg(long, global = true, conflicts_with = "local")]
    utc: bool,
    /// Show times in this machine's time zone; JSON, CSV and HTML stay in UTC
    #[arg(long, global = true)]
    local: bool,
}

/// When to use color.
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

/// A command line that was parsed.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    /// Whether to use a sandbox, and which file, if one was named.
    pub(crate) sandbox: Option<Option<PathBuf>>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) json: bool,
    /// The output format.
    pub(crate) format: Format,
    /// Whether to print only what was asked for, and errors.
    pub(crate) quiet: bool,
    /// Whether to report no progress.
    pub(crate) silent: bool,
    /// How much to log, from 0.
    pub(crate) verbose: u8,
    pub(crate) color: Color,
    /// The ARNs by which users were named.
    pub(crate) arns: Vec<UserArn>,
    /// Whether keyrot started itself again.
    pub(crate) resumed: bool,
    /// Whether screens show times in the machine's zone.
    pub(crate) local: bool,
    /// The settings that were given as flags: names and values.
    pub(crate) settings: Vec<(&'static str, String)>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what a run would do
    ///
    /// It shows the users that a run would change, with the step and why, and those that it cannot
    /// change because they are blocked. It changes nothing. `keyrot status` shows all users.
    #[command(alias = "diff", after_long_help = run::PLAN_EXAMPLES)]
    Plan(run::Plan),
    /// Do every step that is due
    ///
    /// A run works on all selected users, or on those you name. If one user fails, the others
    /// continue. Steps that must wait, for the overlap or the soak, are done by a later run.
    #[command(alias = "apply", after_long_help = run::ROTATE_EXAMPLES)]
    Rotate(run::Rotate),
    /// Show each user's keys and what happens next
    #[command(aliases = ["list", "ls"], after_long_help = run::STATUS_EXAMPLES)]
    Status(run::Status),
    /// Roll back to the previous key
    #[command(alias = "undo", after_long_help = rollback::EXAMPLES)]
    Rollback(rollback::Rollback),
    /// Deliver the current key to its destinations again
    ///
    /// Scheduled runs deliver each new key by themselves. Use this after something else wrote to a
    /// destination, or to resume one that was let go. It overwrites what is there.
    #[command(after_long_help = deliver::EXAMPLES)]
    Deliver(deliver::DeliverArgs),
    /// Revoke a leaked key and replace it
    #[command(after_long_help = revoke::EXAMPLES)]
    Revoke(revoke::Revoke),
    /// Show what blocks a user and resolve it
    #[command(after_long_help = resolve::EXAMPLES)]
    Resolve(resolve::Resolve),
    /// Audit every access key of the account
    ///
    /// It lists each key's age, its last use and the rules it breaks: controls of AWS Security Hub,
    /// the CIS AWS Foundations Benchmark and PCI DSS. It reads IAM's credential report, which can
    /// be up to four hours old, and the users' tags. It changes nothing. docs/audit.md explains
    /// every column and finding.
    #[command(after_long_help = audit::EXAMPLES)]
    Audit(audit::AuditArgs),
    /// Show who uses an access key
    ///
    /// It shows IAM's last use, and CloudTrail's source addresses, user agents and services: one
    /// row per source, the latest first. It changes nothing.
    #[command(after_long_help = who_uses::EXAMPLES)]
    WhoUses(who_uses::WhoUses),
    #[cfg(feature = "aws")]
    /// Check whether keyrot can work here
    ///
    /// It checks credentials, region, clock, permissions, secrets, KMS, notifiers, the last run and
    /// the settings, and says how to fix what is wrong. It changes nothing.
    #[command(after_long_help = doctor::EXAMPLES)]
    Doctor(doctor::Doctor),
    #[cfg(feature = "aws")]
    /// Print the IAM policy that keyrot needs
    ///
    /// The policy allows only what keyrot calls with these settings: key actions only for users
    /// with the rotation tag, secrets only by name. Without --account and --region it contains the
    /// placeholders ACCOUNT and REGION. It calls nothing.
    #[command(after_long_help = policy::EXAMPLES)]
    Policy(policy::PolicyArgs),
    /// Tag users for rotation
    ///
    /// It shows what their first rotation will do, asks, and tags them.
    #[command(alias = "enrol", after_long_help = enroll::ENROLL_EXAMPLES)]
    Enroll(enroll::EnrollArgs),
    /// Move users' secrets to another region or name
    ///
    /// Run it with the settings of the new place. It closes the old secret and changes the user's
    /// tag keyrot:home; it touches no key. The next run at the new place publishes a new key there.
    /// The key in the old secret keeps working for the overlap, and while it is used.
    #[command(after_long_help = moving::EXAMPLES)]
    Move(moving::MoveArgs),
    /// Take users out of rotation
    ///
    /// It removes the tag. Keys and secrets stay.
    #[command(aliases = ["unenroll", "unenrol"], after_long_help = enroll::RELEASE_EXAMPLES)]
    Release(enroll::ReleaseArgs),
    /// Print a user's key for credential_process
    ///
    /// It reads the user's secret and needs only secretsmanager:GetSecretValue on it. The answer is
    /// cached for a few minutes in a file that only you can read.
    #[command(after_long_help = consumer::CREDENTIALS_EXAMPLES)]
    Credentials(consumer::CredentialsArgs),
    /// Run a command with a user's key
    ///
    /// The command finds the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    #[command(after_long_help = consumer::EXEC_EXAMPLES)]
    Exec(consumer::ExecArgs),
    /// Write a keyrot.toml with every setting explained
    ///
    /// It reads the account first, and suggests a tag, a path and a region that fit.
    #[command(after_long_help = init::EXAMPLES)]
    Init(init::InitArgs),
    /// Show the settings in force
    Config {
        #[command(subcommand)]
        command: config::Config,
    },
    #[cfg(feature = "aws")]
    /// Rotate your own key in ~/.aws/credentials
    ///
    /// It creates a key, verifies it and writes it into the profile; everything else in the file
    /// stays the same, byte for byte. The previous key stays Active. A later run deactivates it
    /// once nothing uses it, and deletes it only with --delete-inactive.
    // It is not called `self`, because other tools use that for themselves, as in `uv self update`.
    // It stays as an alias.
    #[command(name = "my-key", alias = "self", after_long_help = self_service::EXAMPLES)]
    Own(self_service::OwnArgs),
    /// Print a shell completion script
    #[command(alias = "completions", after_long_help = pages::COMPLETION_EXAMPLES)]
    Completion(pages::CompletionArgs),
    /// Print the manual page, or write all pages
    #[command(after_long_help = pages::MAN_EXAMPLES)]
    Man(pages::ManArgs),
    /// Play 104 days of a key's life in seconds
    ///
    /// The real engine rotates a key in a simulated account.
    Demo(sandbox::Demo),
    /// Control the simulated account
    ///
    /// Show it, advance its clock, and change it as an administrator or a consumer would.
    Sandbox {
        #[command(subcommand)]
        command: sandbox::Sandbox,
    },
    /// Show help for a command or the settings
    #[command(after_long_help = pages::HELP_EXAMPLES)]
    Help(pages::HelpArgs),
    /// Print the version
    #[command(hide = true)]
    Version,
    /// Print the names of the users of the last listing, for completion
    #[command(hide = true)]
    Users,
}

/// An empty variable counts as not set, as for the settings.
fn path_or_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

#[cfg(feature = "aws")]
/// Parses another keyrot command line. If that command reads a key, returns what it reads.
pub(crate) fn reading_in(words: &[String]) -> Option<consumer::Reading> {
    let matches = command().try_get_matches_from(words).ok()?;
    match Cli::from_arg_matches(&matches).ok()?.command {
        Command::Credentials(args) => Some(args.reading),
        Command::Exec(args) => Some(args.reading),
        _ => None,
    }
}

/// Returns the whole command line, with a flag for each setting.
pub(crate) fn command() -> clap::Command {
    let flags = SETTINGS.iter().filter(|info| info.has_flag());
    let command = flags.fold(Cli::command(), |command, info| {
        let arg = clap::Arg::new(id(info.name))
            .long(info.name.replace('_', "-"))
            .value_name(info.kind.placeholder())
            .help(setting_help(info))
            .help_heading(SETTINGS_HEADING)
            .hide_short_help(true)
            .hide_long_help(true)
            .global(true)
            .action(clap::ArgAction::Append);
        if info.kind != Kind::Switch {
            return command.arg(arg);
        }
        // A switch has `--trail` and `--no-trail`, and `--trail=false` for a script that has the
        // value in a variable.
        let on = arg.num_args(0..=1).require_equals(true).default_missing_value("true");
        let off = clap::Arg::new(no_id(info.name))
            .long(format!("no-{}", info.name.replace('_', "-")))
            .help(format!("Not {}", info.flag()))
            .help_heading(SETTINGS_HEADING)
            .hide_short_help(true)
            .hide_long_help(true)
            .global(true)
            .action(clap::ArgAction::SetTrue);
        let (on, off) = (on.overrides_with(no_id(info.name)), off.overrides_with(id(info.name)));
        command.arg(on).arg(off)
    });
    with_pointers(format::with_output(command))
}

/// Returns the command line for interactive use: its help lists the commands in groups.
pub(crate) fn parser() -> clap::Command {
    groups::grouped(command())
}

/// Returns what a setting is, and its default.
pub(crate) fn setting_help(info: &SettingInfo) -> String {
    let default =
        info.default.filter(|text| !text.is_empty()).map(|text| format!(" [default: {text}]"));
    format!("{}{}", info.help, default.unwrap_or_default())
}

/// Returns the command and its subcommands, each with a pointer to more help at the end.
fn with_pointers(mut command: clap::Command) -> clap::Command {
    let long = match command.get_after_long_help() {
        Some(text) => format!("{text}\n\n{POINTER}"),
        None => POINTER.to_owned(),
    };
    let names: Vec<String> =
        command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(name, with_pointers);
    }
    command.after_help(SHORT_POINTER).after_long_help(long)
}

/// Returns the id of a setting's argument in clap, which has to differ from the ids of a command's
/// own arguments.
fn id(setting: &str) -> String {
    format!("setting {setting}")
}

/// Returns the id of the argument that switches a setting off.
fn no_id(setting: &str) -> String {
    format!("setting no {setting}")
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
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
