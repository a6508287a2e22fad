//! A KV engine and the AWS auth method, as in Vault's documentation.

use super::server::{Answer, Request, Service};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub(crate) const TOKEN: &str = "hvs.CAESIJ0123456789";
const MISMATCH: &str = "check-and-set parameter did not match the current version";

pub(crate) struct Vault {
    /// The token that is valid.
    pub(crate) token: String,
    /// The prefix before `secret/data/` in a path.
    pub(crate) base: &'static str,
    pub(crate) secrets: BTreeMap<String, Vec<Version>>,
    /// The `options` of the mount: `null`, or the engine's version.
    pub(crate) options: Value,
    /// Whether something in front of the server refuses to show the mount.
    pub(crate) hides_mounts: bool,
    /// What a KV engine of version 1 holds, by path in the mount.
    pub(crate) plain: BTreeMap<String, Value>,
    /// The value of the header that binds a login to this server, if the server requires it.
    pub(crate) server_id: Option<&'static str>,
    pub(crate) logins: Vec<BTreeMap<String, String>>,
    /// The lifetime of a login's token, in seconds.
    pub(crate) lease: u64,
    /// The most requests in one second, if there is a rate limit quota.
    pub(crate) quota: Option<usize>,
    /// The number of requests that the quota has refused.
    pub(crate) refused: usize,
    /// The times of the requests in the last second.
    recent: Vec<Instant>,
}

pub(crate) struct Version {
    pub(crate) data: Value,
    pub(crate) is_deleted: bool,
}

impl Vault {
    pub(crate) fn new() -> Self {
        Self {
            token: TOKEN.to_owned(),
            base: "/v1/",
            secrets: BTreeMap::new(),
            options: json!({ "version": "2" }),
            hides_mounts: false,
            plain: BTreeMap::new(),
            server_id: None,
            logins: Vec::new(),
            lease: 2_764_800,
            quota: None,
            refused: 0,
            recent: Vec::new(),
        }
    }

    /// Whether the quota is used up.
    fn is_over_quota(&mut self) -> bool {
        let Some(most) = self.quota else { return false };
        self.recent.retain(|at| at.elapsed() < Duration::from_secs(1));
        if self.recent.len() >= most {
            self.refused += 1;
            return true;
        }
        self.recent.push(Instant::now());
        false
    }

    pub(crate) fn put(&mut self, path: &str, data: Value) {
        let versions = self.secrets.entry(path.to_owned()).or_default();
        versions.push(Version { data, is_deleted: false });
    }

    /// Whether the engine is of version 2. Without the option, it is of version 1.
    fn has_versions(&self) -> bool {
        self.options["version"] == "2"
    }

    /// Returns the mount of this path, as for any token that may read something in it. For any other
    /// path, the answer is the same as for a missing permission.
    fn mount(&self, path: &str) -> Answer {
        if self.hides_mounts || (path != "secret" && !path.starts_with("secret/")) {
            return no(403, "preflight capability check returned 403");
        }
        let data = json!({
            "accessor": "kv_f8f0a5e1", "path": "secret/", "type": "kv", "options": self.options,
        });
        yes(&json!({ "data": data }))
    }

    /// Acts as a KV engine of version 1, which takes any path and any JSON.
    fn without_versions(&mut self, path: &str, request: &Request) -> Answer {
        match request.method.as_str() {
            "GET" => match self.plain.get(path) {
                Some(data) => yes(&json!({ "lease_duration": 2_764_800, "data": data })),
                None => no(404, ""),
            },
            "POST" => {
                self.plain.insert(path.to_owned(), request.json());
                Answer(204, String::new(), String::new())
            }
            other => panic!("{other}"),
        }
    }

