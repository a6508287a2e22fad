//! The environment variables of a CircleCI context, as in the description of its API v2.

use super::server::{Answer, Request, Service};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "CCIPAT_0123456789";
pub(crate) const CONTEXT: &str = "f1b0a6d2-3c1e-4f7a-9a51-0d2b7c0a9e11";

pub(crate) struct CircleCi {
    pub(crate) token: String,
    /// Name, value, and the time of the last change.
    pub(crate) all: Vec<(String, String, u32)>,
    /// Whether the answer to a write names no variable.
    pub(crate) says_only: bool,
    now: u32,
}

impl CircleCi {
    pub(crate) fn new() -> Self {
        let mut circle =
            Self { token: TOKEN.to_owned(), all: Vec::new(), says_only: false, now: 0 };
        // A page has two variables, so keyrot's are on later pages.
        for name in ["A", "B", "C"] {
            circle.put(name, "other");
        }
        circle
    }

    pub(crate) fn put(&mut self, name: &str, value: &str) {
        self.now += 1;
        self.all.retain(|(known, ..)| known != name);
        self.all.push((name.to_owned(), value.to_owned(), self.now));
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.all.iter().find(|(known, ..)| known == name).map(|(_, value, _)| value.as_str())
    }

    fn shown((name, _, at): &(String, String, u32)) -> Value {
        json!({
            "variable": name,
            "context_id": CONTEXT,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": format!("2026-01-05T04:00:00.{at:0>3}Z"),
        })
    }
}

impl Service for CircleCi {
    fn answer(&mut self, request: &Request) -> Answer {
        let no = |status, said: &str| {
            Answer(status, String::new(), json!({ "message": said }).to_string())
        };
        if request.headers.get("circle-token") != Some(&self.token) {
            return no(401, "You must log in first.");
        }
        let path = format!("/api/v2/context/{CONTEXT}/environment-variable");
        let Some(rest) = request.path.strip_prefix(&path) else {
            return no(404, "Context not found.");
        };
        match request.method.as_str() {
            "GET" => {
                let page = request.query.strip_prefix("page-token=p%2F");
                let page: usize = page.map_or(0, |page| page.parse().unwrap());
                let items: Vec<Value> =
                    self.all.iter().skip(page * 2).take(2).map(Self::shown).collect();
                let more = self.all.len() > (page + 1) * 2;
                let next = more.then(|| format!("p/{}", page + 1));
                let body = json!({ "items": items, "next_page_token": next });
                Answer(200, String::new(), body.to_string())
            }
            "PUT" => {
                let name = rest.strip_prefix('/').unwrap();
                self.put(name, request.json()["value"].as_str().unwrap());
                if self.says_only {
                    return no(200, "Environment variable added.");
                }
                Answer(200, String::new(), Self::shown(self.all.last().unwrap()).to_string())
            }
            other => panic!("{other}"),
        }
    }
}
