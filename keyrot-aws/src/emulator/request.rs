//! A request as AWS reads it: the service, the action, and its parameters.

use super::reply::Refused;
use super::throttle::{IAM_READS, IAM_WRITES, SECRET_READS, SECRET_WRITES, STS, TRAIL};
use crate::emulator::service::Service;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use keyrot_core::memory::Refusal;
use serde_json::{Map, Value};

/// One call.
pub(super) struct ApiCall {
    pub(super) service: Service,
    pub(super) action: &'static str,
    pub(super) parameters: Parameters,
    pub(super) head: Parts,
    pub(super) body: Bytes,
}

/// The Query protocol's fields, or a JSON object's.
pub(super) enum Parameters {
    Query(Vec<(String, String)>),
    Json(Map<String, Value>),
}

const ACTIONS: &[(Service, &[&str])] = &[
    (Service::Iam, IAM_READS),
    (Service::Iam, IAM_WRITES),
    (Service::Sts, STS),
    (Service::SecretsManager, SECRET_READS),
    (Service::SecretsManager, SECRET_WRITES),
    (Service::CloudTrail, TRAIL),
];

impl ApiCall {
    pub(super) fn read(head: Parts, body: Bytes) -> Result<Self, (Service, Refused)> {
        let target = head.headers.get("x-amz-target").and_then(|v| v.to_str().ok());
        let (service, name, parameters) =
            match target.map(|t| t.rsplit_once('.').unwrap_or((t, ""))) {
                Some((prefix, name)) => {
                    let Some(service) = Service::of_target(prefix) else {
                        let message = format!("This emulator has no service {prefix}.");
                        return Err((
                            Service::SecretsManager,
                            Refused::new("UnknownOperationException", message),
                        ));
                    };
                    let fields = serde_json::from_slice(&body).map_err(|_| {
                        let message = "The request body is not a JSON object.";
                        (service, Refused::new("SerializationException", message))
                    })?;
                    (service, name.to_owned(), Parameters::Json(fields))
                }
                None => {
                    let fields: Vec<(String, String)> =
                        form_urlencoded::parse(&body).into_owned().collect();
                    let field = |name: &str| {
                        fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
                    };
                    // The protocol's version is that of the service.
                    let service = if field("Version").as_deref() == Some("2011-06-15") {
                        Service::Sts
                    } else {
                        Service::Iam
                    };
                    (service, field("Action").unwrap_or_default(), Parameters::Query(fields))
                }
            };
        let known =
            ACTIONS.iter().filter(|(s, _)| *s == service).flat_map(|(_, names)| names.iter());
        match known.into_iter().find(|known| **known == name) {
            Some(action) => Ok(Self { service, action, parameters, head, body }),
            None if service.is_json() => Err((
                service,
                Refused::new(
                    "UnknownOperationException",
                    format!("This emulator has no action {name}."),
                ),
            )),
            None => {
                let message = format!("Could not find operation {name} in this emulator.");
                Err((service, Refused::new("InvalidAction", message)))
            }
        }
    }

    /// Returns an optional text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match &self.parameters {
            Parameters::Query(fields) => {
                fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
            }
            Parameters::Json(fields) => fields.get(name)?.as_str(),
        }
    }

    /// Returns a required text.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refused> {
        self.text(name)
            .ok_or_else(|| invalid(self.service, &format!("Value at '{name}' must not be null")))
    }

    /// Returns a number within these bounds, or the default if it is not given.
    pub(super) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Refused> {
        let given = match &self.parameters {
            Parameters::Query(_) => self.text(name).map(|t| t.parse().ok()),
            Parameters::Json(fields) => {
                fields.get(name).map(|v| v.as_u64().and_then(|n| usize::try_from(n).ok()))
            }
        };
        match given {
            None => Ok(default),
            Some(Some(n)) if (1..=most).contains(&n) => Ok(n),
            Some(_) => {
                Err(invalid(self.service, &format!("Value at '{name}' must be from 1 to {most}")))
            }
        }
    }

    /// Returns a list of texts: `Name.member.N`, or an array.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        match &self.parameters {
            Parameters::Query(_) => {
                self.members(name).map_while(|m| self.text(&m)).map(ToOwned::to_owned).collect()
            }
            Parameters::Json(fields) => {
                let items = fields.get(name).and_then(Value::as_array);
                items
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(ToOwned::to_owned)
                    .collect()
            }
        }
    }

    /// Returns a list of tags, within the service's limits on length.
    pub(super) fn checked_tags(&self, service: Service) -> Result<Vec<(String, String)>, Refused> {
        let code = if service.is_json() { "ValidationException" } else { "ValidationError" };
        let tags = self.tags();
        tags.iter().try_for_each(|(key, value)| Refusal::of_tag(code, key, value))?;
        Ok(tags)
    }

    /// Returns a list of tags.
    pub(super) fn tags(&self) -> Vec<(String, String)> {
        match &self.parameters {
            Parameters::Query(_) => {
                let tag = |m: String| {
                    let key = self.text(&format!("{m}.Key"))?.to_owned();
                    Some((key, self.text(&format!("{m}.Value")).unwrap_or_default().to_owned()))
                };
                self.members("Tags").map_while(tag).collect()
            }
            Parameters::Json(fields) => {
                let tag = |tag: &Value| {
                    let key = tag.get("Key")?.as_str()?.to_owned();
                    Some((
                        key,
                        tag.get("Value").and_then(Value::as_str).unwrap_or_default().to_owned(),
                    ))
                };
                fields
                    .get("Tags")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(tag)
                    .collect()
            }
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match &self.parameters {
            Parameters::Query(_) => self.text(name) == Some("true"),
            Parameters::Json(fields) => fields.get(name).and_then(Value::as_bool) == Some(true),
        }
    }

    fn members(&self, name: &str) -> impl Iterator<Item = String> {
        (1..).map(move |n| format!("{name}.member.{n}"))
    }
}

/// Returns the error for a parameter that is not usable.
pub(super) fn invalid(service: Service, message: &str) -> Refused {
    let code = if service.is_json() { "ValidationException" } else { "ValidationError" };
    Refused::new(code, format!("1 validation error detected: {message}"))
}
