//! The report's CSV (IAM user guide, "Generate credential reports for your AWS account",
//! "Understanding the report format").
//!
//! Columns are found by name, and unknown ones are skipped, because AWS adds new ones. A row has to
//! make sense as a whole, or nothing is known about its user: findings about a misread key would be
//! wrong.

use csv::StringRecord;
use keyrot_core::audit::{CredentialReport, ReportedKey, ReportedUser, UnreadableRow};
use keyrot_core::model::{Arn, after};
use keyrot_core::{LastUse, Timestamp, UserArn};
use std::time::Duration;

/// The root user's name in the report.
const ROOT: &str = "<root_account>";
/// The text for a key, password or use that does not exist.
const NOT_APPLICABLE: &str = "N/A";
/// The texts for what AWS does not know or does not say.
const UNKNOWN: [&str; 2] = ["no_information", "not_supported"];

/// A time in the report may be this much later than now, by this machine's clock.
const TOLERANCE: Duration = Duration::from_secs(3_600);

/// The reason why a report cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReportError {
    #[error("the report is not CSV{}: {why}", line.map(|line| format!(" in line {line}")).unwrap_or_default())]
    NoCsv { line: Option<u64>, why: String },
    #[error("the report has no column {0}")]
    NoColumn(String),
    #[error("the report has the column {0} twice")]
    TwiceColumn(String),
    #[error("line {line} of the report, column {column}: {found:?}, expected {expected}")]
    Cell { line: u64, column: String, found: String, expected: &'static str },
    #[error("line {line} of the report has user {user} a second time")]
    Twice { line: u64, user: String },
    #[error("the report names no account: it has no root user and no user")]
    Nobody,
}

/// Parses a report that IAM created at this time, read now. A row that cannot be read is one unknown user; if
/// no row can be read, there is no report.
pub(crate) fn read(
    text: &[u8],
    (generated, now): (Timestamp, Timestamp),
) -> Result<CredentialReport, ReportError> {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let head = rows.headers().map_err(|error| no_csv(&error))?;
    let (columns, width) = (Columns::find(head)?, head.len());
    let mut report = CredentialReport {
        generated,
        account: String::new(),
        partition: String::new(),
        root: Vec::new(),
        users: Vec::new(),
        unreadable: Vec::new(),
        not_renewed: None,
    };
    let mut seen = std::collections::BTreeSet::new();
    let mut first = None;
    for bytes in rows.byte_records() {
        let bytes = bytes.map_err(|error| no_csv(&error))?;
        let line = bytes.position().map_or(0, csv::Position::line);
        let named = String::from_utf8_lossy(bytes.get(columns.of("user")).unwrap_or_default());
        let mut user: String = named.chars().take(64).collect();
        let found = in_columns(bytes, line, width).and_then(|row| {
            let row = Row {
                line,
                row: &row,
                columns: &columns,
                latest: after(generated.max(now), TOLERANCE),
            };
            row.text("user").clone_into(&mut user);
            // With two rows, it is unknown which one is the user's.
            if !seen.insert(user.clone()) {
                report.users.retain(|known| known.arn.name().as_str() != user);
                return Err(ReportError::Twice { line, user: user.clone() });
            }
            one(&row, &mut report)
        });
        if let Err(error) = found {
            report.unreadable.push(UnreadableRow { user, why: error.to_string() });
            first.get_or_insert(error);
        }
    }
    let is_root = |row: &UnreadableRow| row.user == ROOT;
    if !report.account.is_empty() && !seen.contains(ROOT) && !report.unreadable.iter().any(is_root)
    {
        let why = "the report has no row for the root user: it is incomplete".to_owned();
        report.unreadable.push(UnreadableRow { user: ROOT.to_owned(), why });
    }
    match (report.account.is_empty(), first) {
        (false, _) => Ok(report),
        (true, Some(error)) => Err(error),
        (true, None) => Err(ReportError::Nobody),
    }
}

/// Adds a row.
fn one(row: &Row<'_>, report: &mut CredentialReport) -> Result<(), ReportError> {
    let (user, arn) = (row.text("user"), row.text("arn"));
    let (partition, account) =
        place(arn).ok_or_else(|| row.wrong("arn", "the ARN of a user or of the root user"))?;
    if !report.account.is_empty() && (partition, account) != (&report.partition, &report.account) {
        return Err(row.wrong("arn", "an ARN of the same account as the first"));
    }
    if user == ROOT {
        report.root = row.keys()?;
    } else {
        let parsed = UserArn::parse(arn).ok().filter(|parsed| parsed.name().as_str() == user);
        let arn =
            parsed.ok_or_else(|| row.wrong("arn", "the ARN of the user in the column user"))?;
        let password = row.switch("password_enabled")?;
        let mfa =
            row.switch("mfa_active")?.ok_or_else(|| row.wrong("mfa_active", "true or false"))?;
        report.users.push(ReportedUser { arn, password, mfa, keys: row.keys()? });
    }
    (report.partition, report.account) = (partition.to_owned(), account.to_owned());
    Ok(())
}

