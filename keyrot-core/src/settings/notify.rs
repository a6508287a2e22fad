//! Whom to tell, as it is written in the setting `notify`.
//!
//! An entry is `KIND TARGET [OPTION=VALUE …]`. No URL and no key is ever written there: an entry names the place that holds them. So
//! settings can be shown, logged and kept in a repository.

use super::value::is_name;
use crate::machine::event::Severity;
use crate::model::nearest::nearest;
use std::fmt;
use std::str::FromStr;

/// One entry of the setting `notify`: whom to tell, and from which severity on.
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

/// Whom to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyTarget {
    /// An SNS topic: one message a run.
    Sns(Topic),
    /// An EventBridge bus: each event, and the run's end.
    EventBridge(Bus),
    /// A Slack channel, by an incoming web hook: one message a run.
    Slack(SecretSource),
    /// A Microsoft Teams channel, by a Workflows web hook: one message a run.
    Teams(SecretSource),
    /// Your own server: each event, and the run's end, signed.
    Webhook {
        /// Where the URL is kept.
        url: SecretSource,
        /// Where the key of the signature is kept.
        hmac: SecretSource,
    },
}

/// An SNS topic, by its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    arn: String,
    region: String,
}

/// An EventBridge bus: a name in the account and region of the run, or an ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    id: String,
    region: Option<String>,
}

/// Where a URL or a key is kept. The text itself is read only when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretSource {
    store: SecretPlace,
    id: String,
    field: Option<String>,
    region: Option<String>,
}

/// What keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretPlace {
    /// Secrets Manager.
    SecretsManager,
    /// SSM Parameter Store.
    ParameterStore,
    /// An environment variable.
    Environment,
}

/// Why an entry is refused: what was expected. It repeats nothing of the entry that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyError {
    entry: String,
    expected: String,
}

const KINDS: [&str; 5] = ["sns", "eventbridge", "slack", "teams", "webhook"];
const OPTIONS: [&str; 3] = ["min", "name", "hmac"];
const SEVERITIES: [(&str, Severity); 3] =
    [("info", Severity::Info), ("warning", Severity::Warning), ("error", Severity::Error)];
/// What may stand before the name of a place.
const PLACES: [(&str, SecretPlace); 3] = [
    ("secret:", SecretPlace::SecretsManager),
    ("ssm:", SecretPlace::ParameterStore),
    ("env:", SecretPlace::Environment),
];
const NO_SECRETS: &str = "a URL or key is a secret and is never written in a setting: put it into Secrets Manager or an SSM SecureString, \
                          and write secret:NAME, ssm:NAME, or env:VARIABLE";

impl NotifySpec {
    /// Parses an entry.
    ///
    /// # Errors
    /// [`NotifyError`], which says what was expected.
    pub fn parse(text: &str) -> Result<Self, NotifyError> {
        parse(text).map_err(|expected| NotifyError { entry: shown_entry(text), expected })
    }

    /// What it is called in messages about it: the option `name`, or else the kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What matters less is not told.
    ///
    /// By default a chat, a bus and a web hook are told everything: the channel is then the record of what was changed, which is what one
    /// looks for when something broke at night, and a run that changed nothing says nothing there. An SNS topic is told from `warning` on,
    /// because it ends in mail or at a pager.
    #[must_use]
    pub fn min(&self) -> Severity {
        self.min
    }

    /// Whom.
    #[must_use]
    pub fn target(&self) -> &NotifyTarget {
        &self.target
    }
}

impl NotifyTarget {
    /// The kind, as it is written.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sns(_) => "sns",
            Self::EventBridge(_) => "eventbridge",
            Self::Slack(_) => "slack",
            Self::Teams(_) => "teams",
            Self::Webhook { .. } => "webhook",
        }
    }

    /// The places that hold what is needed to tell.
    #[must_use]
    pub fn sources(&self) -> Vec<&SecretSource> {
        match self {
            Self::Sns(_) | Self::EventBridge(_) => Vec::new(),
            Self::Slack(url) | Self::Teams(url) => vec![url],
            Self::Webhook { url, hmac } => vec![url, hmac],
        }
    }

    fn min(&self) -> Severity {
        if matches!(self, Self::Sns(_)) { Severity::Warning } else { Severity::Info }
    }
}

