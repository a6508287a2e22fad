//! The services to which keys are delivered, on one server: SSM's Parameter Store, a GitHub
//! environment and a GitLab file variable for each user.

// The two test programs that share these files each use only part of them.
#[allow(dead_code)]
#[path = "../../../keyrot-aws/tests/destinations/github_server.rs"]
mod github_server;
#[allow(dead_code)]
#[path = "../../../keyrot-aws/tests/destinations/gitlab_server.rs"]
mod gitlab_server;
#[allow(dead_code)]
#[path = "../../../keyrot-aws/tests/destinations/parameters.rs"]
mod parameters;
#[allow(dead_code)]
#[path = "../../../keyrot-aws/tests/destinations/server.rs"]
pub(crate) mod server;

use crate::readers::{Place, Readers, Shown};
use crate::witness::secret_of;
use github_server::GitHub;
use gitlab_server::GitLab;
use keyrot_aws::emulator::Emulator;
use keyrot_core::memory::{Value, World};
use keyrot_core::model::{Assignment, Receipt, VersionId};
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{Credentials, KeyId, SecretKey, SecretName, Timestamp, UserName};
use parameters::Store;
use server::{Answer, Request, Server, Service};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The text that must not be printed.
pub(crate) const TOKENS: [&str; 2] = [github_server::TOKEN, gitlab_server::TOKEN];

/// The GitHub secret with both halves.
const FILE: &str = "AWS_CREDENTIALS";
const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

fn parameter(user: &UserName) -> String {
    format!("/ci/{user}/aws")
}

fn hub(user: &UserName) -> String {
    format!("/repos/acme/{user}/environments/live/secrets")
}

fn lab(user: &UserName) -> String {
    format!("/api/v4/projects/acme%2F{user}/variables")
}

/// The content of each place: a starting point that can be used repeatedly.
pub(crate) struct Places {
    parameters: Store,
    services: Services,
}

/// The state of GitHub and GitLab.
pub(crate) struct Services {
    hub: GitHub,
    /// A project for each user.
    labs: BTreeMap<UserName, GitLab>,
    /// Whether GitHub has one secret for each user, and not two.
    hub_has_files: bool,
    /// The status of all of GitHub's answers while it is down.
    pub(crate) outage: Option<u16>,
    readers: Readers,
}

/// A running server, and the jobs that read from it.
pub(crate) struct Served {
    pub(crate) server: Server<Services>,
    pub(crate) readers: Readers,
    _runtime: tokio::runtime::Runtime,
}

impl Clone for Places {
    fn clone(&self) -> Self {
        Self { parameters: self.parameters.clone(), services: self.services.apart() }
    }
}