    fn login(&mut self, request: &Request) -> Answer {
        let body = request.json();
        let text = |field: &str| {
            let coded = body[field].as_str().unwrap();
            String::from_utf8(aws_smithy_types::base64::decode(coded).unwrap()).unwrap()
        };
        assert_eq!(body["iam_http_request_method"], "POST");
        assert_eq!(text("iam_request_url"), "https://sts.amazonaws.com/");
        assert_eq!(text("iam_request_body"), "Action=GetCallerIdentity&Version=2011-06-15");
        let headers: BTreeMap<String, String> =
            serde_json::from_str(&text("iam_request_headers")).unwrap();
        let signed = headers["authorization"].clone();
        self.logins.push(headers);
        let bound = self.server_id.is_none_or(|id| {
            let given = self.logins.last().unwrap().get("x-vault-aws-iam-server-id");
            given.is_some_and(|given| given == id) && signed.contains("x-vault-aws-iam-server-id")
        });
        if body["role"] != "keyrot" || !bound {
            return no(400, "entry for role is not found, or the server id is missing");
        }
        assert!(signed.contains("Credential=AKIAIOSFODNN7EXAMPLE/"), "{signed}");
        assert!(signed.contains("/us-east-1/sts/aws4_request"), "{signed}");
        assert!(signed.contains("content-type;host;x-amz-date"), "{signed}");
        self.token = format!("hvs.login-{}", self.logins.len());
        let auth = json!({ "client_token": self.token, "lease_duration": self.lease });
        yes(&json!({ "auth": auth }))
    }
}

fn yes(body: &Value) -> Answer {
    Answer(200, "content-type: application/json\r\n".to_owned(), body.to_string())
}

fn no(status: u16, said: &str) -> Answer {
    let errors: &[&str] = if said.is_empty() { &[] } else { &[said] };
    Answer(status, String::new(), json!({ "errors": errors }).to_string())
}

fn metadata(number: usize, version: &Version) -> Value {
    json!({
        "created_time": format!("2026-01-05T04:00:{number:0>2}.945319214Z"),
        "custom_metadata": null,
        "deletion_time": if version.is_deleted { "2026-02-01T00:00:00Z" } else { "" },
        "destroyed": false,
        "version": number,
    })
}

impl Service for Vault {
    fn answer(&mut self, request: &Request) -> Answer {
        assert_eq!(request.headers["x-vault-request"], "true");
        if self.is_over_quota() {
            return no(429, "request path \"secret/\": rate limit quota exceeded");
        }
        let Some(path) = request.path.strip_prefix(self.base) else {
            return no(404, "no handler for route");
        };
        if path == "auth/aws/login" && request.method == "POST" {
            return self.login(request);
        }
        if request.headers.get("x-vault-token") != Some(&self.token) {
            return no(403, "permission denied");
        }
        if let Some(path) = path.strip_prefix("sys/internal/ui/mounts/") {
            return self.mount(path);
        }
        if let Some(path) = path.strip_prefix("secret/").filter(|_| !self.has_versions()) {
            return self.without_versions(path, request);
        }
        let Some(path) = path.strip_prefix("secret/data/") else {
            if path.starts_with("secret/") && request.method == "GET" {
                let warning = "Invalid path for a versioned K/V secrets engine.";
                return Answer(404, String::new(), json!({ "warnings": [warning] }).to_string());
            }
            return no(404, "no handler for route \"other/\". route entry not found.");
        };
        let versions = self.secrets.entry(path.to_owned()).or_default();
        match request.method.as_str() {
            "GET" => {
                let Some(last) = versions.last() else { return no(404, "") };
                let metadata = metadata(versions.len(), last);
                let data = if last.is_deleted { Value::Null } else { last.data.clone() };
                let body = json!({ "data": { "data": data, "metadata": metadata } });
                Answer(if last.is_deleted { 404 } else { 200 }, String::new(), body.to_string())
            }
            "POST" => {
                let body = request.json();
                let seen = body["options"]["cas"].as_u64().unwrap();
                if seen != versions.len() as u64 {
                    return no(400, MISMATCH);
                }
                versions.push(Version { data: body["data"].clone(), is_deleted: false });
                yes(&json!({ "data": metadata(versions.len(), versions.last().unwrap()) }))
            }
            other => panic!("{other}"),
        }
    }
}