/// Returns the row as text, with the columns of the header.
fn in_columns(row: csv::ByteRecord, line: u64, width: usize) -> Result<StringRecord, ReportError> {
    let wrong = |why| ReportError::NoCsv { line: Some(line), why };
    let row =
        StringRecord::from_byte_record(row).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    whole(row, width).map_err(|found| wrong(format!("{found} columns, expected {width}")))
}

/// Fits the row to the header's columns, or returns how many it has. Names and paths may contain
/// commas, and IAM's documentation does not say that they are quoted. If they are not, the name
/// ends where the ARN begins, because no name has a colon, and the ARN takes the extra columns.
fn whole(row: StringRecord, width: usize) -> Result<StringRecord, usize> {
    let found = row.len();
    if found == width {
        return Ok(row);
    }
    let cells: Vec<&str> = row.iter().collect();
    let begins =
        cells.iter().position(|cell| Arn::is_meant(cell)).filter(|at| *at > 0).ok_or(found)?;
    // Two columns, the name and the ARN, and then the others.
    let ends =
        found.checked_sub(width.saturating_sub(2)).filter(|ends| *ends > begins).ok_or(found)?;
    let (name, arn) = (cells[..begins].join(","), cells[begins..ends].join(","));
    let fits = UserArn::parse(arn.as_str()).is_ok_and(|arn| arn.name().as_str() == name);
    let all =
        [name.as_str(), arn.as_str()].into_iter().chain(cells[ends..].iter().copied()).collect();
    if fits { Ok(all) } else { Err(found) }
}

/// Returns the partition and account of an IAM ARN.
fn place(arn: &str) -> Option<(&str, &str)> {
    let arn = Arn::parse(arn)?;
    let sound = arn.service == "iam"
        && arn.region.is_empty()
        && arn.has_account()
        && !arn.partition.is_empty();
    sound.then_some((arn.partition, arn.account))
}

/// The columns that are read.
const NAMES: [&str; 14] = [
    "user",
    "arn",
    "password_enabled",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
];

struct Columns([usize; NAMES.len()]);

impl Columns {
    fn find(head: &StringRecord) -> Result<Self, ReportError> {
        let mut places = [0; NAMES.len()];
        for (place, name) in places.iter_mut().zip(NAMES) {
            let mut found = head
                .iter()
                .enumerate()
                .filter(|(_, column)| column.trim_start_matches('\u{feff}') == name);
            *place = found.next().ok_or_else(|| ReportError::NoColumn(name.to_owned()))?.0;
            if found.next().is_some() {
                return Err(ReportError::TwiceColumn(name.to_owned()));
            }
        }
        Ok(Self(places))
    }

    fn of(&self, name: &str) -> usize {
        let at =
            NAMES.iter().position(|n| *n == name).expect("only names of the list are asked for");
        self.0[at]
    }
}

struct Row<'a> {
    line: u64,
    row: &'a StringRecord,
    columns: &'a Columns,
    /// No time in the row can be later.
    latest: Timestamp,
}

