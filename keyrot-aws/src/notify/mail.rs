//! Formats a run as plain text, as SNS sends it by mail. Pure.

use super::wording::{Digest, Item, clip, names, users};
use std::fmt::Write;

const PROBLEMS: usize = 25;
const WARNINGS: usize = 15;
const NAMES: usize = 50;

/// Returns the subject: at most 100 characters of ASCII (SNS API reference, `Publish`, parameter
/// `Subject`).
pub(super) fn subject(digest: &Digest, account: Option<&str>) -> String {
    let account = account.map(|id| format!(" ({id})")).unwrap_or_default();
    let text = format!("keyrot{account}: {}", digest.headline);
    let ascii: String =
        text.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect();
    ascii.chars().take(100).collect()
}

/// Returns the body, which a mail program shows unchanged.
pub(super) fn body(digest: &Digest) -> String {
    let mut out = format!("keyrot: {}\n{}\n", digest.headline, digest.whence);
    if !digest.problems.is_empty() {
        out.push_str("\nNEEDS MANUAL ACTION\n");
        digest.problems.iter().take(PROBLEMS).for_each(|item| describe(&mut out, item));
        also(&mut out, &digest.problems, PROBLEMS);
        if digest.troubled > 3 {
            // Writing to a string does not fail.
            let _ = writeln!(out, "\nAll {}: {}", digest.troubled, digest.kinds_text());
        }
    }
    if !digest.warnings.is_empty() {
        out.push_str("\nTO CHECK\n");
        digest.warnings.iter().take(WARNINGS).for_each(|item| describe(&mut out, item));
        also(&mut out, &digest.warnings, WARNINGS);
    }
    if !digest.changes.is_empty() {
        out.push_str("\nCHANGED\n");
        for (what, users) in &digest.changes {
            let list = names(users, NAMES);
            let _ = writeln!(out, "{what} ({}): {list}", users.len());
        }
    }
    let _ = writeln!(out, "\n{}", digest.sum);
    out
}

fn describe(out: &mut String, item: &Item) {
    let owner =
        item.owner.as_ref().map(|owner| format!(", owner {}", clip(owner, 80))).unwrap_or_default();
    let _ = writeln!(out, "\n* {} ({}{owner})", item.user, item.state);
    if !item.others.is_empty() {
        let _ = writeln!(
            out,
            "  and {} more like it: {}",
            item.others.len(),
            names(&item.others, NAMES)
        );
    }
    let _ = writeln!(out, "  {}", clip(&item.what, 1_000));
    if let Some(todo) = &item.todo {
        let _ = writeln!(out, "  To do: {}", clip(todo, 1_000));
    }
    if let Some(link) = &item.link {
        let _ = writeln!(out, "  {link}");
    }
}

fn also(out: &mut String, items: &[Item], shown: usize) {
    if items.len() > shown {
        let _ = writeln!(out, "\nAlso: {}", names(&users(&items[shown..]), NAMES));
    }
}
