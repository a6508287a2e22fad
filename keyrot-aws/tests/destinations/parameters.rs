//! SSM's Parameter Store, with `GetParameter` and `PutParameter` as in Systems Manager's API
//! reference.

use super::server::{Answer, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) all: BTreeMap<String, Parameter>,
    /// The time in seconds; each write takes ten.
    pub(crate) clock: f64,
    /// The tier of a write that names none: the account's default.
    pub(crate) default_tier: &'static str,
}

impl Default for Store {
    fn default() -> Self {
        Self { all: BTreeMap::new(), clock: 1_800_000_000.25, default_tier: "Standard" }
    }
}

#[derive(Clone)]
pub(crate) struct Parameter {
    pub(crate) kind: String,
    pub(crate) value: String,
    pub(crate) version: u64,
    pub(crate) key: Option<String>,
    pub(crate) tier: String,
    modified: f64,
    /// Whether the oldest of a hundred versions has a label.
    pub(crate) oldest_is_labeled: bool,
}

impl Store {
    /// Writes a parameter as something other than keyrot.
    pub(crate) fn put(&mut self, name: &str, kind: &str, value: &str) {
        self.clock += 10.0;
        let version = self.all.get(name).map_or(1, |there| there.version + 1);
        let parameter = Parameter {
            kind: kind.to_owned(),
            value: value.to_owned(),
            version,
            key: None,
            tier: "Standard".to_owned(),
            modified: self.clock,
            oldest_is_labeled: false,
        };
        self.all.insert(name.to_owned(), parameter);
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let asked = request.json();
        let name = asked["Name"].as_str().unwrap();
        let authorization = &request.headers["authorization"];
        assert!(authorization.contains("/ssm/aws4_request"), "{authorization}");
        match request.headers["x-amz-target"].as_str() {
            "AmazonSSM.GetParameter" => {
                assert_eq!(asked["WithDecryption"], true);
                let Some(found) = self.all.get(name) else {
                    return refused("ParameterNotFound", "");
                };
                let body = json!({ "Parameter": {
                    "Name": name,
                    "Type": found.kind,
                    "Value": found.value,
                    "Version": found.version,
                    "LastModifiedDate": found.modified,
                }});
                Answer(200, String::new(), body.to_string())
            }
            "AmazonSSM.PutParameter" => self.put_parameter(name, &asked),
            other => panic!("{other}"),
        }
    }

    fn put_parameter(&mut self, name: &str, asked: &Value) -> Answer {
        let text = |field: &str| asked[field].as_str().map(str::to_owned);
        let overwrite = asked["Overwrite"] == true;
        let value = text("Value").unwrap();
        let mut tier = text("Tier").unwrap_or_else(|| self.default_tier.to_owned());
        if tier == "Intelligent-Tiering" {
            let fits =
                value.len() <= 4096 && self.all.get(name).is_none_or(|p| p.tier != "Advanced");
            tier = if fits { "Standard" } else { "Advanced" }.to_owned();
        }
        if value.len() > if tier == "Standard" { 4096 } else { 8192 } {
            return refused("ValidationException", &format!("too long: {value}"));
        }
        match self.all.get(name) {
            Some(_) if !overwrite => return refused("ParameterAlreadyExists", "It exists."),
            Some(there) if there.version >= 100 && there.oldest_is_labeled => {
                return refused("ParameterMaxVersionLimitExceeded", "The oldest has a label.");
            }
            Some(there) if there.tier != "Standard" && tier == "Standard" => {
                let said = "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter \
                            tier to the standard-parameter tier.";
                return refused("ValidationException", said);
            }
            _ => {}
        }
        self.put(name, &text("Type").unwrap(), &value);
        let there = self.all.get_mut(name).unwrap();
        (there.key, there.tier) = (text("KeyId"), tier.clone());
        let body = json!({ "Version": there.version, "Tier": tier });
        Answer(200, String::new(), body.to_string())
    }
}

fn refused(code: &str, message: &str) -> Answer {
    Answer(400, String::new(), json!({ "__type": code, "message": message }).to_string())
}
