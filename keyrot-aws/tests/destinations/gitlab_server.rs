//! The variables of GitLab CI/CD, as documented.

use super::server::{Answer, Request, Service};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "glpat-0123456789abcdefghij";

#[derive(Clone)]
pub(crate) struct GitLab {
    /// The path of the variables.
    path: String,
    /// Whether the group has no Premium, so GitLab drops the scopes of its new variables.
    pub(crate) drops_scopes: bool,
    pub(crate) all: Vec<Variable>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variable {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) kind: String,
    pub(crate) scope: String,
    pub(crate) description: Value,
    pub(crate) protected: bool,
    pub(crate) masked: bool,
    pub(crate) hidden: bool,
    pub(crate) raw: bool,
}

impl GitLab {
    pub(crate) fn with(path: impl Into<String>) -> Self {
        Self { path: path.into(), drops_scopes: false, all: Vec::new() }
    }

    /// Adds a file variable that belongs to another program.
    pub(crate) fn put(&mut self, scope: &str, value: &str) {
        self.all.retain(|one| one.scope != scope);
        self.all.push(Variable {
            key: "AWS_SHARED_CREDENTIALS_FILE".to_owned(),
            value: value.to_owned(),
            kind: "file".to_owned(),
            scope: scope.to_owned(),
            description: json!("theirs"),
            protected: false,
            masked: false,
            hidden: false,
            raw: false,
        });
    }

    /// Returns the variable that the request is for, or the refusal.
    fn find(&mut self, request: &Request, key: &str) -> Result<&mut Variable, Answer> {
        let scope = request.query.strip_prefix("filter%5Benvironment_scope%5D=");
        let scope = scope.map(|scope| scope.replace("%2F", "/").replace("%2A", "*"));
        let fits = |one: &Variable| {
            one.key == key && scope.as_ref().is_none_or(|scope| *scope == one.scope)
        };
        let mut found: Vec<&mut Variable> = self.all.iter_mut().filter(|one| fits(one)).collect();
        match found.len() {
            0 => Err(no(404, "404 Variable Not Found")),
            1 => Ok(found.remove(0)),
            _ => Err(no(409, "There are multiple variables with provided parameters")),
        }
    }

    fn serve(&mut self, request: &Request) -> Result<Answer, Answer> {
        if request.headers.get("private-token").map(String::as_str) != Some(TOKEN) {
            return Err(no(401, "401 Unauthorized"));
        }
        let Some(rest) = request.path.strip_prefix(self.path.as_str()) else {
            return Err(no(404, "404 Project Not Found"));
        };
        match (request.method.as_str(), rest.strip_prefix('/')) {
            ("GET", None) => Ok(Answer(200, String::new(), "[]".to_owned())),
            ("GET", Some(key)) => Ok(self.find(request, key)?.answer(200)),
            ("PUT", Some(key)) => {
                let asked = request.json();
                let of_group = self.path.contains("/groups/");
                let found = match of_group && self.find(request, key).is_err() {
                    // `Ci::ChangeVariableService` then looks for the key alone.
                    true => {
                        let of_key = self.all.iter_mut().find(|one| one.key == key);
                        of_key.ok_or_else(|| no(404, "404 GroupVariable Not Found"))?
                    }
                    false => self.find(request, key)?,
                };
                if found.hidden && !asked["masked"].is_null() {
                    return Err(no(400, "masked cannot be changed"));
                }
                let value = asked["value"].as_str().unwrap();
                if found.masked && (value.contains(['\n', ' ']) || value.len() < 8) {
                    return Err(no(400, &format!("value {value} cannot be masked")));
                }
                assert_eq!(asked.as_object().unwrap().len(), 1, "only the value is sent");
                found.value = value.to_owned();
                Ok(found.answer(200))
            }
            ("POST", None) => {
                let asked = request.json();
                let text = |field: &str| asked[field].as_str().unwrap_or_default().to_owned();
                let new = Variable {
                    key: text("key"),
                    value: text("value"),
                    kind: text("variable_type"),
                    scope: match self.drops_scopes {
                        true => "*".to_owned(),
                        false => text("environment_scope"),
                    },
                    description: asked["description"].clone(),
                    protected: asked["protected"] == true,
                    masked: asked["masked"] == true,
                    hidden: false,
                    raw: asked["raw"] == true,
                };
                if self.all.iter().any(|one| one.key == new.key && one.scope == new.scope) {
                    return Err(no(400, "(AWS_SHARED_CREDENTIALS_FILE) has already been taken"));
                }
                let answer = new.answer(201);
                self.all.push(new);
                Ok(answer)
            }
            ("DELETE", Some(key)) => {
                let scope = self.find(request, key)?.scope.clone();
                self.all.retain(|one| one.key != key || one.scope != scope);
                Ok(Answer(204, String::new(), String::new()))
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Variable {
    fn answer(&self, status: u16) -> Answer {
        let body = json!({
            "variable_type": self.kind,
            "key": self.key,
            "value": if self.hidden { Value::Null } else { json!(self.value) },
            "protected": self.protected,
            "masked": self.masked,
            "hidden": self.hidden,
            "raw": self.raw,
            "environment_scope": self.scope,
            "description": self.description,
        });
        Answer(status, String::new(), body.to_string())
    }
}

impl Service for GitLab {
    fn answer(&mut self, request: &Request) -> Answer {
        self.serve(request).unwrap_or_else(|refusal| refusal)
    }
}

fn no(status: u16, message: &str) -> Answer {
    Answer(status, String::new(), json!({ "message": message }).to_string())
}
