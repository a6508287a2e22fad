//! The targets of notifications, and how each kind is written.

use crate::machine::event::Severity;
use crate::model::arn::Arn;
use crate::settings::name::{is_absolute, is_name};
use std::fmt;

/// A target of notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyTarget {
    /// An SNS topic: one message per run.
    Sns(Topic),
    /// An EventBridge bus: each event, and the end of the run.
    EventBridge(Bus),
    /// A Slack channel, by an incoming webhook: one message per run.
    Slack(SecretSource),
    /// A Microsoft Teams channel, by a Workflows webhook: one message per run.
    Teams(SecretSource),
    /// Your own server: each event, and the end of the run, signed.
    Webhook {
        /// The place of the URL.
        url: SecretSource,
        /// The place of the signing key.
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

/// The place of a URL or a key. The URL or key itself is read only when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretSource {
    store: SecretPlace,
    id: String,
    field: Option<String>,
    region: Option<String>,
}

/// The kind of place that keeps a URL or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretPlace {
    /// Secrets Manager.
    SecretsManager,
    /// SSM Parameter Store.
    ParameterStore,
    /// An environment variable.
    Environment,
    /// A file on this machine, such as a secret that a cluster has mounted.
    File,
}

impl SecretPlace {
    /// Whether the place is on the machine where keyrot runs, not in AWS.
    #[must_use]
    pub fn is_local(self) -> bool {
        matches!(self, Self::Environment | Self::File)
    }
}

/// The prefixes of places.
pub(crate) const PLACES: [(&str, SecretPlace); 4] = [
    ("secret:", SecretPlace::SecretsManager),
    ("ssm:", SecretPlace::ParameterStore),
    ("env:", SecretPlace::Environment),
    ("file:", SecretPlace::File),
];
pub(crate) const NO_SECRETS: &str = "a URL or key is a secret and is never written in a setting: put it into Secrets Manager or an SSM SecureString, \
                          and write secret:NAME, ssm:NAME, env:VARIABLE or file:PATH";

impl NotifyTarget {
    /// Returns the kind, as it is written in settings.
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

    /// Returns the places of the secrets that a message needs.
    #[must_use]
    pub fn sources(&self) -> Vec<&SecretSource> {
        match self {
            Self::Sns(_) | Self::EventBridge(_) => Vec::new(),
            Self::Slack(url) | Self::Teams(url) => vec![url],
            Self::Webhook { url, hmac } => vec![url, hmac],
        }
    }

    pub(super) fn min(&self) -> Severity {
        if matches!(self, Self::Sns(_)) { Severity::Warning } else { Severity::Info }
    }
}

impl Topic {
    /// Returns the ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Returns the topic's region.
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
    /// Returns the name or ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the region, if the target is an ARN.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

impl SecretSource {
    /// Returns the kind of place.
    #[must_use]
    pub fn place(&self) -> SecretPlace {
        self.store
    }

    /// Returns the name or ARN of the secret or parameter, the variable's name, or the file's path.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the field, if the value is one field of a JSON object.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Returns the region, if the place is an ARN.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

/// Formats the place as in a setting.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix =
            PLACES.iter().find(|(_, place)| *place == self.store).map_or("", |(prefix, _)| prefix);
        write!(f, "{prefix}{}", self.id)?;
        self.field.as_ref().map_or(Ok(()), |field| write!(f, "#{field}"))
    }
}

pub(crate) fn topic(target: Option<&str>) -> Result<Topic, String> {
    let expected = "a topic's ARN, such as arn:aws:sns:eu-central-1:111122223333:keyrot";
    let text = target.ok_or(expected)?;
    let arn = regional(text, "sns").ok_or(expected)?;
    let name = arn.resource.strip_suffix(".fifo").unwrap_or(arn.resource);
    if !is_name(name, 256, "_-") {
        return Err(format!(
            "{expected}; this ends in no topic's name (a subscription's ARN is not a topic's)"
        ));
    }
    Ok(Topic { arn: text.to_owned(), region: arn.region.to_owned() })
}

pub(crate) fn bus(target: Option<&str>) -> Result<Bus, String> {
    let expected = "a bus's name such as default, or its ARN, such as arn:aws:events:eu-central-1:111122223333:event-bus/default";
    let text = target.ok_or(expected)?;
    let (name, region) = match regional(text, "events") {
        Some(arn) => {
            (arn.resource.strip_prefix("event-bus/").ok_or(expected)?, Some(arn.region.to_owned()))
        }
        None => (text, None),
    };
    if !is_name(name, 256, "/._-") {
        return Err(expected.to_owned());
    }
    Ok(Bus { id: text.to_owned(), region })
}

pub(crate) fn source(target: Option<&str>) -> Result<SecretSource, String> {
    let text = target
        .ok_or("the place that holds the URL: secret:NAME, ssm:NAME, env:VARIABLE or file:PATH")?;
    let found =
        PLACES.iter().find_map(|(prefix, place)| Some((*place, text.strip_prefix(prefix)?)));
    let (store, rest) = found.ok_or(NO_SECRETS)?;
    if rest.contains("://") {
        return Err(NO_SECRETS.to_owned());
    }
    let (id, field) = match rest.split_once('#') {
        Some((_, "")) => return Err("the name of a JSON field after the #".to_owned()),
        Some((id, field)) => (id, Some(field.to_owned())),
        None => (rest, None),
    };
    if store == SecretPlace::File {
        let plain = is_name(id, 1024, "/\\:_.-+=@ ") && is_absolute(id);
        let source = SecretSource { store, id: id.to_owned(), field, region: None };
        return plain.then_some(source).ok_or_else(|| {
            "file: and an absolute path, with a #FIELD after it where the text is one field of a JSON object".to_owned()
        });
    }
    // The rules of names: API reference of Secrets Manager, `CreateSecret`, and of Systems Manager,
    // `PutParameter`.
    let (service, resource, longest, more, what) = match store {
        SecretPlace::SecretsManager => {
            ("secretsmanager", "secret:", 512, "/_+=.@-", "secret:NAME or secret:ARN")
        }
        SecretPlace::ParameterStore => ("ssm", "parameter/", 1011, "_.-/", "ssm:NAME or ssm:ARN"),
        SecretPlace::Environment => {
            let fits = is_name(id, 256, "_") && !id.starts_with(|c: char| c.is_ascii_digit());
            if id.starts_with("KEYROT_") {
                return Err(
                    "a variable whose name does not begin with KEYROT_: those are settings"
                        .to_owned(),
                );
            }
            let source = SecretSource { store, id: id.to_owned(), field, region: None };
            return fits
                .then_some(source)
                .ok_or_else(|| "env: and the name of an environment variable".to_owned());
        }
        SecretPlace::File => return Err(NO_SECRETS.to_owned()),
    };
    let (name, region) = match regional(id, service) {
        Some(arn) => {
            (arn.resource.strip_prefix(resource).unwrap_or_default(), Some(arn.region.to_owned()))
        }
        None => (id, None),
    };
    if !is_name(name, longest, more) {
        return Err(format!(
            "{what}, with a #FIELD after it where the text is one field of a JSON object"
        ));
    }
    Ok(SecretSource { store, id: id.to_owned(), field, region })
}

/// Parses the ARN of a regional resource of this service.
fn regional<'a>(text: &'a str, service: &str) -> Option<Arn<'a>> {
    Arn::parse(text).filter(|arn| {
        (arn.partition == "aws" || arn.partition.starts_with("aws-"))
            && is_name(arn.partition, 20, "-")
            && arn.service == service
            && is_name(arn.region, 40, "-")
            && arn.has_account()
    })
}
