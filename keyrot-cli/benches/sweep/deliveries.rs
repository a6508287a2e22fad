//! Three destinations for each user: an SSM parameter, a GitHub secret and a GitLab variable.
//! GitHub accepts 80 changes a minute, as its documentation says.

// These are the tests' servers; a benchmark uses only part of them.
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../../keyrot-aws/tests/destinations/github_server.rs"]
mod github_server;
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../../keyrot-aws/tests/destinations/gitlab_server.rs"]
mod gitlab_server;
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../../keyrot-aws/tests/destinations/parameters.rs"]
mod parameters;
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../../keyrot-aws/tests/destinations/server.rs"]
mod server;

use crate::LATENCY;
use github_server::GitHub;
use gitlab_server::GitLab;
use keyrot_core::UserName;
use keyrot_core::memory::World;
use server::{Answer, Request, Server, Service};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// GitHub documentation, "Rate limits for the REST API": 80 requests a minute that create content.
pub(crate) const CHANGES_A_MINUTE: usize = 80;
const MINUTE: Duration = Duration::from_secs(60);
const GITHUB: &str = "/repos/acme/";
const FILE: &str = "AWS_CREDENTIALS";

/// GitHub and GitLab, with a place for each user.
struct Services {
    hubs: HashMap<String, GitHub>,
    labs: HashMap<String, GitLab>,
    changes: Changes,
}

/// The changes on GitHub.
#[derive(Default)]
struct Changes {
    /// The changes of the last minute.
    recent: VecDeque<Instant>,
    /// When each change was accepted.
    taken: Vec<Instant>,
    refused: usize,
}

impl Changes {
    /// Whether the limit allows one more.
    fn take(&mut self) -> bool {
        let now = Instant::now();
        self.recent.retain(|at| now.duration_since(*at) < MINUTE);
        if self.recent.len() >= CHANGES_A_MINUTE {
            self.refused += 1;
            return false;
        }
        self.recent.push_back(now);
        self.taken.push(now);
        true
    }
}

impl Service for Services {
    fn answer(&mut self, request: &Request) -> Answer {
        let rest = request.path.strip_prefix(GITHUB);
        let user = rest.and_then(|rest| rest.split('/').next());
        if let Some(hub) = user.and_then(|user| self.hubs.get_mut(user)) {
            if request.method == "PUT" && !self.changes.take() {
                let wait = "retry-after: 60\r\n".to_owned();
                return Answer(403, wait, "You have exceeded a secondary rate limit".to_owned());
            }
            return hub.answer(request);
        }
        let rest = request.path.strip_prefix("/api/v4/projects/acme%2F");
        let user = rest.and_then(|rest| rest.split('/').next());
        match user.and_then(|user| self.labs.get_mut(user)) {
            Some(lab) => lab.answer(request),
            None => Answer(404, String::new(), "{}".to_owned()),
        }
    }

    fn latency(&self) -> Duration {
        LATENCY
    }
}

/// The services while they run.
pub(crate) struct Elsewhere {
    server: Server<Services>,
    _runtime: tokio::runtime::Runtime,
}

/// The requests to GitHub.
pub(crate) struct AtGitHub {
    /// The accepted changes, by the time since the first one.
    pub(crate) taken: Vec<Duration>,
    pub(crate) refused: usize,
}

impl Elsewhere {
    /// Starts the services, with an empty place in each for each of these users.
    pub(crate) fn serve(users: &BTreeSet<UserName>) -> Result<Self, Box<dyn Error>> {
        let hub = |user: &UserName| GitHub::with(&format!("{GITHUB}{user}/actions/secrets"));
        let lab =
            |user: &UserName| GitLab::with(format!("/api/v4/projects/acme%2F{user}/variables"));
        let services = Services {
            hubs: users.iter().map(|user| (user.to_string(), hub(user))).collect(),
            labs: users.iter().map(|user| (user.to_string(), lab(user))).collect(),
            changes: Changes::default(),
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let server = runtime.block_on(Server::start(services));
        Ok(Self { server, _runtime: runtime })
    }

    /// Returns the settings, in the form of a file.
    pub(crate) fn settings(&self) -> String {
        let url = &self.server.url;
        format!(
            r#"
            [[destination]]
            name = "params"
            kind = "ssm"
            users = ["*"]
            to = "/ci/{{user}}/aws"

            [[destination]]
            name = "hub"
            kind = "github"
            users = ["*"]
            to = "acme/{{user}}"
            url = "{url}"
            token = "env:HUB_TOKEN"
            file_name = "{FILE}"

            [[destination]]
            name = "lab"
            kind = "gitlab"
            users = ["*"]
            to = "acme/{{user}}"
            url = "{url}"
            token = "env:LAB_TOKEN"
            "#
        )
    }

    /// Writes the settings into a directory. Returns the environment of a process with them.
    pub(crate) fn environment(
        &self,
        dir: &Path,
    ) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
        let file = dir.join("destinations.toml");
        std::fs::write(&file, self.settings())?;
        Ok(vec![
            ("KEYROT_CONFIG", file.display().to_string()),
            ("AWS_ENDPOINT_URL_SSM", self.server.url.clone()),
            ("HUB_TOKEN", github_server::TOKEN.to_owned()),
            ("LAB_TOKEN", gitlab_server::TOKEN.to_owned()),
        ])
    }

    /// Counts the users whose current key is at all three places.
    pub(crate) fn delivered(&self, after: &World, users: &BTreeSet<UserName>) -> usize {
        let mut inner = self.server.lock();
        let has_all = |user: &&UserName| {
            let Some(current) = crate::account::current(after, user) else { return false };
            let (id, secret) = (current.key.as_str(), current.secret.expose());
            let holds = |text: &str| text.contains(id) && text.contains(secret);
            let parameter = inner.parameters.all.get(&format!("/ci/{user}/aws"));
            let has_parameter = parameter.is_some_and(|found| holds(&found.value));
            let lab = inner.service.labs.get(user.as_str()).and_then(|lab| lab.all.first());
            let has_variable = lab.is_some_and(|found| holds(&found.value));
            let hub = inner.service.hubs.get_mut(user.as_str());
            let has_secret = hub.is_some_and(|hub| {
                hub.values().iter().any(|(name, text)| name == FILE && holds(text))
            });
            has_parameter && has_variable && has_secret
        };
        users.iter().filter(has_all).count()
    }

    pub(crate) fn at_github(&self) -> AtGitHub {
        let inner = self.server.lock();
        let Changes { taken, refused, .. } = &inner.service.changes;
        let since = |at: &Instant| taken.first().map_or(Duration::ZERO, |first| *at - *first);
        AtGitHub { taken: taken.iter().map(since).collect(), refused: *refused }
    }

    /// Returns the number of requests.
    pub(crate) fn requests(&self) -> usize {
        self.server.lock().requests.len()
    }
}