impl Topic {
    /// The ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The topic's region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether it is a FIFO topic (SNS developer guide: its name ends in `.fifo`).
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }
}

impl Bus {
    /// The name or ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The region, where the ARN says it.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

impl SecretSource {
    /// What keeps it.
    #[must_use]
    pub fn place(&self) -> SecretPlace {
        self.store
    }

    /// The name or ARN of the secret or parameter, or the variable's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The field, where the text is one field of a JSON object.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The region, where an ARN says it.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

/// As it is written in a setting.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = PLACES.iter().find(|(_, place)| *place == self.store).map_or("", |(prefix, _)| prefix);
        write!(f, "{prefix}{}", self.id)?;
        self.field.as_ref().map_or(Ok(()), |field| write!(f, "#{field}"))
    }
}

impl FromStr for NotifySpec {
    type Err = NotifyError;
    fn from_str(text: &str) -> Result<Self, NotifyError> {
        Self::parse(text)
    }
}

impl NotifyError {
    /// The entry, as far as it may be shown.
    #[must_use]
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// What was expected.
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

/// All entries; each needs a name of its own, so that a failure says which one it was.
pub(super) fn specs(entries: &[String]) -> Result<Vec<NotifySpec>, NotifyError> {
    let mut specs: Vec<NotifySpec> = Vec::with_capacity(entries.len());
    for text in entries {
        let spec = NotifySpec::parse(text)?;
        if specs.iter().any(|other| other.name == spec.name) {
            let expected =
                format!("a name of its own, because another notifier is called {} too: add name=SOMETHING", spec.name);
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
        let meant = nearest(kind, KINDS).map(|kind| format!("; did you mean `{kind}`?")).unwrap_or_default();
        return Err(format!("sns, eventbridge, slack, teams or webhook first, then the target{meant}"));
    }
    // An option in the target's place is no target.
    let target = words.next().filter(|word| !OPTIONS.iter().any(|option| word.starts_with(&format!("{option}="))));
    let (mut min, mut name, mut hmac) = (None, None, None);
    for word in words {
        let Some((option, value)) = word.split_once('=') else {
            return Err("options after the target, as OPTION=VALUE, such as min=warning".to_owned());
        };
        let place = match option {
            "min" => &mut min,
            "name" => &mut name,
            "hmac" if kind == "webhook" => &mut hmac,
            "hmac" => return Err(format!("no option hmac: only a webhook is signed, {kind} is not")),
            _ => {
                let meant = nearest(option, OPTIONS).map(|option| format!("; did you mean `{option}`?"));
                return Err(format!("no option but min, name and (webhook) hmac{}", meant.unwrap_or_default()));
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
        return Err("name= with at most 40 letters, digits, dots, hyphens and underscores".to_owned());
    }
    let min = match min {
        None => target.min(),
        Some(word) => {
            let found = SEVERITIES.iter().find(|(name, _)| *name == word).map(|(_, severity)| *severity);
            found.ok_or_else(|| {
                let meant = nearest(word, SEVERITIES.map(|(name, _)| name));
                let meant = meant.map(|word| format!("; did you mean `min={word}`?")).unwrap_or_default();
                format!("min=info, min=warning or min=error{meant}")
            })?
        }
    };
    Ok(NotifySpec { name: name.to_owned(), min, target })
}

fn topic(target: Option<&str>) -> Result<Topic, String> {
    let expected = "a topic's ARN, such as arn:aws:sns:eu-central-1:111122223333:keyrot";
    let text = target.ok_or(expected)?;
    let arn = Arn::parse(text, "sns").ok_or(expected)?;
    let name = arn.rest.strip_suffix(".fifo").unwrap_or(arn.rest);
    if !is_name(name, 256, "_-") {
        return Err(format!("{expected}; this ends in no topic's name (a subscription's ARN is no topic's)"));
    }
    Ok(Topic { arn: text.to_owned(), region: arn.region.to_owned() })
}

fn bus(target: Option<&str>) -> Result<Bus, String> {
    let expected =
        "a bus's name such as default, or its ARN, such as arn:aws:events:eu-central-1:111122223333:event-bus/default";
    let text = target.ok_or(expected)?;
    let (name, region) = match Arn::parse(text, "events") {
        Some(arn) => (arn.rest.strip_prefix("event-bus/").ok_or(expected)?, Some(arn.region.to_owned())),
        None => (text, None),
    };
    if !is_name(name, 256, "/._-") {
        return Err(expected.to_owned());
    }
    Ok(Bus { id: text.to_owned(), region })
}

fn source(target: Option<&str>) -> Result<SecretSource, String> {
    let text = target.ok_or("the place that holds the URL: secret:NAME, ssm:NAME or env:VARIABLE")?;
    let found = PLACES.iter().find_map(|(prefix, place)| Some((*place, text.strip_prefix(prefix)?)));
    let (store, rest) = found.ok_or(NO_SECRETS)?;
    if rest.contains("://") {
        return Err(NO_SECRETS.to_owned());
    }
    let (id, field) = match rest.split_once('#') {
        Some((_, "")) => return Err("the name of a JSON field after the #".to_owned()),
        Some((id, field)) => (id, Some(field.to_owned())),
        None => (rest, None),
    };
    // The rules of names: API reference of Secrets Manager, `CreateSecret`, and of Systems Manager, `PutParameter`.
    let (service, resource, longest, more, what) = match store {
        SecretPlace::SecretsManager => ("secretsmanager", "secret:", 512, "/_+=.@-", "secret:NAME or secret:ARN"),
        SecretPlace::ParameterStore => ("ssm", "parameter/", 1011, "_.-/", "ssm:NAME or ssm:ARN"),
        SecretPlace::Environment => {
            let fits = is_name(id, 256, "_") && !id.starts_with(|c: char| c.is_ascii_digit());
            if id.starts_with("KEYROT_") {
                return Err("a variable whose name does not begin with KEYROT_: those are settings".to_owned());
            }
            let source = SecretSource { store, id: id.to_owned(), field, region: None };
            return fits.then_some(source).ok_or_else(|| "env: and the name of an environment variable".to_owned());
        }
    };
    let (name, region) = match Arn::parse(id, service) {
        Some(arn) => (arn.rest.strip_prefix(resource).unwrap_or_default(), Some(arn.region.to_owned())),
        None => (id, None),
    };
    if !is_name(name, longest, more) {
        return Err(format!("{what}, with a #FIELD after it where the text is one field of a JSON object"));
    }
    Ok(SecretSource { store, id: id.to_owned(), field, region })
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:REST`.
struct Arn<'a> {
    region: &'a str,
    rest: &'a str,
}

impl<'a> Arn<'a> {
    fn parse(text: &'a str, service: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (start, partition, found) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = start == "arn"
            && (partition == "aws" || partition.starts_with("aws-"))
            && is_name(partition, 20, "-")
            && found == service
            && is_name(region, 40, "-")
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit());
        fits.then_some(Self { region, rest })
    }
}

/// The entry with everything hidden that may be a URL or a key: people do put them there.
fn shown_entry(text: &str) -> String {
    const HIDDEN: &str = "(hidden)";
    let of_aws = text.starts_with("sns ") || text.starts_with("eventbridge ");
    let harmless = |word: &str| {
        let named = word.starts_with("arn:") || PLACES.iter().any(|(prefix, _)| word.starts_with(prefix));
        named && !word.contains("://")
    };
    let word = |(i, word): (usize, &str)| match (i, word.split_once('=')) {
        _ if harmless(word) => word.to_owned(),
        (0, _) if is_name(word, 20, "-_") => word.to_owned(),
        (1, _) if of_aws && is_name(word, 64, "._-") => word.to_owned(),
        (_, Some((option, value))) if i > 0 && is_name(option, 20, "_-") => {
            let shown = harmless(value) || (matches!(option, "min" | "name") && is_name(value, 40, "._-"));
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