impl Places {
    /// Returns the services for the users of an account on its first day: the parameter and the
    /// file have the user's key, because people put it there. The environment is empty.
    pub(crate) fn on_the_first_day(world: &mut World) -> Self {
        let token = Value::text(format!(r#"{{"token":"{}"}}"#, gitlab_server::TOKEN));
        let version = VersionId::parse("0123456789abcdef0123456789abcdef").unwrap();
        let name = SecretName::parse("keyrot/gitlab").unwrap();
        world.create_secret(&name, Some((version, token))).unwrap();

        let mut parameters = Store { clock: seconds(world.now()), ..Store::default() };
        let mut all = GitHub::with("/repos/acme/another/actions/secrets");
        all.clock = world.now().timestamp();
        let mut labs = BTreeMap::new();
        for user in world.users() {
            let name = user.arn.name();
            all.places.extend(GitHub::with(&hub(name)).places);
            let mut project = GitLab::with(lab(name));
            if let Some(key) = user.keys().first() {
                let Credentials { key, secret } = World::credentials_of(&key.listed.id);
                let secret = secret.expose();
                let json = serde_json::json!({ "AccessKeyId": key, "SecretAccessKey": secret });
                parameters.put(&parameter(name), "SecureString", &json.to_string());
                let file =
                    format!("[default]\naws_access_key_id={key}\naws_secret_access_key={secret}\n");
                project.put("*", &file);
            }
            labs.insert(name.clone(), project);
        }
        let readers = Readers::of(world);
        let services = Services { hub: all, labs, hub_has_files: false, outage: None, readers };
        Self { parameters, services }
    }

    /// Returns the same services, with a GitHub that also gets each key in one secret.
    pub(crate) fn all_whole(mut self) -> Self {
        self.services.hub_has_files = true;
        self
    }

    /// Starts to serve them, for this account.
    pub(crate) fn serve(&self, emulator: &Emulator) -> Served {
        let Self { parameters, services } = self.clone();
        let readers = services.readers.clone();
        readers.look_on(emulator);
        services.show(&parameters);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let has_files = services.hub_has_files;
        let server = runtime.block_on(Server::start(services));
        server.lock().parameters = parameters;
        emulator.change(|world| bring_receipts(world, &settings(&server.url, has_files)));
        Served { server, readers, _runtime: runtime }
    }
}

impl Served {
    /// Returns the places as they are now.
    pub(crate) fn places(&self) -> Places {
        let inner = self.server.lock();
        Places { parameters: inner.parameters.clone(), services: inner.service.apart() }
    }

    /// Advances the services' clocks to this time.
    pub(crate) fn at(&self, time: Timestamp) {
        let mut inner = self.server.lock();
        inner.parameters.clock = inner.parameters.clock.max(seconds(time));
        inner.service.hub.clock = inner.service.hub.clock.max(time.timestamp());
    }

    /// Makes GitHub answer everything with this status from now on; `None` ends that.
    pub(crate) fn outage(&self, status: Option<u16>) {
        self.server.lock().service.outage = status;
    }

    /// Returns the number of requests.
    pub(crate) fn requests(&self) -> usize {
        self.server.lock().requests.len()
    }

    /// Writes settings with the destinations to this directory, for a process.
    pub(crate) fn settings(&self, dir: &Path, command: &mut Command) {
        let url = &self.server.url;
        let text = settings(url, self.server.lock().service.hub_has_files);
        let file = dir.join("destinations.toml");
        std::fs::write(&file, text).unwrap();
        command.env("KEYROT_CONFIG", file).env("AWS_ENDPOINT_URL_SSM", url);
        command.env("HUB_TOKEN", github_server::TOKEN);
    }
}

/// Returns the settings, in the form of a file.
fn settings(url: &str, has_files: bool) -> String {
    let names = if has_files { format!("file_name = \"{FILE}\"") } else { String::new() };
    format!(
        r#"
        [[destination]]
        name = "params"
        kind = "ssm"
        users = ["ci-*"]
        to = "/ci/{{user}}/aws"

        [[destination]]
        name = "hub"
        kind = "github"
        users = ["ci-*"]
        to = "acme/{{user}}:live"
        url = "{url}"
        token = "env:HUB_TOKEN"
        {names}

        [[destination]]
        name = "lab"
        kind = "gitlab"
        users = ["ci-*"]
        to = "acme/{{user}}"
        url = "{url}"
        token = "secret:keyrot/gitlab#token"
        "#
    )
}

/// Each lifecycle has its own server, on another port; receipts from an earlier one count for the
/// same places here.
fn bring_receipts(world: &mut World, settings: &str) {
    let settings = Settings::load(&Sources::default().file("keyrot.toml", settings)).unwrap();
    let users: Vec<_> = world.users().map(|user| user.arn.clone()).collect();
    for user in users {
        let secret = secret_of(user.name());
        for spec in settings.destinations() {
            let Assignment { to, place_id: place, .. } =
                spec.rule("us-east-1").assignment(&user, &secret).unwrap();
            let tag = Receipt::tag_of(&to);
            let found = world.secret(&secret).and_then(|secret| secret.tags.get(&tag).cloned());
            let receipt = found.and_then(|text| Receipt::parse(&tag, &text));
            if let Some(receipt) = receipt {
                let text = Receipt { place, ..receipt }.to_text();
                world.tag_secret(&secret, &tag, text).unwrap();
            }
        }
    }
}

impl Services {
    fn apart(&self) -> Self {
        let Self { hub, labs, hub_has_files, outage, readers } = self;
        let (places, token) = (hub.places.clone(), hub.token.clone());
        let hub = GitHub { places, token, clock: hub.clock, app: None };
        let (labs, hub_has_files) = (labs.clone(), *hub_has_files);
        Self { hub, labs, hub_has_files, outage: *outage, readers: readers.apart() }
    }

    /// Shows the jobs what the places contain.
    fn show(&self, parameters: &Store) {
        self.readers.show(self.labs.iter().flat_map(|(user, project)| {
            let text = parameters.all.get(&parameter(user)).map(|found| found.value.as_str());
            let of_parameter = text.map_or(Shown::Nothing, from_json);
            let secrets = &self.hub.places[&hub(user)].secrets;
            let value = |name: &str| secrets.get(name).map(|secret| secret.value.as_str());
            let of_hub = match (value(ID), value(SECRET)) {
                (None, None) => value(FILE).map_or(Shown::Nothing, from_file),
                (id, secret) => whole(id, secret)
                    .filter(|pair| *pair == World::credentials_of(&pair.key))
                    .map_or(Shown::Torn, Shown::Whole),
            };
            let of_lab =
                project.all.first().map_or(Shown::Nothing, |found| from_file(&found.value));
            let shown =
                [(Place::Parameter, of_parameter), (Place::Hub, of_hub), (Place::Lab, of_lab)];
            shown.map(|(place, shown)| ((user.clone(), place), shown))
        }));
    }
}

impl Service for Services {
    fn answer(&mut self, request: &Request) -> Answer {
        if let Some(project) = self.labs.iter_mut().find(|(user, _)| {
            let rest = request.path.strip_prefix(&lab(user));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }) {
            return project.1.answer(request);
        }
        assert!(request.path.starts_with("/repos/"), "{} {}", request.method, request.path);
        match self.outage {
            Some(status) => Answer(status, String::new(), "{}".to_owned()),
            None => self.hub.answer(request),
        }
    }

    fn carried_out(&mut self, parameters: &Store) {
        self.show(parameters);
    }
}

fn whole(id: Option<&str>, secret: Option<&str>) -> Option<Credentials> {
    let secret = SecretKey::new(secret?.to_owned());
    Some(Credentials { key: KeyId::parse(id?).ok()?, secret })
}

fn from_json(text: &str) -> Shown {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let found = whole(value["AccessKeyId"].as_str(), value["SecretAccessKey"].as_str());
    found.map_or(Shown::Torn, Shown::Whole)
}

fn from_file(text: &str) -> Shown {
    let field = |name: &str| {
        let mut fields = text.lines().filter_map(|line| line.split_once('='));
        fields.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim())
    };
    let is_profile = text.starts_with("[default]\n");
    let found = whole(field("aws_access_key_id"), field("aws_secret_access_key"));
    found.filter(|_| is_profile).map_or(Shown::Torn, Shown::Whole)
}

fn seconds(time: Timestamp) -> f64 {
    time.timestamp_millis() as f64 / 1_000.0
}
