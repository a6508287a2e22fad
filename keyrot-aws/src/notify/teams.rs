//! Formats a run as a message to Microsoft Teams: an Adaptive Card in the envelope that a Workflows
//! webhook expects. Pure.
//!
//! Texts are `RichTextBlock`s: unlike `TextBlock`s these know no Markdown, so a name such as `_ci_`
//! stays what it is. A message may have 28 KB (Microsoft Learn, "Create incoming webhooks" and
//! "Limits and specifications for Microsoft Teams").

use super::wording::{Digest, Item, clip, names, users};
use keyrot_core::Severity;
use serde_json::{Value, json};

/// The size limit of a message, in bytes.
const LARGEST: usize = 24 * 1024;
const NAMES: usize = 15;

/// Returns the body of the request to the webhook.
pub(super) fn message(digest: &Digest) -> Value {
    // The message describes as many users as there is room for: texts have different lengths, and a
    // script that is not Latin takes more bytes.
    let sizes = [(10, 5), (5, 3), (2, 1)];
    let fits = |message: &Value| message.to_string().len() <= LARGEST;
    let found =
        sizes.iter().map(|(problems, warnings)| card(digest, *problems, *warnings)).find(fits);
    found.unwrap_or_else(|| card(digest, 0, 0))
}

fn card(digest: &Digest, problems: usize, warnings: usize) -> Value {
    let color = match digest.severity {
        Severity::Info => "good",
        Severity::Warning => "warning",
        Severity::Error => "attention",
    };
    let headline = clip(&format!("{} keyrot: {}", digest.sign(), digest.headline), 200);
    let mut body = vec![
        rich(&[
            json!({ "type": "TextRun", "text": headline, "weight": "bolder", "size": "medium", "color": color }),
        ]),
        rich(&[subtle(&digest.whence)]),
    ];
    let room = digest.problem_room();
    body.extend(digest.problems.iter().take(problems).map(|item| described(item, room)));
    if digest.problems.len() > problems {
        body.push(rich(&[
            bold("Also: "),
            plain(&names(&users(&digest.problems[problems..]), NAMES)),
        ]));
    }
    if digest.has_many() {
        body.push(rich(&[
            bold(&format!("All {}: ", digest.troubled)),
            plain(&digest.kinds_text()),
        ]));
    }
    let room = digest.warning_room();
    body.extend(digest.warnings.iter().take(warnings).map(|item| described(item, room)));
    if digest.warnings.len() > warnings {
        body.push(rich(&[
            bold("Also to check: "),
            plain(&names(&users(&digest.warnings[warnings..]), NAMES)),
        ]));
    }
    for (what, users) in &digest.changes {
        let list = names(users, NAMES);
        body.push(rich(&[bold(&format!("{what} ({}): ", users.len())), plain(&list)]));
    }
    body.push(rich(&[subtle(&digest.sum)]));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": headline,
                "msteams": { "width": "Full" },
                "body": body,
            },
        }],
    })
}

fn described(item: &Item, room: usize) -> Value {
    let mut user = bold(&item.user);
    if let Some(link) = &item.link {
        user["selectAction"] = json!({ "type": "Action.OpenUrl", "url": link });
    }
    let owner = item
        .owner
        .as_ref()
        .map(|owner| format!(" · owner {}", clip(owner, 80)))
        .unwrap_or_default();
    let others = match item.others.len() {
        0 => String::new(),
        count => format!(" and {count} more like it: {}", names(&item.others, NAMES)),
    };
    let mut lines = vec![
        rich(&[user, plain(&format!("{others} · {}{owner}", item.state))]),
        tight(&[plain(&clip(&item.what, room))]),
    ];
    if let Some(todo) = &item.todo {
        lines.push(tight(&[bold("→ "), plain(&clip(todo, room.max(400)))]));
    }
    json!({ "type": "Container", "separator": true, "items": lines })
}

fn rich(runs: &[Value]) -> Value {
    json!({ "type": "RichTextBlock", "inlines": runs })
}

fn tight(runs: &[Value]) -> Value {
    json!({ "type": "RichTextBlock", "spacing": "small", "inlines": runs })
}

fn plain(text: &str) -> Value {
    json!({ "type": "TextRun", "text": text })
}

fn bold(text: &str) -> Value {
    json!({ "type": "TextRun", "text": text, "weight": "bolder" })
}

fn subtle(text: &str) -> Value {
    json!({ "type": "TextRun", "text": text, "isSubtle": true, "size": "small" })
}
