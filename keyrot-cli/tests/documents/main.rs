//! Tests of the Markdown documents: every link has a target, lines are wrapped, and every setting
//! and every reason to block is documented. The schema of the JSON documents matches the types.
#![allow(clippy::unwrap_used)]

mod schema;

use keyrot_core::settings::SETTINGS;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The maximum length of a line of prose.
const COLUMNS: usize = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns every Markdown file of the repository that people read.
fn documents() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "keyrot-lambda/deploy/terraform"];
    let found = folders.iter().flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap());
    let paths = found
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    let documents: Vec<_> =
        paths.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect();
    assert!(documents.len() > 15, "{} documents", documents.len());
    documents
}

/// Returns the lines outside of fenced blocks, each with its number.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// Returns the anchors of a document's headings, as GitHub generates them.
fn anchors(text: &str) -> HashSet<String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    let anchor = |(_, line): (usize, &str)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Returns the targets of a document's links, each with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let target = |part: &str| part.split_once(')').map(|(target, _)| target.to_owned());
    prose(text)
        .flat_map(|(line, text)| {
            text.split("](").skip(1).filter_map(target).map(move |to| (line, to))
        })
        .collect()
}

#[test]
fn every_link_has_a_target() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for (path, text) in documents() {
        for (line, link) in
            links(&text).into_iter().filter(|(_, link)| !link.starts_with("https://"))
        {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let leads = match std::fs::read_to_string(&target) {
                Ok(text) => anchor.is_empty() || anchors(&text).contains(anchor),
                Err(_) => target.exists() && anchor.is_empty(),
            };
            if !leads || file.starts_with('/') {
                broken.push(format!(
                    "{}:{line}: {link}",
                    path.strip_prefix(root()).unwrap().display()
                ));
            }
        }
    }
    assert!(seen > 80, "{seen} links");
    assert!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn prose_is_wrapped() {
    let mut long = Vec::new();
    // Generated documents are not wrapped by hand.
    for (path, text) in
        documents().into_iter().filter(|(_, text)| !text.contains("<!-- Generated from "))
    {
        // A table row and a picture are each one line.
        let whole = |line: &str| line.trim_start().starts_with('|') || line.starts_with("![");
        for (number, line) in prose(&text).filter(|(_, line)| !whole(line)) {
            if line.chars().count() > COLUMNS {
                long.push(format!("{}:{number}", path.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(long.is_empty(), "wrap these lines at {COLUMNS} columns:\n{}", long.join("\n"));
}

#[test]
fn the_settings_page_has_each_setting_with_its_default() {
    let page = std::fs::read_to_string(root().join("docs/settings.md")).unwrap();
    let rows: Vec<Vec<&str>> = page.lines().map(|line| line.split(" | ").collect()).collect();
    for setting in SETTINGS {
        let named = format!("| `{}`", setting.name);
        let row = rows.iter().find(|row| row[0].trim_end_matches(" †") == named);
        let row = row.unwrap_or_else(|| panic!("docs/settings.md has no row for {}", setting.name));
        let default = match setting.default {
            None => "not set".to_owned(),
            Some("") => "empty".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        assert_eq!(row[1], default, "{}", setting.name);
        let arn = Some("arn:aws:kms:eu-central-1:123456789012:key/1");
        assert_eq!(
            row[0].ends_with('†'),
            setting.needs_chosen_file(arn),
            "{}: whether it has a dagger",
            setting.name
        );
    }
}
