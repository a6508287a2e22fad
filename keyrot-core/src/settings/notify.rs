//! The targets of notifications, from the setting `notify`.
//!
//! An entry is `KIND TARGET [OPTION=VALUE …]`. It never contains a URL or a key, only the place
//! where it is kept. So settings can be shown, logged and kept in a repository.

use super::name::is_name;
use crate::machine::event::Severity;
use crate::model::arn::Arn;
use crate::model::nearest::nearest;
use crate::settings::notify_target::{NotifyTarget, PLACES, bus, source, topic};
use std::fmt;
use std::str::FromStr;

/// One entry of the setting `notify`: a target, and the lowest severity that it gets.
///
/// ```
/// use keyrot_core::Severity;
/// use keyrot_core::settings::{NotifySpec, NotifyTarget};
///
/// let spec = NotifySpec::parse("slack secret:keyrot/slack#url min=error name=on-call")?;
/// assert_eq!((spec.name(), spec.min()), ("on-call", Severity::Error));
/// assert!(matches!(spec.target(), NotifyTarget::Slack(_)));
///
/// // The message says what to write, and repeats nothing that may be a secret.
/// let error = NotifySpec::parse("slack https://hooks.slack.com/services/T0/B0/x").expect_err("no URL is taken");
/// assert!(error.to_string().contains("secret:NAME") && !error.to_string().contains("T0/B0"));
/// # Ok::<(), keyrot_core::settings::NotifyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifySpec {
    name: String,
    min: Severity,
    target: NotifyTarget,
}

/// The reason why an entry is refused: what was expected. It contains no part of the entry that may
/// be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyError {
    entry: String,
    expected: String,
}

const KINDS: [&str; 5] = ["sns", "eventbridge", "slack", "teams", "webhook"];
const OPTIONS: [&str; 3] = ["min", "name", "hmac"];
const SEVERITIES: [(&str, Severity); 3] =
    [("info", Severity::Info), ("warning", Severity::Warning), ("error", Severity::Error)];

impl NotifySpec {
    /// Parses an entry.
    ///
    /// # Errors
    /// [`NotifyError`], which says what was expected.
    pub fn parse(text: &str) -> Result<Self, NotifyError> {
        parse(text).map_err(|expected| NotifyError { entry: shown_entry(text), expected })
    }

    /// Returns its name in messages: the option `name`, or else the kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the lowest severity that the target gets.
    ///
    /// By default, a chat, a bus and a webhook get everything, so that the channel is a record of
    /// every change when something breaks at night. A run that changed nothing sends nothing there.
    /// An SNS topic gets `warning` and above, because it usually leads to mail or a pager.
    #[must_use]
    pub fn min(&self) -> Severity {
        self.min
    }

    /// Returns the target.
    #[must_use]
    pub fn target(&self) -> &NotifyTarget {
        &self.target
    }
}

impl FromStr for NotifySpec {
    type Err = NotifyError;
    fn from_str(text: &str) -> Result<Self, NotifyError> {
        Self::parse(text)
    }
}

impl NotifyError {
    /// Formats the entry without the parts that may be secret.
    #[must_use]
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// Returns what was expected.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the notifier {:?} is not usable: expected {}", self.entry, self.expected)
    }
}

impl std::error::Error for NotifyError {}

/// Parses all entries. Each needs a different name, so that a failure says which entry it was.
pub(super) fn specs(entries: &[String]) -> Result<Vec<NotifySpec>, NotifyError> {
    let mut specs: Vec<NotifySpec> = Vec::with_capacity(entries.len());
    for text in entries {
        let spec = NotifySpec::parse(text)?;
        if specs.iter().any(|other| other.name == spec.name) {
            let expected = format!(
                "a name of its own, because another notifier is called {} too: add name=SOMETHING",
                spec.name
            );
            return Err(NotifyError { entry: shown_entry(text), expected });
        }
        specs.push(spec);
    }
    Ok(specs)
}

