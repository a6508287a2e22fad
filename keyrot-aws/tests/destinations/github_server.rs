//! The secrets of GitHub Actions, as documented. The server opens sealed values.

use super::server::{Answer, Request, Service};
use crypto_box::SecretKey;
use crypto_box::aead::OsRng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

pub(crate) const TOKEN: &str = "ghp_0123456789abcdefghij";

/// Checks a JWT and returns a token.
pub(crate) type Authority = Box<dyn Fn(&str) -> Option<String> + Send>;

pub(crate) struct GitHub {
    /// The secrets, by the path of each place.
    pub(crate) places: BTreeMap<String, Place>,
    /// The valid token.
    pub(crate) token: String,
    /// The time in seconds; each write takes ten.
    pub(crate) clock: i64,
    /// The function that checks the JWT and returns a token, by the id of the installation.
    pub(crate) app: Option<Authority>,
}

/// Changes the ids of the selected repositories.
pub(crate) type Change = fn(&mut Vec<u64>);

#[derive(Clone)]
pub(crate) struct Place {
    key: SecretKey,
    pub(crate) key_id: String,
    pub(crate) secrets: BTreeMap<String, Secret>,
    is_organization: bool,
    /// Changes of the selected repositories, each after one more page of a list was read.
    pub(crate) changes: VecDeque<Change>,
}

#[derive(Clone)]
pub(crate) struct Secret {
    pub(crate) value: String,
    pub(crate) updated_at: i64,
    pub(crate) visibility: String,
    pub(crate) selected: Vec<u64>,
}

impl GitHub {
    /// Returns a server with one place, such as `/repos/acme/shop/actions/secrets`.
    pub(crate) fn with(path: &str) -> Self {
        let is_organization = path.starts_with("/orgs/");
        let place = Place {
            key: SecretKey::generate(&mut OsRng),
            key_id: "1001".to_owned(),
            secrets: BTreeMap::new(),
            is_organization,
            changes: VecDeque::new(),
        };
        Self {
            places: [(path.to_owned(), place)].into(),
            token: TOKEN.to_owned(),
            clock: 1_800_000_000,
            app: None,
        }
    }

    pub(crate) fn place(&mut self) -> &mut Place {
        self.places.values_mut().next().unwrap()
    }

    /// Returns the values of the secrets, opened with the private key.
    pub(crate) fn values(&mut self) -> Vec<(String, String)> {
        self.place().secrets.iter().map(|(name, s)| (name.clone(), s.value.clone())).collect()
    }

    /// Writes a secret as something other than keyrot.
    pub(crate) fn foreign(&mut self, name: &str) {
        self.clock += 10;
        let clock = self.clock;
        let secret = self.place().secrets.get_mut(name).unwrap();
        (secret.value, secret.updated_at) = ("theirs".to_owned(), clock);
    }

