//! The arguments of `audit`.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use keyrot_core::audit::{FindingSeverity, Only};
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot audit                              every key, the oldest first
  keyrot audit --only unmanaged --ids       what keyrot does not rotate
  keyrot audit --out keys.html              a page with charts
  keyrot audit --out keys.csv               for a spreadsheet
  keyrot audit --max-age 30d                with another limit for keys' age
  keyrot audit --check=high -q > /dev/null  exit with 3 if one is high
  keyrot audit --json | jq '.findings[] | select(.kind == \"root_key\")'
  keyrot policy --for audit                 the permissions it needs

Into AWS Security Hub, 25 findings per call:
  keyrot audit --output asff |
    jq -c 'range(0; length; 25) as $i | .[$i:$i+25]' |
    while read -r batch; do
      aws securityhub batch-import-findings --findings \"$batch\" \\
        --query FailedCount --output text | grep -qx 0 || exit 1; done

Exit codes:
  0  the account was read, whatever was found
  1  the account could not be read completely; nothing was written
  2  the command line, the settings or --out are invalid
  3  with --check: there is a finding of that severity or worse, or a
     user that could not be read
  130, 143  stopped by Ctrl-C or SIGTERM";

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Write to FILE instead of stdout, as its name ends (.html, .json, .csv); only you can read it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// List only keys with a finding, or only what keyrot does not rotate
    #[arg(long, value_parser = only(), value_name = "findings|unmanaged", hide_possible_values = true)]
    pub(crate) only: Option<Only>,
    /// Look up key ids, which the credential report lacks; one call per user with a key
    #[arg(long)]
    pub(crate) ids: bool,
    /// Exit with 3 if there is a finding of this severity or worse: low, medium, high, critical
    #[arg(
        long,
        value_parser = severity(),
        value_name = "SEVERITY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "low",
        hide_possible_values = true
    )]
    pub(crate) check: Option<FindingSeverity>,
}

/// Parses which part is listed.
fn only() -> impl TypedValueParser<Value = Only> {
    const UNMANAGED: &str = "unmanaged";
    let parts = [
        PossibleValue::new("findings").help("Keys with a finding"),
        PossibleValue::new(UNMANAGED).help("What keyrot does not rotate"),
    ];
    PossibleValuesParser::new(parts)
        .map(|word| if word == UNMANAGED { Only::Unmanaged } else { Only::Findings })
}

/// Parses the severity from which a check fails.
fn severity() -> impl TypedValueParser<Value = FindingSeverity> {
    let known = PossibleValuesParser::new(FindingSeverity::ALL.map(FindingSeverity::word));
    known.try_map(|word| {
        FindingSeverity::ALL.into_iter().find(|one| one.word() == word).ok_or("no severity")
    })
}
