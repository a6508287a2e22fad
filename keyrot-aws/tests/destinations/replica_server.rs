//! Secrets Manager with one secret in us-east-1 and its replica in eu-west-1, as documented in its
//! user guide ("Replicate secrets across Regions", "Troubleshoot AWS Secrets Manager replication").

use super::rules::{credentials, delivery};
use super::server::{Answer, Request, Service};
use serde_json::{Value, json};

pub(crate) const HOME: &str = "/iam/ci/access_key";
const THERE: &str = "eu-west-1";

/// A version's id and its text.
type Version = (String, String);

pub(crate) struct Replicated {
    home: Version,
    /// What has the home's name in the other region: the end of its ARN, and its current version.
    pub(crate) there: Option<(&'static str, Version)>,
    /// The status of the replication and its message.
    pub(crate) status: Option<(&'static str, &'static str)>,
    /// How often the home is described before a replication is complete.
    takes: u32,
    left: u32,
    /// Why each replication fails.
    pub(crate) fails: Option<&'static str>,
    /// The KMS key of the replica.
    pub(crate) kms_key: Option<String>,
}

/// Returns the version that holds the key with this number.
fn version(n: usize) -> Version {
    let key = credentials(n);
    let text = json!({ "AccessKeyId": key.key.as_str(), "SecretAccessKey": key.secret.expose() });
    (delivery(n, None).version.to_string(), text.to_string())
}

impl Default for Replicated {
    fn default() -> Self {
        Self {
            home: version(1),
            there: None,
            status: None,
            takes: 1,
            left: 0,
            fails: None,
            kms_key: None,
        }
    }
}

impl Replicated {
    /// Returns a service in which a replication is complete after the home was described this often.
    pub(crate) fn taking(takes: u32) -> Self {
        Self { takes, ..Self::default() }
    }

    /// Makes the version with this key the current one of the home.
    pub(crate) fn publish(&mut self, n: usize) {
        self.home = version(n);
        if self.status.is_some() {
            self.begin();
        }
    }

    /// Puts a secret that is no replica there.
    pub(crate) fn occupy(&mut self) {
        self.there = Some(("zZ9yX8", ("0".repeat(32), "theirs".to_owned())));
    }

    fn begin(&mut self) {
        (self.status, self.left) = (Some(("InProgress", "")), self.takes);
    }

    /// Lets time pass.
    fn tick(&mut self) {
        if self.status.is_none_or(|(status, _)| status != "InProgress") {
            return;
        }
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return;
        }
        let occupied = self.there.as_ref().is_some_and(|(end, _)| *end != "AbCdEf");
        self.status = Some(match self.fails {
            Some(why) => ("Failed", why),
            None if occupied => ("Failed", "Secret with this name already exists in this region"),
            None => {
                self.there = Some(("AbCdEf", self.home.clone()));
                ("InSync", "")
            }
        });
    }

    fn describe(&mut self) -> Value {
        let mut described = json!({
            "ARN": arn("us-east-1", "AbCdEf"), "Name": HOME,
            "VersionIdsToStages": { self.home.0.clone(): ["AWSCURRENT"] },
        });
        if let Some((status, message)) = self.status {
            described["PrimaryRegion"] = json!("us-east-1");
            let mut one = json!({ "Region": THERE, "Status": status });
            if !message.is_empty() {
                one["StatusMessage"] = json!(message);
            }
            // Other replicas do not matter.
            let other = json!({ "Region": "us-west-2", "Status": "Failed" });
            described["ReplicationStatus"] = json!([other, one]);
        }
        self.tick();
        described
    }

    fn value(&self) -> Option<Value> {
        let (end, (version, text)) = self.there.as_ref()?;
        Some(json!({
            "ARN": arn(THERE, end), "Name": HOME, "VersionId": version, "SecretString": text,
            "VersionStages": ["AWSCURRENT"], "CreatedDate": 1_767_600_000.0,
        }))
    }
}

fn arn(region: &str, end: &str) -> String {
    format!("arn:aws:secretsmanager:{region}:123456789012:secret:{HOME}-{end}")
}

impl Service for Replicated {
    fn answer(&mut self, request: &Request) -> Answer {
        let region = request.headers["authorization"].split('/').nth(2).unwrap().to_owned();
        let asked = request.json();
        assert_eq!(asked["SecretId"], HOME);
        let operation = request.headers["x-amz-target"].rsplit('.').next().unwrap();
        let answer = match (operation, region.as_str()) {
            ("DescribeSecret", "us-east-1") => Some(self.describe()),
            ("GetSecretValue", THERE) => {
                assert_eq!(asked["VersionStage"], "AWSCURRENT");
                self.value()
            }
            ("ReplicateSecretToRegions", "us-east-1") => {
                assert_ne!(asked["ForceOverwriteReplicaSecret"], true);
                assert_eq!(asked["AddReplicaRegions"].as_array().unwrap().len(), 1);
                let to = &asked["AddReplicaRegions"][0];
                assert_eq!(to["Region"], THERE);
                self.kms_key = to["KmsKeyId"].as_str().map(str::to_owned);
                self.begin();
                Some(json!({ "ARN": arn("us-east-1", "AbCdEf") }))
            }
            other => panic!("{other:?}"),
        };
        match answer {
            Some(body) => Answer(200, String::new(), body.to_string()),
            None => {
                let body = json!({
                    "__type": "ResourceNotFoundException",
                    "message": "Secrets Manager can't find the specified secret.",
                });
                Answer(400, String::new(), body.to_string())
            }
        }
    }
}
