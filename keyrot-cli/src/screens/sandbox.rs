//! The screen of `keyrot sandbox show`.

use crate::sandbox::{SandboxDocument, SandboxKey, SandboxUser};
use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::time;
use keyrot_core::KeyId;
use std::fmt::Write;
use std::path::Path;

pub(crate) fn screen(document: &SandboxDocument, path: &Path, width: Option<usize>) -> String {
    let mut out = String::new();
    let title = format!("Simulated account (sandbox), clock {}", time::absolute(document.now));
    let _ = writeln!(out, "{}\n{}\n", paint(style::HEAD, title), paint(style::DIM, path.display()));
    let mut table = Table::new(&["USER", "TAGS, KEYS AND THEIR LABELS IN THE SECRET"]);
    for user in &document.users {
        table.row(vec![
            Cell::new(user.user.as_str(), style::HEAD),
            Cell::plain(lines(document, user).join("\n")),
        ]);
    }
    out.push_str(&table.show(width));
    out
}

fn lines(document: &SandboxDocument, user: &SandboxUser) -> Vec<String> {
    let tags: Vec<String> = user.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let tags = if tags.is_empty() { "no tag".to_owned() } else { tags.join(", ") };
    let keys = user.keys.iter().map(|key| line(document, key));
    let none = user.keys.is_empty().then(|| "no key".to_owned());
    std::iter::once(tags).chain(keys).chain(none).collect()
}

fn line(document: &SandboxDocument, key: &SandboxKey) -> String {
    let now = document.now;
    let mut line =
        format!("{} {}, created {}", key.id, key.status, time::relative(key.created, now));
    match (key.last_used, &key.service) {
        (Some(when), Some(service)) => {
            let _ = write!(line, ", used {} for {service}", time::relative(when, now));
        }
        _ => line.push_str(", no use on record"),
    }
    for label in labels(document, &key.id) {
        let _ = write!(line, ", {label}");
    }
    line
}

fn labels<'a>(
    document: &'a SandboxDocument,
    key: &'a KeyId,
) -> impl Iterator<Item = &'static str> + 'a {
    let versions = document.secrets.iter().flat_map(|secret| &secret.versions);
    versions
        .filter(move |version| version.key.as_ref() == Some(key))
        .flat_map(|version| version.labels.iter().copied())
}
