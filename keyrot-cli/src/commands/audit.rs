//! `audit`: every access key of the account, and which rules it breaks. Nothing is changed.

use crate::args::Invocation;
use crate::backend::Backend;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, Access};
use crate::progress::{bar, say_sandbox};
use crate::render::{audit, width};
use crate::signals::Signals;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use keyrot_core::audit::{Audit, AuditPolicy, FindingSeverity, Only, survey};
use keyrot_core::settings::Settings;
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot audit                              every key, the oldest first
  keyrot audit --only unmanaged --ids       whom keyrot leaves alone, with ids
  keyrot audit --format html -o keys.html   a page with pictures, to show
  keyrot audit --format csv -o keys.csv     for a spreadsheet
  keyrot audit --check=high -q > /dev/null  exit 3 if one is high or worse
  keyrot audit --json | jq '.findings[] | select(.kind == \"root_key\")'
  keyrot policy --for audit                 the permissions it needs: to read

Into AWS Security Hub, 25 findings at once:
  keyrot audit --format asff |
    jq -c 'range(0; length; 25) as $i | .[$i:$i+25]' |
    while read -r batch; do
      aws securityhub batch-import-findings --findings \"$batch\"; done

Exit codes:
  0  the account was looked at, whatever was found
  1  it could not be looked at as a whole; nothing was written
  2  the command line, the settings or --output cannot be used
  3  with --check: there is a finding, or one of that severity or worse
  130, 143  stopped by Ctrl-C or SIGTERM";

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// table for people, json, csv, html (a page with pictures), or asff (findings for AWS Security Hub)
    #[arg(long, value_enum, default_value_t, value_name = "table|json|csv|html|asff", hide_possible_values = true)]
    format: Format,
    /// Write to FILE and not to stdout; it is replaced as a whole, and only you may read it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// List only keys with a finding, or only what is of users whom keyrot does not rotate
    #[arg(long, value_parser = only(), value_name = "findings|unmanaged", hide_possible_values = true)]
    only: Option<Only>,
    /// Look up the keys' ids, which the credential report does not tell: one more call for each user with a key
    #[arg(long)]
    ids: bool,
    /// Exit with 3 if the account has a finding, or one of this severity or worse: low, medium, high, critical
    #[arg(
        long,
        value_parser = severity(),
        value_name = "SEVERITY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "low",
        hide_possible_values = true
    )]
    check: Option<FindingSeverity>,
}

/// How an audit is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Table,
    /// The whole document.
    Json,
    /// One row for each key.
    Csv,
    /// A page with pictures.
    Html,
    /// AWS Security Finding Format.
    Asff,
}

/// Which part is listed.
fn only() -> impl TypedValueParser<Value = Only> {
    const UNMANAGED: &str = "unmanaged";
    let parts = [
        PossibleValue::new("findings").help("Keys with a finding"),
        PossibleValue::new(UNMANAGED).help("What keyrot does not rotate"),
    ];
    PossibleValuesParser::new(parts).map(|word| if word == UNMANAGED { Only::Unmanaged } else { Only::Findings })
}

/// From which severity on a check fails.
fn severity() -> impl TypedValueParser<Value = FindingSeverity> {
    let known = PossibleValuesParser::new(FindingSeverity::ALL.map(FindingSeverity::word));
    known.try_map(|word| FindingSeverity::ALL.into_iter().find(|one| one.word() == word).ok_or("no severity"))
}

pub(crate) async fn audit(invocation: &Invocation, args: &AuditArgs) -> Result<Exit, CliError> {
    let format = match (invocation.json, args.format) {
        (true, Format::Table | Format::Json) => Format::Json,
        (false, format) => format,
        (true, _) => {
            return Err(CliError::usage("--json and another --format do not go together; leave one of them out"));
        }
    };
    if let Some(path) = &args.output {
        output::check(path)?;
    }
    let settings = config::load(invocation)?;
    let mut signals = Signals::listen()?;
    let looked = signals.or(look(invocation, args, &settings)).await;
    let (whole, place) = looked.unwrap_or_else(|signal| Err(CliError::signal(signal)))?;

    let only = args.only;
    let shown = only.map_or_else(|| whole.clone(), |only| whole.narrowed(only));
    let text = match format {
        Format::Table => audit::screen(&shown, only, args.output.is_none().then(width).flatten()),
        Format::Json => audit::json(&shown),
        Format::Csv => audit::csv(&shown),
        Format::Html => audit::html(&whole, &shown, place.sandbox),
        Format::Asff => audit::asff(&shown, &place.region),
    };
    match &args.output {
        None => crate::render::print(&text),
        Some(path) => {
            let plain = anstream::adapter::strip_str(&text).to_string();
            // A page has no escape sequences, and what looks like one is a name's.
            output::write(path, if format == Format::Table { &plain } else { &text }, Access::Owner)?;
            if !invocation.silent {
                say!("wrote {}", path.display());
            }
        }
    }
    Ok(if args.check.is_some_and(|from| whole.worst() >= Some(from)) { Exit::Blocked } else { Exit::Success })
}

/// Where the account is.
struct Place {
    region: String,
    sandbox: bool,
}

async fn look(invocation: &Invocation, args: &AuditArgs, settings: &Settings) -> Result<(Audit, Place), CliError> {
    let Backend { ports, sandbox, aws, account, .. } = Backend::open(invocation, settings).await?;
    // Only the look-up of ids takes long.
    let bar = bar(None, invocation.silent, "{bar:30} ids of {pos}/{len} users, {elapsed} so far, {eta} left");
    let progress = |done: usize, of: usize| {
        bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    };
    let view = survey(ports.iam.as_ref(), account.as_ref(), args.ids, &progress).await;
    bar.finish_and_clear();
    let view = view.map_err(|error| {
        CliError::failed(format!("the account could not be looked at: {error}"))
            .hint("`keyrot policy --for audit` prints the permissions that an audit needs; nothing was changed")
    })?;
    let now = ports.clock.now();
    if sandbox && !invocation.silent {
        say_sandbox(now);
    }
    let region = match (&aws, settings.region()) {
        (Some(aws), _) => aws.region().to_owned(),
        (None, Some(region)) => region.to_owned(),
        (None, None) => "us-east-1".to_owned(),
    };
    let policy = AuditPolicy {
        selection: settings.selection().clone(),
        template: settings.template().clone(),
        secret_tag: settings.secret_tag().cloned(),
        policy: *settings.policy(),
    };
    Ok((keyrot_core::audit::audit(&view, &policy, now), Place { region, sandbox }))
}