    fn serve(&mut self, request: &Request) -> Answer {
        let (method, path) = (request.method.as_str(), request.path.as_str());
        assert_eq!(request.headers["user-agent"], "keyrot");
        assert_eq!(request.headers["accept"], "application/vnd.github+json");
        assert_eq!(request.headers["x-github-api-version"], "2022-11-28");
        let authorization = &request.headers["authorization"];
        if let Some(rest) = path.strip_prefix("/app/installations/") {
            let jwt = authorization.strip_prefix("Bearer ").unwrap();
            let token = self.app.as_ref().and_then(|app| app(jwt));
            return match token {
                _ if rest != "42/access_tokens" => no(404),
                None => no(401),
                Some(token) => {
                    self.token.clone_from(&token);
                    let soon = chrono::Utc::now() + chrono::TimeDelta::hours(1);
                    let soon = soon.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                    self.say(201, &json!({ "token": token, "expires_at": soon }))
                }
            };
        }
        if *authorization != format!("Bearer {}", self.token) {
            return no(401);
        }
        let Some((base, rest)) = self.places.keys().find_map(|base| {
            Some((base.clone(), path.strip_prefix(base.as_str())?.strip_prefix('/')?.to_owned()))
        }) else {
            return no(404);
        };
        let place = self.places.get_mut(&base).unwrap();
        match (method, rest.split_once('/')) {
            ("GET", None) if rest == "public-key" => {
                let key = aws_smithy_types::base64::encode(place.key.public_key().as_bytes());
                let body = json!({ "key_id": place.key_id, "key": key });
                self.say(200, &body)
            }
            ("GET", None) => {
                let Some(secret) = place.secrets.get(&rest) else { return no(404) };
                let mut body = json!({
                    "name": rest,
                    "created_at": time(1_700_000_000),
                    "updated_at": time(secret.updated_at),
                });
                if place.is_organization {
                    body["visibility"] = json!(secret.visibility);
                }
                self.say(200, &body)
            }
            ("GET", Some((name, "repositories"))) => {
                let Some(secret) = place.secrets.get(name) else { return no(404) };
                let page: usize = request.query.split("page=").last().unwrap().parse().unwrap();
                let ids: Vec<Value> = secret
                    .selected
                    .chunks(100)
                    .nth(page - 1)
                    .unwrap_or_default()
                    .iter()
                    .map(|id| json!({ "id": id, "name": "x" }))
                    .collect();
                let body = json!({ "total_count": secret.selected.len(), "repositories": ids });
                if let Some(change) = place.changes.pop_front() {
                    change(&mut place.secrets.get_mut(name).unwrap().selected);
                }
                self.say(200, &body)
            }
            ("PUT", None) => self.put(&base, &rest, &request.json()),
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, base: &str, name: &str, asked: &Value) -> Answer {
        let place = self.places.get_mut(base).unwrap();
        if asked["key_id"] != json!(place.key_id) {
            return no(422);
        }
        let sealed = asked["encrypted_value"].as_str().unwrap();
        let sealed = aws_smithy_types::base64::decode(sealed).unwrap();
        let Ok(opened) = place.key.unseal(&sealed) else { return no(422) };
        if place.is_organization && asked["visibility"].is_null() {
            return no(422);
        }
        self.clock += 10;
        let secret = Secret {
            value: String::from_utf8(opened).unwrap(),
            updated_at: self.clock,
            visibility: asked["visibility"].as_str().unwrap_or_default().to_owned(),
            // Dependabot expects texts, and Actions expects numbers.
            selected: match base.contains("/dependabot/") {
                true => {
                    serde_json::from_value::<Vec<String>>(asked["selected_repository_ids"].clone())
                        .unwrap_or_default()
                        .iter()
                        .map(|id| id.parse().unwrap())
                        .collect()
                }
                false => serde_json::from_value(asked["selected_repository_ids"].clone())
                    .unwrap_or_default(),
            },
        };
        let is_new = place.secrets.insert(name.to_owned(), secret).is_none();
        self.say(if is_new { 201 } else { 204 }, &Value::Null)
    }

    fn say(&self, status: u16, body: &Value) -> Answer {
        let date = chrono::DateTime::from_timestamp(self.clock, 0).unwrap();
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Answer(status, format!("date: {date}\r\n"), body)
    }
}

impl Place {
    /// Makes GitHub use another key pair.
    pub(crate) fn rotate(&mut self) {
        (self.key, self.key_id) = (SecretKey::generate(&mut OsRng), format!("{}1", self.key_id));
    }

    pub(crate) fn put(&mut self, name: &str, visibility: &str, selected: Vec<u64>) {
        let secret = Secret {
            value: "placeholder".to_owned(),
            updated_at: 1_799_999_000,
            visibility: visibility.to_owned(),
            selected,
        };
        self.secrets.insert(name.to_owned(), secret);
    }
}

impl Service for GitHub {
    fn answer(&mut self, request: &Request) -> Answer {
        self.serve(request)
    }
}

fn time(at: i64) -> String {
    let at = chrono::DateTime::from_timestamp(at, 0).unwrap();
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn no(status: u16) -> Answer {
    Answer(status, String::new(), json!({ "message": "No, with ghp_ in it" }).to_string())
}