impl Row<'_> {
    fn text(&self, column: &str) -> &str {
        // Rows of any other length are refused.
        self.row.get(self.columns.of(column)).unwrap_or_default()
    }

    fn wrong(&self, column: &str, expected: &'static str) -> ReportError {
        let found: String = self.text(column).chars().take(80).collect();
        ReportError::Cell { line: self.line, column: column.to_owned(), found, expected }
    }

    /// Returns `None` if AWS has no value.
    fn switch(&self, column: &str) -> Result<Option<bool>, ReportError> {
        match self.text(column) {
            text if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            text if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            text if UNKNOWN.contains(&text) => Ok(None),
            _ => Err(self.wrong(column, "true, false or not_supported")),
        }
    }

    fn time(&self, column: &str) -> Result<Time, ReportError> {
        match self.text(column) {
            NOT_APPLICABLE => Ok(Time::None),
            text if UNKNOWN.contains(&text) => Ok(Time::Unknown),
            text => {
                let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| {
                    self.wrong(
                        column,
                        "a time such as 2026-01-05T04:00:00+00:00, N/A or no_information",
                    )
                })?;
                // With a time in the future, a key would look new, or just used.
                if at.to_utc() > self.latest {
                    return Err(self.wrong(column, "a time in the past"));
                }
                Ok(Time::At(at.to_utc()))
            }
        }
    }

    fn keys(&self) -> Result<Vec<ReportedKey>, ReportError> {
        Ok([self.key(1)?, self.key(2)?].into_iter().flatten().collect())
    }

    fn key(&self, slot: u8) -> Result<Option<ReportedKey>, ReportError> {
        let column = |what: &str| format!("access_key_{slot}_{what}");
        let active = self.switch(&column("active"))?;
        let rotated = match self.time(&column("last_rotated"))? {
            // An unknown status must not hide a key.
            Time::At(_) if active.is_none() => {
                let expected = "true or false, because the key has a creation time";
                return Err(self.wrong(&column("active"), expected));
            }
            Time::At(at) => at,
            Time::None | Time::Unknown if active != Some(true) => return Ok(None),
            Time::None | Time::Unknown => {
                return Err(
                    self.wrong(&column("last_rotated"), "a time, because the key is Active")
                );
            }
        };
        let text = |what: &str| {
            let text = self.text(&column(what));
            if UNKNOWN.contains(&text) { NOT_APPLICABLE.to_owned() } else { text.to_owned() }
        };
        let last_use = match self.time(&column("last_used_date"))? {
            Time::At(when) => LastUse::At {
                when,
                service: text("last_used_service"),
                region: text("last_used_region"),
            },
            Time::None => LastUse::NoRecord,
            Time::Unknown => {
                LastUse::Unknown("the credential report has no information".to_owned())
            }
        };
        Ok(Some(ReportedKey { slot, active: active.unwrap_or(false), rotated, last_use }))
    }
}

enum Time {
    At(Timestamp),
    None,
    Unknown,
}

fn no_csv(error: &csv::Error) -> ReportError {
    let why = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        _ => "it breaks off".to_owned(),
    };
    ReportError::NoCsv { line: error.position().map(csv::Position::line), why }
}

/// Writes the report as IAM does, with some columns that are not read.
#[cfg(any(test, feature = "emulator"))]
pub(crate) fn write(report: &CredentialReport) -> Result<Vec<u8>, csv::Error> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let mut head = vec![
        "user",
        "arn",
        "user_creation_time",
        "password_enabled",
        "password_last_used",
        "mfa_active",
    ];
    head.extend(&NAMES[4..]);
    head.extend(["cert_1_active", "cert_1_last_rotated"]);
    rows.write_record(&head)?;
    let mut row = |user: &str, arn: &str, password: &str, mfa: &str, keys: &[ReportedKey]| {
        let made = "2015-04-22T00:00:00+00:00";
        let mut cells: Vec<String> =
            [user, arn, made, password, "no_information", mfa].map(str::to_owned).into();
        for slot in [1, 2] {
            cells.extend(cells_of(keys.iter().find(|key| key.slot == slot)));
        }
        cells.extend(["false".to_owned(), NOT_APPLICABLE.to_owned()]);
        rows.write_record(&cells)
    };
    let root = format!("arn:{}:iam::{}:root", report.partition, report.account);
    row(ROOT, &root, UNKNOWN[1], "true", &report.root)?;
    for user in &report.users {
        let password = user.password.map_or_else(|| UNKNOWN[1].to_owned(), |on| on.to_string());
        row(
            user.arn.name().as_str(),
            user.arn.as_str(),
            &password,
            &user.mfa.to_string(),
            &user.keys,
        )?;
    }
    rows.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(any(test, feature = "emulator"))]
fn cells_of(key: Option<&ReportedKey>) -> [String; 5] {
    let none = || NOT_APPLICABLE.to_owned();
    let Some(key) = key else { return ["false".to_owned(), none(), none(), none(), none()] };
    let time = |at: Timestamp| at.format("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    let (used, region, service) = match &key.last_use {
        LastUse::At { when, service, region } => (time(*when), region.clone(), service.clone()),
        LastUse::NoRecord => (none(), none(), none()),
        LastUse::Unknown(_) => (UNKNOWN[0].to_owned(), none(), none()),
    };
    [key.active.to_string(), time(key.rotated), used, region, service]
}

#[cfg(test)]
mod tests;
