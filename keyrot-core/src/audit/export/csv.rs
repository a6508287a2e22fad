//! An audit as CSV: one row for each key, then one for each finding without a key.

use super::escape::cell;
use crate::audit::document::{Audit, KeyRow, UseKnown};
use crate::audit::finding::Finding;
use crate::model::text::rfc3339;

const HEAD: [&str; 20] = [
    "account",
    "user",
    "arn",
    "owner",
    "managed",
    "tagged",
    "limit",
    "key",
    "key_id",
    "status",
    "created",
    "age_days",
    "last_used",
    "last_used_service",
    "last_used_region",
    "severity",
    "findings",
    "controls",
    "report",
    "destinations",
];

/// Returns a header, one row for each key, then one for each finding without a key. Spreadsheets
/// treat no cell as a formula.
#[must_use]
pub fn csv(audit: &Audit) -> String {
    let keys = audit.keys.iter().map(|key| of_key(audit, key));
    rows(HEAD, keys.chain(audit.beside_keys().map(|finding| of_finding(audit, finding))))
}

/// Returns a header and rows as CSV. Spreadsheets treat no cell as a formula.
#[must_use]
pub fn rows<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut out = ::csv::WriterBuilder::new().from_writer(Vec::new());
    // Writing to memory does not fail, and every row is as long as the header.
    let _ = out.write_record(head);
    for row in rows {
        let _ = out.write_record(row.iter().map(|text| cell(text)));
    }
    out.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn of_key(audit: &Audit, key: &KeyRow) -> [String; HEAD.len()] {
    let controls: Vec<String> =
        audit.of_key(key).flat_map(|finding| &finding.controls).map(ToString::to_string).collect();
    let findings: Vec<&str> = key.findings.iter().map(|kind| kind.code()).collect();
    let destinations: Vec<String> = key.destinations.iter().map(ToString::to_string).collect();
    [
        audit.account.clone(),
        key.user.as_ref().map_or_else(|| "<root_account>".to_owned(), ToString::to_string),
        key.arn.clone(),
        owner(audit, &key.arn),
        key.managed.to_string(),
        key.tagged.code().to_owned(),
        key.limit.map(rfc3339).unwrap_or_default(),
        key.key.map(|slot| slot.to_string()).unwrap_or_default(),
        key.key_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        key.status.word().to_owned(),
        rfc3339(key.created),
        key.age_days.to_string(),
        match key.use_known {
            UseKnown::Used => key.last_used.map(rfc3339).unwrap_or_default(),
            known => known.code().to_owned(),
        },
        key.service.clone().unwrap_or_default(),
        key.region.clone().unwrap_or_default(),
        key.severity.map(|severity| severity.word().to_owned()).unwrap_or_default(),
        findings.join("; "),
        controls.join("; "),
        rfc3339(audit.report),
        destinations.join("; "),
    ]
}

fn of_finding(audit: &Audit, finding: &Finding) -> [String; HEAD.len()] {
    let mut cells: [String; HEAD.len()] = std::array::from_fn(|_| String::new());
    let managed = audit.users.iter().any(|user| user.arn == finding.arn && user.managed);
    let controls: Vec<String> = finding.controls.iter().map(ToString::to_string).collect();
    let mut set = |column: &str, text: String| {
        if let Some(at) = HEAD.iter().position(|name| *name == column) {
            cells[at] = text;
        }
    };
    set("account", audit.account.clone());
    set("user", finding.user.as_ref().map(ToString::to_string).unwrap_or_default());
    set("arn", finding.arn.clone());
    set("owner", owner(audit, &finding.arn));
    set("managed", managed.to_string());
    set("severity", finding.severity.word().to_owned());
    set("findings", finding.kind.code().to_owned());
    set("controls", controls.join("; "));
    set("report", rfc3339(audit.report));
    cells
}

fn owner(audit: &Audit, arn: &str) -> String {
    audit
        .users
        .iter()
        .find(|user| user.arn == arn)
        .and_then(|user| user.owner.clone())
        .unwrap_or_default()
}
