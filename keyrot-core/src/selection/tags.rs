//! What a user's own tags say.

use super::SecretTemplate;
use crate::{IamUser, Policy, SecretName, Waits, nearest::nearest};
use std::time::Duration;

const PREFIX: &str = "keyrot:";
const MAX_AGE: &str = "keyrot:max-age";
const OVERLAP: &str = "keyrot:overlap";
const IDLE: &str = "keyrot:idle";
const SECRET: &str = "keyrot:secret";
const OWNER: &str = "keyrot:owner";
const KNOWN: [&str; 5] = [MAX_AGE, OVERLAP, IDLE, SECRET, OWNER];

/// The settings that hold for one user, and everything that is wrong with them.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) secret: Option<SecretName>,
    pub(super) owner: Option<String>,
    pub(super) policy: Option<Policy>,
    pub(super) problems: Vec<String>,
}

/// IAM takes tag keys that differ in case only for the same. Only ASCII letters are taken so here: by Unicode's rules a Kelvin sign
/// would pass for a K, and what is not surely the tag must not select anybody.
pub(super) fn same_key(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Reads the user's tags; `marker` is the tag that selects users, which may begin with `keyrot:` too.
pub(super) fn read(
    user: &IamUser,
    marker: &str,
    template: &SecretTemplate,
    waits: &Waits,
    allow_short_waits: bool,
) -> Own {
    let mut problems = unknown(user, marker);
    let mut tag = |name: &str| {
        let mut found = user.tags.iter().filter(|(key, _)| same_key(key, name)).map(|(_, value)| value.as_str());
        let first = found.next();
        if found.next().is_some() {
            problems.push(format!("the user has the tag {name} more than once; expected it once"));
        }
        first
    };
    let (max_age, overlap, idle) = (tag(MAX_AGE), tag(OVERLAP), tag(IDLE));
    let (secret, owner) = (tag(SECRET), tag(OWNER));

    let mut own_waits = *waits;
    for (name, text, wait) in [
        (MAX_AGE, max_age, &mut own_waits.max_age),
        (OVERLAP, overlap, &mut own_waits.overlap),
        (IDLE, idle, &mut own_waits.idle),
    ] {
        match text.map(duration) {
            Some(Some(value)) => *wait = value,
            Some(None) => problems.push(format!(
                "the tag {name} = {:?} is no duration; expected for example 30d or 12h",
                text.unwrap_or_default()
            )),
            None => {}
        }
    }
    let policy = match Policy::new(own_waits, allow_short_waits) {
        Ok(policy) => Some(policy),
        Err(error) => {
            let tags: Vec<_> = [(MAX_AGE, max_age), (OVERLAP, overlap), (IDLE, idle)]
                .into_iter()
                .filter_map(|(name, text)| text.map(|text| format!("the tag {name} = {text:?}")))
                .collect();
            let source = if tags.is_empty() { "the settings".to_owned() } else { tags.join(" with ") };
            problems.push(format!("{source} cannot be used: {error}"));
            None
        }
    };
    let secret = match secret {
        Some(text) => SecretName::parse(text).map_err(|error| format!("the tag {SECRET} cannot be used: {error}")),
        None => template.secret_name(&user.arn).map_err(|error| error.to_string()),
    };
    let secret = secret.map_err(|problem| problems.push(problem)).ok();
    Own { secret, owner: owner.and_then(written), policy, problems }
}

/// Who answers for the user, whether or not keyrot rotates it.
pub(super) fn owner(user: &IamUser) -> Option<String> {
    user.tags.iter().find(|(key, _)| same_key(key, OWNER)).and_then(|(_, value)| written(value))
}

fn written(owner: &str) -> Option<String> {
    Some(owner.trim()).filter(|owner| !owner.is_empty()).map(str::to_owned)
}

/// A mistyped tag would silently leave the user on the general settings: say so.
fn unknown(user: &IamUser, marker: &str) -> Vec<String> {
    let ours = |key: &str| key.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let known = |key: &str| same_key(key, marker) || KNOWN.iter().any(|known| same_key(key, known));
    user.tags
        .keys()
        .filter(|key| ours(key) && !known(key))
        .map(|key| match nearest(&key[PREFIX.len()..], KNOWN.iter().map(|known| &known[PREFIX.len()..])) {
            Some(meant) => format!("the tag {key} is not known; did you mean {PREFIX}{meant}?"),
            None => format!("the tag {key} is not known; expected {}", KNOWN.join(", ")),
        })
        .collect()
}

fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text.trim()).ok()
}
