//! An audit, in each of its forms.

mod asff;
mod charts;
mod csv;
mod escape;
mod html;
mod screen;

pub(crate) use self::asff::asff;
pub(crate) use self::csv::csv;
pub(crate) use self::html::html;
pub(crate) use self::screen::screen;

use keyrot_core::audit::{Audit, Control, FindingKind, KeyRow, Standard, controls_of};

/// The document.
pub(crate) fn json(audit: &Audit) -> String {
    // Nothing in it can fail to be written: texts, numbers and times.
    format!("{}\n", serde_json::to_string_pretty(audit).unwrap_or_default())
}

fn whose(key: &KeyRow) -> &str {
    key.user.as_ref().map_or("root user", |user| user.as_str())
}

/// The key's id, or its number in the report.
fn which(key: &KeyRow) -> String {
    match (&key.key_id, key.key) {
        (Some(id), _) => id.to_string(),
        (None, Some(slot)) => slot.to_string(),
        (None, None) => "new".to_owned(),
    }
}

/// All controls that such findings can break, each standard's numbers together:
/// `CIS AWS Foundations Benchmark 1.14 (v1.4.0, v3.0.0), 1.13 (v5.0.0)`.
fn controls_in_short(kind: FindingKind) -> Vec<String> {
    let of = |standard: Standard| -> Option<String> {
        let mut numbers: Vec<(&str, Vec<&str>)> = Vec::new();
        for Control { id, version, .. } in controls_of(kind).filter(|control| control.standard == standard) {
            match numbers.iter_mut().find(|(known, _)| known == id) {
                Some((_, versions)) => versions.push(version),
                None => numbers.push((id, vec![version])),
            }
        }
        // Where all are of the same version, that is said once.
        let same = numbers.iter().all(|(_, versions)| *versions == numbers[0].1);
        let of = |versions: &[&str]| match versions.concat().is_empty() {
            true => String::new(),
            false => format!(" ({})", versions.join(", ")),
        };
        let last = numbers.len().saturating_sub(1);
        let number = |(n, (id, versions)): (usize, &(&str, Vec<&str>))| match same && n < last {
            true => (*id).to_owned(),
            false => format!("{id}{}", of(versions)),
        };
        let numbers: Vec<String> = numbers.iter().enumerate().map(number).collect();
        (!numbers.is_empty()).then(|| format!("{} {}", standard.name(), numbers.join(", ")))
    };
    [Standard::SecurityHub, Standard::Cis, Standard::PciDss].into_iter().filter_map(of).collect()
}

/// The setting `max_age`, as people write it.
fn limit(audit: &Audit) -> String {
    keyrot_core::model::format_duration(std::time::Duration::from_secs(audit.max_age_seconds))
}