fn parse(text: &str) -> Result<NotifySpec, String> {
    let mut words = text.split_whitespace();
    let kind = words.next().unwrap_or_default();
    if !KINDS.contains(&kind) {
        let meant = nearest(kind, KINDS)
            .map(|kind| format!("; did you mean `{kind}`?"))
            .unwrap_or_default();
        return Err(format!(
            "sns, eventbridge, slack, teams or webhook first, then the target{meant}"
        ));
    }
    // An option in the target's position is not a target.
    let target = words
        .next()
        .filter(|word| !OPTIONS.iter().any(|option| word.starts_with(&format!("{option}="))));
    let (mut min, mut name, mut hmac) = (None, None, None);
    for word in words {
        let Some((option, value)) = word.split_once('=') else {
            return Err("options after the target, as OPTION=VALUE, such as min=warning".to_owned());
        };
        let place = match option {
            "min" => &mut min,
            "name" => &mut name,
            "hmac" if kind == "webhook" => &mut hmac,
            "hmac" => {
                return Err(format!("no option hmac: only a webhook is signed, {kind} is not"));
            }
            _ => {
                let meant =
                    nearest(option, OPTIONS).map(|option| format!("; did you mean `{option}`?"));
                return Err(format!(
                    "no option but min, name and (webhook) hmac{}",
                    meant.unwrap_or_default()
                ));
            }
        };
        if place.replace(value).is_some() {
            return Err(format!("the option {option} once only"));
        }
    }
    let target = match kind {
        "sns" => NotifyTarget::Sns(topic(target)?),
        "eventbridge" => NotifyTarget::EventBridge(bus(target)?),
        "slack" => NotifyTarget::Slack(source(target)?),
        "teams" => NotifyTarget::Teams(source(target)?),
        _ => {
            let hmac =
                hmac.ok_or("hmac=secret:NAME, the key by which the receiver knows that the message is keyrot's")?;
            NotifyTarget::Webhook { url: source(target)?, hmac: source(Some(hmac))? }
        }
    };
    let name = name.unwrap_or(kind);
    if !is_name(name, 40, "._-") {
        return Err(
            "name= with at most 40 letters, digits, dots, hyphens and underscores".to_owned()
        );
    }
    let min = match min {
        None => target.min(),
        Some(word) => {
            let found =
                SEVERITIES.iter().find(|(name, _)| *name == word).map(|(_, severity)| *severity);
            found.ok_or_else(|| {
                let meant = nearest(word, SEVERITIES.map(|(name, _)| name));
                let meant =
                    meant.map(|word| format!("; did you mean `min={word}`?")).unwrap_or_default();
                format!("min=info, min=warning or min=error{meant}")
            })?
        }
    };
    Ok(NotifySpec { name: name.to_owned(), min, target })
}

/// Formats the entry with every possible URL or key hidden, because people do put them there.
fn shown_entry(text: &str) -> String {
    const HIDDEN: &str = "(hidden)";
    let of_aws = text.starts_with("sns ") || text.starts_with("eventbridge ");
    let harmless = |word: &str| {
        let named =
            Arn::is_meant(word) || PLACES.iter().any(|(prefix, _)| word.starts_with(prefix));
        named && !word.contains("://")
    };
    let word = |(i, word): (usize, &str)| match (i, word.split_once('=')) {
        _ if harmless(word) => word.to_owned(),
        (0, _) if is_name(word, 20, "-_") => word.to_owned(),
        (1, _) if of_aws && is_name(word, 64, "._-") => word.to_owned(),
        (_, Some((option, value))) if i > 0 && is_name(option, 20, "_-") => {
            let shown =
                harmless(value) || (matches!(option, "min" | "name") && is_name(value, 40, "._-"));
            format!("{option}={}", if shown { value } else { HIDDEN })
        }
        _ => HIDDEN.to_owned(),
    };
    let words: Vec<String> = text.split_whitespace().enumerate().map(word).collect();
    super::value::shown(&words.join(" "))
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
