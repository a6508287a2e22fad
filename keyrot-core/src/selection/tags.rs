//! The settings in a user's own tags.

use crate::model::home::{HOME_TAG, HomeTag};
use crate::model::names::SecretName;
use crate::model::nearest::nearest;
use crate::model::user::IamUser;
use crate::model::user::{OWNER, same_key};
use crate::model::waits::WaitPolicy;
use crate::selection::homes::Homes;
use std::time::Duration;

const PREFIX: &str = "keyrot:";
const MAX_AGE: &str = "keyrot:max-age";
const OVERLAP: &str = "keyrot:overlap";
const IDLE: &str = "keyrot:idle";
const SECRET: &str = "keyrot:secret";
const KNOWN: [&str; 6] = [MAX_AGE, OVERLAP, IDLE, SECRET, OWNER, HOME_TAG];

/// The settings that apply to one user, and everything that is wrong with them.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) secret: Option<SecretName>,
    /// Whether a tag named the secret.
    pub(super) by_tag: bool,
    /// Whether it is the home of a user that was renamed. The secret's own tag says whose it is.
    pub(super) by_home: bool,
    pub(super) policy: Option<WaitPolicy>,
    pub(super) problems: Vec<String>,
}

/// Reads the user's tags; `marker` is the tag that selects users, which may begin with `keyrot:`
/// too.
pub(super) fn read(user: &IamUser, marker: &str, homes: &Homes, base: &WaitPolicy) -> Own {
    let mut problems = unknown(user, marker);
    let mut tag = |name: &str| {
        let mut found = user
            .tags
            .iter()
            .filter(|(key, _)| same_key(key, name))
            .map(|(_, value)| value.as_str());
        let first = found.next();
        if found.next().is_some() {
            problems.push(format!("the user has the tag {name} more than once; expected it once"));
        }
        first
    };
    let (max_age, overlap, idle) = (tag(MAX_AGE), tag(OVERLAP), tag(IDLE));
    let secret = tag(SECRET);
    let _ = tag(OWNER);
    let home = HomeTag::of(tag(HOME_TAG));

    let mut own_waits = *base.waits();
    for (name, text, wait) in [
        (MAX_AGE, max_age, &mut own_waits.max_age),
        (OVERLAP, overlap, &mut own_waits.overlap),
        (IDLE, idle, &mut own_waits.idle),
    ] {
        match text.map(duration) {
            Some(Some(value)) => *wait = value,
            Some(None) => problems.push(format!(
                "the tag {name} = {:?} is not a duration; expected for example 30d or 12h",
                text.unwrap_or_default()
            )),
            None => {}
        }
    }
    let policy = match base.with_waits(own_waits) {
        Ok(policy) => Some(policy),
        Err(error) => {
            let tags: Vec<_> = [(MAX_AGE, max_age), (OVERLAP, overlap), (IDLE, idle)]
                .into_iter()
                .filter_map(|(name, text)| text.map(|text| format!("the tag {name} = {text:?}")))
                .collect();
            // Without a tag, the waits are those of a policy, which was checked already.
            problems.push(format!("{} cannot be used: {error}", tags.join(" with ")));
            None
        }
    };
    let by_tag = secret.is_some();
    let mut by_home = false;
    let secret = match secret {
        Some(text) => chosen(text, homes),
        None => homes
            .template
            .secret_name(&user.arn)
            .map(|name| {
                let kept = kept(&name, &home, user, homes);
                by_home = kept != name;
                kept
            })
            .map_err(|e| e.to_string()),
    };
    let secret = secret.map_err(|problem| problems.push(problem)).ok();
    Own { secret, by_tag, by_home, policy, problems }
}

/// Returns the name in the tag. Anyone who may tag a user could choose where its key is published,
/// so the settings have to allow it.
fn chosen(text: &str, homes: &Homes) -> Result<SecretName, String> {
    let name = SecretName::parse(text)
        .map_err(|error| format!("the tag {SECRET} cannot be used: {error}"))?;
    match &homes.chosen_by_tag {
        Some(pattern) if pattern.matches(&name) => Ok(name),
        Some(pattern) => Err(format!(
            "the tag {SECRET} names {name}, expected a name like {pattern} (setting secret_tag)"
        )),
        None => Err(format!(
            "the tag {SECRET} is not allowed by the settings; remove it, or allow it by the setting secret_tag"
        )),
    }
}

/// Returns the home of a user that was renamed: the template could give that secret's name to
/// another user name in the same account and region. The secret's own tag has to confirm that it
/// belongs to this user.
fn kept(name: &SecretName, home: &HomeTag, user: &IamUser, homes: &Homes) -> SecretName {
    let HomeTag::At(home) = home else { return name.clone() };
    let place = home.place();
    let here = place.partition == user.arn.partition()
        && place.account == user.arn.account()
        && place.region == homes.region;
    if here && homes.template.fits(&place.name, &user.arn) {
        place.name.clone()
    } else {
        name.clone()
    }
}

/// Reports an unknown tag: otherwise a typo would silently leave the user with the general
/// settings.
fn unknown(user: &IamUser, marker: &str) -> Vec<String> {
    let ours =
        |key: &str| key.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let known = |key: &str| same_key(key, marker) || KNOWN.iter().any(|known| same_key(key, known));
    user.tags
        .keys()
        .filter(|key| ours(key) && !known(key))
        .map(|key| {
            match nearest(&key[PREFIX.len()..], KNOWN.iter().map(|known| &known[PREFIX.len()..])) {
                Some(meant) => format!("the tag {key} is not known; did you mean {PREFIX}{meant}?"),
                None => format!("the tag {key} is not known; expected {}", KNOWN.join(", ")),
            }
        })
        .collect()
}

fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text.trim()).ok()
}
