//! The controls that findings violate: one table, with the number of each control.

use crate::audit::kind::FindingKind;
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A control of a published standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Control {
    /// The kind of finding that violates it.
    #[serde(skip)]
    pub kind: FindingKind,
    /// The standard.
    pub standard: Standard,
    /// The standard's version; empty where it has none.
    pub version: &'static str,
    /// Its number in that version.
    pub id: &'static str,
    /// The limit at which it is violated. A [`FindingKind::OldKey`] violates it if the key is
    /// older, a [`FindingKind::UnusedKey`] once the key has been unused for that long. `None` if
    /// time does not matter.
    #[serde(skip)]
    pub limit: Option<Duration>,
}

/// A published standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Standard {
    /// A control of AWS Security Hub CSPM.
    SecurityHub,
    /// The CIS AWS Foundations Benchmark.
    Cis,
    /// PCI DSS.
    PciDss,
}

const DAY: u64 = 86_400;
const DAYS_90: Option<Duration> = Some(Duration::from_secs(90 * DAY));
const DAYS_45: Option<Duration> = Some(Duration::from_secs(45 * DAY));

const fn control(
    kind: FindingKind,
    standard: Standard,
    version: &'static str,
    id: &'static str,
    limit: Option<Duration>,
) -> Control {
    Control { kind, standard, version, id, limit }
}

/// Every control that an audit knows. `docs/audit.md` names the source of each number.
///
/// The AWS Security Hub user guide, "Security Hub CSPM controls for AWS Identity and Access
/// Management", has Security Hub's own controls, and as their *related requirements* those of PCI
/// DSS v4.0.1 and of CIS v1.4.0, v3.0.0 and v5.0.0. It has no control for a single active key, and
/// names neither CIS v4.0.1 nor v6.0.0 nor v7.0.0: those numbers are taken from audits that others
/// publish for the benchmarks (Tenable, Prowler, Powerpipe), not from the benchmarks themselves.
///
/// Their v7.0.0 has no control for a single active key.
pub const CONTROLS: &[Control] = &{
    use FindingKind::{ConsoleWithoutMfa, OldKey, RootKey, TwoActiveKeys, UnusedKey};
    use Standard::{Cis, PciDss, SecurityHub};
    [
        control(OldKey, SecurityHub, "", "IAM.3", DAYS_90),
        control(OldKey, Cis, "v1.4.0", "1.14", DAYS_90),
        control(OldKey, Cis, "v3.0.0", "1.14", DAYS_90),
        control(OldKey, Cis, "v4.0.1", "1.14", DAYS_90),
        control(OldKey, Cis, "v5.0.0", "1.13", DAYS_90),
        control(OldKey, Cis, "v6.0.0", "2.13", DAYS_90),
        control(OldKey, Cis, "v7.0.0", "2.12", DAYS_90),
        control(OldKey, PciDss, "v4.0.1", "8.3.9", DAYS_90),
        control(OldKey, PciDss, "v4.0.1", "8.6.3", DAYS_90),
        control(UnusedKey, SecurityHub, "", "IAM.22", DAYS_45),
        control(UnusedKey, SecurityHub, "", "IAM.8", DAYS_90),
        control(UnusedKey, Cis, "v1.4.0", "1.12", DAYS_45),
        control(UnusedKey, Cis, "v3.0.0", "1.12", DAYS_45),
        control(UnusedKey, Cis, "v4.0.1", "1.12", DAYS_45),
        control(UnusedKey, Cis, "v5.0.0", "1.11", DAYS_45),
        control(UnusedKey, Cis, "v6.0.0", "2.11", DAYS_45),
        control(UnusedKey, Cis, "v7.0.0", "2.11", DAYS_45),
        control(UnusedKey, PciDss, "v4.0.1", "8.2.6", DAYS_90),
        control(TwoActiveKeys, Cis, "v1.4.0", "1.13", None),
        control(TwoActiveKeys, Cis, "v3.0.0", "1.13", None),
        control(TwoActiveKeys, Cis, "v4.0.1", "1.13", None),
        control(TwoActiveKeys, Cis, "v5.0.0", "1.12", None),
        control(TwoActiveKeys, Cis, "v6.0.0", "2.12", None),
        control(RootKey, SecurityHub, "", "IAM.4", None),
        control(RootKey, Cis, "v1.4.0", "1.4", None),
        control(RootKey, Cis, "v3.0.0", "1.4", None),
        control(RootKey, Cis, "v4.0.1", "1.4", None),
        control(RootKey, Cis, "v5.0.0", "1.3", None),
        control(RootKey, Cis, "v6.0.0", "2.3", None),
        control(RootKey, Cis, "v7.0.0", "2.4", None),
        control(ConsoleWithoutMfa, SecurityHub, "", "IAM.5", None),
        control(ConsoleWithoutMfa, Cis, "v1.4.0", "1.10", None),
        control(ConsoleWithoutMfa, Cis, "v3.0.0", "1.10", None),
        control(ConsoleWithoutMfa, Cis, "v4.0.1", "1.10", None),
        control(ConsoleWithoutMfa, Cis, "v5.0.0", "1.9", None),
        control(ConsoleWithoutMfa, Cis, "v6.0.0", "2.9", None),
        control(ConsoleWithoutMfa, Cis, "v7.0.0", "2.10", None),
        control(ConsoleWithoutMfa, PciDss, "v4.0.1", "8.4.2", None),
    ]
};

/// Returns the controls that findings of this kind can violate.
pub fn controls_of(kind: FindingKind) -> impl Iterator<Item = &'static Control> {
    CONTROLS.iter().filter(move |control| control.kind == kind)
}

impl Standard {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecurityHub => "AWS Security Hub",
            Self::Cis => "CIS AWS Foundations Benchmark",
            Self::PciDss => "PCI DSS",
        }
    }
}

impl Serialize for Standard {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// Formats it as Security Hub writes requirements: `CIS AWS Foundations Benchmark v5.0.0/1.13`; its
/// own controls as `AWS Security Hub IAM.3`.
impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { standard, version, id, .. } = self;
        match version.is_empty() {
            true => write!(f, "{} {id}", standard.name()),
            false => write!(f, "{} {version}/{id}", standard.name()),
        }
    }
}

impl FindingKind {
    /// Returns all controls that such findings can violate, grouped by standard: `CIS AWS
    /// Foundations Benchmark 1.14 (v1.4.0, v3.0.0), 1.13 (v5.0.0)`.
    #[must_use]
    pub fn controls_in_short(self) -> Vec<String> {
        let of = |standard: Standard| -> Option<String> {
            let mut numbers: Vec<(&str, Vec<&str>)> = Vec::new();
            for Control { id, version, .. } in
                controls_of(self).filter(|control| control.standard == standard)
            {
                match numbers.iter_mut().find(|(known, _)| known == id) {
                    Some((_, versions)) => versions.push(version),
                    None => numbers.push((id, vec![version])),
                }
            }
            // If all have the same version, it is written once.
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
        [Standard::SecurityHub, Standard::Cis, Standard::PciDss]
            .into_iter()
            .filter_map(of)
            .collect()
    }
}
