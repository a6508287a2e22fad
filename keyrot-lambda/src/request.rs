//! The function's requests. Each kind of event is parsed strictly: a misspelled field is an error,
//! and nothing is done.

use keyrot_core::model::{Arn, RotationStep, StepName, VersionId};
use keyrot_core::{SecretName, UserName};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// What one invocation has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// One pass over the users.
    Sweep(Sweep),
    /// A step that Secrets Manager ordered, and its secret.
    RotationStep(SecretName, RotationStep),
}

/// One pass. All fields are optional; without any, it is the scheduled pass over all users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sweep {
    /// Only these users.
    #[serde(default)]
    pub(crate) users: Vec<UserName>,
    /// Only report what would be done.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Also replace keys that are not due yet.
    #[serde(default)]
    pub(crate) force: bool,
}

impl Sweep {
    /// Whether the pass covers all selected users, and makes changes: then it provides the metrics
    /// of the whole account.
    pub(crate) fn is_whole(&self) -> bool {
        self.users.is_empty() && !self.dry_run
    }
}

/// Secrets Manager's event (Secrets Manager user guide, "Rotation by Lambda function").
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Rotation {
    step: String,
    secret_id: String,
    client_request_token: String,
    /// For functions that assume another role. This one does not, and ignores it.
    #[serde(default, rename = "RotationToken")]
    _rotation_token: Option<String>,
}

/// An event of an unknown kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadEvent(String);

impl fmt::Display for BadEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the event is not understood: {}; expected a scheduled event of EventBridge, an order of Secrets Manager's with Step, SecretId and \
             ClientRequestToken, or {{\"users\": [\"NAME\"], \"dry_run\": true, \"force\": false}}, all of it optional; nothing was done",
            self.0
        )
    }
}

impl Request {
    pub(crate) fn parse(event: Value) -> Result<Self, BadEvent> {
        let Value::Object(fields) = &event else {
            return Err(BadEvent("it is not a JSON object".to_owned()));
        };
        if fields.contains_key("Step") || fields.contains_key("SecretId") {
            return serde_json::from_value(event).map_err(bad).and_then(Self::order);
        }
        if fields.contains_key("detail-type") || fields.contains_key("source") {
            return scheduled(&event).map(|()| Self::Sweep(Sweep::default()));
        }
        let sweep: Sweep = serde_json::from_value(event).map_err(bad)?;
        if sweep.force && sweep.users.is_empty() && !sweep.dry_run {
            // A typo could otherwise affect all users.
            return Err(BadEvent(
                "\"force\" without \"users\" would replace every key; name the users".to_owned(),
            ));
        }
        Ok(Self::Sweep(sweep))
    }

    fn order(rotation: Rotation) -> Result<Self, BadEvent> {
        let step = match rotation.step.as_str() {
            "createSecret" | "create_secret" => StepName::CreateSecret,
            "setSecret" | "set_secret" => StepName::SetSecret,
            "testSecret" | "test_secret" => StepName::TestSecret,
            "finishSecret" | "finish_secret" => StepName::FinishSecret,
            other => {
                let expected = "expected createSecret, setSecret, testSecret or finishSecret";
                return Err(BadEvent(format!("there is no step {other:?}; {expected}")));
            }
        };
        let version = VersionId::parse(rotation.client_request_token).map_err(bad)?;
        let id = &rotation.secret_id;
        let secret = Arn::parse(id).and_then(|arn| arn.secret_name()).unwrap_or(id);
        let secret = SecretName::parse(secret).map_err(bad)?;
        Ok(Self::RotationStep(secret, RotationStep { step, version }))
    }
}

fn bad(error: impl fmt::Display) -> BadEvent {
    BadEvent(error.to_string())
}

/// Whether the event is from a rule (`aws.events`) or from EventBridge Scheduler (`aws.scheduler`);
/// both send it if no input is configured.
fn scheduled(event: &Value) -> Result<(), BadEvent> {
    let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
    match (text("source").as_str(), text("detail-type").as_str()) {
        ("aws.events" | "aws.scheduler", "Scheduled Event") => Ok(()),
        (source, kind) => Err(BadEvent(format!("it is {kind:?} from {source:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TOKEN: &str = "51f72378-6a5d-5dc7-8fd8-29e4319f482a";

    fn parsed(event: Value) -> Request {
        Request::parse(event).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(event: Value) -> String {
        Request::parse(event).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_schedule_means_a_whole_pass() {
        for source in ["aws.events", "aws.scheduler"] {
            let event = json!({
                "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event", "source": source,
                "account": "111122223333", "time": "2026-01-05T04:00:00Z", "region": "eu-central-1",
                "resources": ["arn:aws:events:eu-central-1:111122223333:rule/keyrot"], "detail": {}
            });
            assert_eq!(parsed(event), Request::Sweep(Sweep::default()));
        }
        assert_eq!(parsed(json!({})), Request::Sweep(Sweep::default()));
        let other =
            json!({ "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2" });
        assert!(refused(other).contains("aws.ec2"));
    }

    #[test]
    fn an_operator_may_name_users_and_request_a_dry_run() {
        let request = parsed(json!({ "users": ["ci"], "dry_run": true, "force": true }));
        let users = vec![UserName::parse("ci").expect("a name")];
        assert_eq!(request, Request::Sweep(Sweep { users, dry_run: true, force: true }));
    }

    #[test]
    fn an_unknown_event_is_refused_by_name() {
        assert!(refused(json!({ "user": ["ci"] })).contains("unknown field `user`"));
        assert!(refused(json!({ "dryRun": true })).contains("dryRun"));
        assert!(refused(json!({ "users": "ci" })).contains("expected a sequence"));
        assert!(refused(json!({ "users": ["no spaces please"] })).contains("no spaces please"));
        assert!(refused(json!({ "force": true })).contains("name the users"));
        assert!(refused(json!([])).contains("not a JSON object"));
    }

    #[test]
    fn an_event_from_secrets_manager_is_a_step() {
        let arn = "arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:/iam/ci-x/access_key-AbCdEf";
        let event = |step: &str| json!({ "Step": step, "SecretId": arn, "ClientRequestToken": TOKEN, "RotationToken": "b3f2" });
        let Request::RotationStep(secret, order) = parsed(event("createSecret")) else {
            panic!("an order")
        };
        assert_eq!(secret.as_str(), "/iam/ci-x/access_key");
        assert_eq!((order.step, order.version.as_str()), (StepName::CreateSecret, TOKEN));
        assert!(refused(event("deleteSecret")).contains("finishSecret"));
        assert!(
            refused(json!({ "Step": "createSecret", "SecretId": arn }))
                .contains("ClientRequestToken")
        );
        assert!(
            refused(json!({ "Step": "setSecret", "SecretId": arn, "ClientRequestToken": "x" }))
                .contains("32")
        );
    }
}
