//! Variables of GitLab CI/CD: one variable of type *file* that contains a credentials file. The job
//! gets the file's path in the variable, and AWS's tools read `AWS_SHARED_CREDENTIALS_FILE` by
//! themselves.
//!
//! GitLab shows neither a time nor a version of a variable, so the mark is made from the content.
//! The secret half is the key of an HMAC, so it cannot be derived from the mark, just as it cannot
//! be derived from the signature of an AWS request.

use super::about::{About, WITHIN, after_a_write, hidden_if_any};
use super::github_place::part;
use super::profile_file;
use super::request::{Ask, Reply};
use super::rest::{COMPLETING, LONGEST_PAIR, Rest};
use super::token::Token;
use crate::connection::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use crate::notify::secret_ref::Hidden;
use async_trait::async_trait;
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Holds, Mark};
use keyrot_core::ports::Destination;
use keyrot_core::settings::{GitLab, GitLabLevel};
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroizing;

const SERVER: &str = "https://gitlab.com";
const FILE: &str = "file";
/// The value with which a variable is created before it gets the key, if GitLab may drop its scope.
const PLACEHOLDER: &str = "# keyrot puts an access key here\n";
/// The scope of a variable for all environments.
const ALL: &str = "*";
/// What a message says if the placeholder could not be deleted.
const LEFT: &str = "; but keyrot may have created the variable for all environments, with a placeholder in place of the key: delete it \
                    in GitLab";
const DESCRIPTION: &str = "Access key of an IAM user, delivered by keyrot";
const NEEDED: &str = "the scope api, and the role Maintainer (Owner for a group)";

pub(super) struct Variables {
    name: DestinationName,
    kind: GitLab,
    rest: Rest,
}

/// A variable (GitLab documentation, "Project-level CI/CD variables API").
#[derive(Deserialize)]
struct Variable {
    variable_type: String,
    #[serde(default, deserialize_with = "hidden_if_any")]
    value: Option<Zeroizing<String>>,
    #[serde(default)]
    masked: bool,
    #[serde(default)]
    hidden: bool,
    environment_scope: Option<String>,
    description: Option<String>,
}

