//! Formats a run as a Slack message: Block Kit, short enough for a phone. Pure.
//!
//! Limits (Slack API, "Block Kit", references of the blocks): 50 blocks, 150 characters in a
//! header, 3,000 in a section's text, 10 elements of a context.

use super::wording::{Digest, Item, clip, names, users};
use serde_json::{Value, json};

/// The limit on users that are described individually.
const PROBLEMS: usize = 10;
const WARNINGS: usize = 5;
/// The limit on names in a list.
const NAMES: usize = 15;

/// Returns the body of the request to the incoming webhook.
pub(super) fn message(digest: &Digest) -> Value {
    let headline = format!("{} keyrot: {}", digest.sign(), digest.headline);
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": clip(&headline, 150), "emoji": true } }),
        context(&digest.whence),
    ];
    let room = digest.problem_room();
    blocks
        .extend(digest.problems.iter().take(PROBLEMS).map(|item| section(&described(item, room))));
    if digest.problems.len() > PROBLEMS {
        let more = users(&digest.problems[PROBLEMS..]);
        blocks.push(section(&format!("*Also*: {}", names(&more, NAMES))));
    }
    if digest.has_many() {
        blocks.push(section(&format!("*All {}*: {}", digest.troubled, digest.kinds_text())));
    }
    if !digest.problems.is_empty() && !digest.warnings.is_empty() {
        blocks.push(json!({ "type": "divider" }));
    }
    let room = digest.warning_room();
    blocks
        .extend(digest.warnings.iter().take(WARNINGS).map(|item| section(&described(item, room))));
    if digest.warnings.len() > WARNINGS {
        let more = users(&digest.warnings[WARNINGS..]);
        blocks.push(section(&format!("*Also to check*: {}", names(&more, NAMES))));
    }
    let changes = digest
        .changes
        .iter()
        .map(|(what, users)| format!("*{what}* ({}): {}", users.len(), names(users, NAMES)));
    let changes: Vec<String> = changes.collect();
    if !changes.is_empty() {
        blocks.push(section(&changes.join("\n")));
    }
    blocks.push(context(&digest.sum));
    // A locked phone shows this part of the message.
    let first = digest.problems.first().or(digest.warnings.first());
    let first = first.map(|item| format!(": {}", item.user)).unwrap_or_default();
    json!({ "text": escape(&clip(&format!("{headline}{first}"), 300)), "blocks": blocks })
}

fn described(item: &Item, room: usize) -> String {
    let user = escape(&item.user);
    let user = match &item.link {
        Some(link) => format!("<{link}|{user}>"),
        None => user,
    };
    let owner = item
        .owner
        .as_ref()
        .map(|owner| format!(" · owner {}", escape(&clip(owner, 80))))
        .unwrap_or_default();
    let what = escape(&clip(&item.what, room));
    let todo = item
        .todo
        .as_ref()
        .map(|todo| format!("\n*→* {}", escape(&clip(todo, room.max(400)))))
        .unwrap_or_default();
    let others = match item.others.len() {
        0 => String::new(),
        count => format!(" and {count} more like it: {}", names(&item.others, NAMES)),
    };
    format!("*{user}*{others} · {}{owner}\n{what}{todo}", item.state)
}

/// Returns verbatim text: Slack makes no links or mentions of what happens to look like one.
fn section(mrkdwn: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": clip_lines(mrkdwn), "verbatim": true } })
}

fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [{ "type": "plain_text", "text": clip(text, 1_000), "emoji": false }] })
}

/// Escapes Slack's three control characters ("Formatting text for app surfaces", on escaping text).
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Shortens the text to a section's limit. The input is bounded, so this matters only if every
/// character had to be escaped. An escape is not cut.
fn clip_lines(text: &str) -> String {
    if text.chars().count() <= 3_000 {
        return text.to_owned();
    }
    let cut: String = text.chars().take(2_990).collect();
    let whole = match cut.rfind('&') {
        Some(at) if !cut[at..].contains(';') => &cut[..at],
        _ => &cut,
    };
    format!("{whole}…")
}