impl Variables {
    pub(super) fn new(name: &DestinationName, kind: &GitLab, aws: &Aws) -> Self {
        let reads = Limiter::new(LimiterSettings::secret_reads());
        let rest = Rest {
            aws: aws.clone(),
            service: "GitLab",
            url: kind.url.clone().unwrap_or_else(|| SERVER.to_owned()),
            auth: ("private-token", ""),
            headers: &[("accept", "application/json")],
            token: Token::Kept(Hidden::new(&kind.token, aws, &reads)),
            refuses_with: 401,
            limited: Arc::default(),
            pace: Some(Limiter::new(LimiterSettings::service())),
        };
        Self { name: name.clone(), kind: kind.clone(), rest }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "GitLab", place }
    }

    fn variables(&self, place: &str) -> String {
        let level = match self.kind.level {
            GitLabLevel::Project => "projects",
            GitLabLevel::Group => "groups",
        };
        format!("/api/v4/{level}/{}/variables", part(place))
    }

    /// Returns the path of the variable with this scope. Without the scope in it, GitLab would use
    /// any variable with that key.
    fn path(&self, place: &str, scope: &str) -> String {
        let GitLab { variable, .. } = &self.kind;
        let scope = part(scope);
        let all = self.variables(place);
        format!("{all}/{}?filter%5Benvironment_scope%5D={scope}", part(variable))
    }

    async fn get(&self, place: &str, end: Instant) -> Result<Option<Variable>, CallError> {
        let about = self.about(place);
        let ask = Ask::get(self.path(place, &self.kind.environment_scope));
        let reply = self.rest.send(&about, &ask, end).await?;
        match reply.status {
            200 => self.read(&about, &reply, Effect::None).map(Some),
            404 => {
                // Either the variable or the project does not exist.
                let ask = Ask::get(format!("{}?per_page=1", self.variables(place)));
                let reply = self.rest.send(&about, &ask, end).await?;
                match reply.status {
                    200 => Ok(None),
                    _ => Err(self.rest.refusal(&about, &reply, NEEDED)),
                }
            }
            _ => Err(self.rest.refusal(&about, &reply, NEEDED)),
        }
    }

    /// Returns the variable in a reply, if keyrot may write to it.
    fn read(
        &self,
        about: &About<'_>,
        reply: &Reply,
        effect: Effect,
    ) -> Result<Variable, CallError> {
        let GitLab { variable, environment_scope, .. } = &self.kind;
        let found: Variable = reply.json().ok_or_else(|| self.rest.unreadable(about, effect))?;
        let problem = if found.scope() != environment_scope {
            format!("GitLab answers with a variable of another scope; expected {environment_scope}")
        } else if found.variable_type != FILE {
            "it is of type Variable; expected type File: change it in GitLab, or set another `variable`".to_owned()
        } else if found.hidden || found.masked {
            "it is masked or hidden, and GitLab masks no text of several lines; make its visibility Visible, or delete it and keyrot \
             creates it (protected)"
                .to_owned()
        } else {
            return Ok(found);
        };
        Err(about.error(ErrorKind::Other, effect, format!("the variable {variable}: {problem}")))
    }

    fn found(&self, variable: &Variable) -> Result<Found, CallError> {
        let text = variable.value.as_ref().map_or("", |text| text.as_str());
        if text.trim_end() == PLACEHOLDER.trim_end() {
            return Ok(Found::Nothing);
        }
        let key = profile_file::key(&self.kind.profile, text).map(|credentials| credentials.key);
        let mark = mark(&self.kind.profile, text, variable.description.as_deref());
        let holds = key.map_or(Holds::Other, Holds::Key);
        Ok(Found::Copy { mark: self.about(&self.kind.variable).mark(mark)?, holds, written: None })
    }

    async fn put(
        &self,
        place: &str,
        text: &str,
        exists: bool,
        (completes, end): (bool, Instant),
    ) -> Result<Reply, CallError> {
        let GitLab { variable, environment_scope, .. } = &self.kind;
        // Fields that are not sent do not change: protected, raw, and the description.
        let ask = if exists {
            let body = Zeroizing::new(json!({ "value": text }).to_string());
            Ask { method: "PUT", path: self.path(place, environment_scope), body: Some(body) }
        } else {
            let body = json!({
                "key": variable,
                "value": text,
                "variable_type": FILE,
                "protected": true,
                "masked": false,
                "raw": true,
                "environment_scope": environment_scope,
                "description": DESCRIPTION,
            });
            let body = Some(Zeroizing::new(body.to_string()));
            Ask { method: "POST", path: self.variables(place), body }
        };
        match completes {
            true => self.rest.complete(&self.about(place), &ask, end).await,
            false => self.rest.send(&self.about(place), &ask, end).await,
        }
    }

    /// Interprets GitLab's answer to a write.
    fn written(
        &self,
        about: &About<'_>,
        reply: &Reply,
        exists: bool,
    ) -> Result<Variable, CallError> {
        let variable = &self.kind.variable;
        let gone = "the variable was deleted meanwhile";
        let made = "the variable was created by something other than keyrot meanwhile";
        // Without a variable of the scope, GitLab changes any group variable with that key (GitLab,
        // `Ci::ChangeVariableService`).
        let other = reply.json::<Variable>().filter(|_| exists && reply.is_success());
        if let Some(other) = other.filter(|other| other.scope() != self.kind.environment_scope) {
            let said = format!(
                "{gone}, and GitLab wrote the key into the variable {variable} with the scope {} in its place; restore that one's value, \
                 and delete this user's key from it",
                other.scope()
            );
            return Err(about.error(ErrorKind::Conflict, Effect::Unknown, said));
        }
        match reply.status {
            _ if reply.is_success() => self.read(about, reply, Effect::Unknown),
            404 if exists => Err(about.error(ErrorKind::Conflict, reply.effect(), gone)),
            400 if !exists && reply.says("taken") => {
                Err(about.error(ErrorKind::Conflict, reply.effect(), made))
            }
            400 => Err(about.error(
                ErrorKind::Other,
                reply.effect(),
                format!("GitLab answered HTTP 400 for the variable {variable}: it does not take the value; check the variable's settings"),
            )),
            _ => Err(self.rest.refusal(about, reply, NEEDED)),
        }
    }

    /// Whether GitLab may drop the scope of a new variable. Without Premium, it does so for groups,
    /// and reports success (GitLab, `EE::API::Helpers::VariablesHelpers`).
    fn may_lose_the_scope(&self) -> bool {
        matches!(self.kind.level, GitLabLevel::Group) && self.kind.environment_scope != ALL
    }

    /// Creates the variable with a placeholder, so that its scope is known before it gets the key.
    async fn reserve(&self, place: &str, end: Instant) -> Result<(), CallError> {
        let about = self.about(place);
        let reply = self.put(place, PLACEHOLDER, false, (false, end)).await?;
        let created: Option<Variable> = reply.json().filter(|_| reply.is_success());
        match created {
            Some(created) if created.scope() != self.kind.environment_scope => {}
            None if reply.status == 400 && reply.says("taken") => {
                // Another program created it, or there is one for all environments.
                if self.get(place, end).await?.is_some() {
                    return self.written(&about, &reply, false).map(|_| ());
                }
            }
            _ => return self.written(&about, &reply, false).map(|_| ()),
        }
        let GitLab { variable, environment_scope, .. } = &self.kind;
        let rest = self.take_back(&about, end).await;
        let said = format!(
            "the variable {variable}: GitLab keeps the scope {environment_scope} of a group's variable only with Premium or Ultimate. \
             No key was written{rest}. Set `environment_scope` to {ALL}, or `level` to project"
        );
        Err(about.refused(ErrorKind::Other, said))
    }

    /// Deletes the placeholder for all environments, in which jobs would look for a key. Returns
    /// what is there afterwards, for a message.
    async fn take_back(&self, about: &About<'_>, end: Instant) -> &'static str {
        let path = self.path(about.place, ALL);
        let read = self.rest.send(about, &Ask::get(path.clone()), end).await;
        let Ok(reply) = read else { return LEFT };
        let Some(found) = reply.json::<Variable>() else {
            return if reply.status == 404 { "" } else { LEFT };
        };
        if !matches!(self.found(&found), Ok(Found::Nothing)) {
            return "; there is a variable for all environments that keyrot did not create";
        }
        let ask = Ask { method: "DELETE", path, body: None };
        match self.rest.send(about, &ask, end).await {
            Ok(reply) if reply.is_success() || reply.status == 404 => {
                "; keyrot created the variable for all environments, with a placeholder, and deleted it again"
            }
            _ => LEFT,
        }
    }
}

impl Variable {
    /// Returns the scope. GitLab shows none if it knows none.
    fn scope(&self) -> &str {
        self.environment_scope.as_deref().unwrap_or(ALL)
    }
}

#[async_trait]
impl Destination for Variables {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    fn longest(&self) -> Duration {
        LONGEST_PAIR
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let variable = self.get(place, Instant::now() + WITHIN).await?;
        variable.map_or(Ok(Found::Nothing), |variable| self.found(&variable))
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (about, end) = (self.about(place), Instant::now() + WITHIN);
        let text = profile_file::text(&self.kind.profile, &delivery.credentials);
        let there = self.get(place, end).await?;
        let found = there.as_ref().map(|there| self.found(there)).transpose()?;
        let seen = found.as_ref().and_then(Found::mark);
        if seen != delivery.replaces.as_ref() {
            return Err(about.conflict(seen, delivery.replaces.as_ref()));
        }
        let same = there.as_ref().and_then(|it| it.value.as_ref()).is_some_and(|it| **it == *text);
        if let Some(found) = found.clone().filter(|_| same) {
            return Ok(found);
        }
        let mut is_reserved = matches!(found, Some(Found::Nothing));
        if there.is_none() && self.may_lose_the_scope() {
            self.reserve(place, end).await?;
            is_reserved = true;
        }
        let exists = there.is_some() || is_reserved;
        let reply = match is_reserved {
            // Jobs get the placeholder until the key is there.
            true => {
                let until = (true, Instant::now() + COMPLETING);
                self.put(place, &text, exists, until).await.map_err(after_a_write)?
            }
            false => self.put(place, &text, exists, (false, end)).await?,
        };
        let end = end.max(Instant::now() + WITHIN / 2);
        let written = self.written(&about, &reply, exists)?;
        let expected = mark(&self.kind.profile, &text, written.description.as_deref());
        let now = self.get(place, end).await.map_err(after_a_write)?;
        let now = now.map(|now| self.found(&now)).transpose().map_err(after_a_write)?;
        match now {
            Some(now) if now.mark().map(Mark::as_str) == Some(expected.as_str()) => Ok(now),
            _ => Err(about.overtaken(format!(
                "the variable {} holds something else than what was written",
                self.kind.variable
            ))),
        }
    }
}

/// Returns a mark that identifies the content. If the text is not a credentials file, the mark uses
/// only its length, because a short secret could be guessed from more.
fn mark(profile: &str, text: &str, description: Option<&str>) -> String {
    let credentials = profile_file::key(profile, text);
    let length = text.len().to_string();
    let content = if credentials.is_some() { text } else { length.as_str() };
    profile_file::mark(credentials.as_ref(), &[description.unwrap_or_default(), content])
}
