//! The actions that the operator can take, as data. A front end turns each into a button, an API
//! field or a line of text. [`Action::command`] and [`worded`] have the CLI's wording, the only
//! wording in this crate.

use crate::model::ended_sessions::deny_issued_before;
use crate::model::home::SecretArn;
use crate::model::names::{KeyId, SecretName, UserName, VersionId};
use crate::model::time::Timestamp;
use crate::report::choice::Choice;
use serde::{Serialize, Serializer};
use std::fmt;

/// One thing that the operator can do.
///
/// ```
/// use keyrot_core::report::{Action, Hint, worded};
/// # use keyrot_core::*;
/// let blocked = Blocked::CurrentDoesNotWork { key: KeyId::parse("AKIAEXAMPLE00000001")?, reason: "it is Inactive".into() };
/// let hints = blocked.hints(&UserName::parse("ci")?);
/// assert_eq!(hints[1].action, Some(Action::Resolve { user: UserName::parse("ci")?, choice: None }));
/// assert!(worded(&hints).ends_with("`keyrot resolve ci`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Hint {
    /// What to do, or the purpose of the action. The text contains no command.
    pub text: String,
    /// The action, if it is a single command.
    pub action: Option<Action>,
}

/// An action about a user, by keyrot or in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Replace the current key with a new one, due or not.
    Rotate {
        /// The user.
        user: UserName,
    },
    /// Show what a run would do.
    Plan {
        /// The user.
        user: UserName,
    },
    /// Show the user's state.
    Status {
        /// The user.
        user: UserName,
        /// The region of the secret, if the settings have another region.
        region: Option<String>,
    },
    /// Roll back to the previous key.
    Rollback {
        /// The user.
        user: UserName,
    },
    /// Revoke a key.
    Revoke {
        /// The user.
        user: UserName,
        /// The key; `None` if the operator has to choose it.
        key: Option<KeyId>,
        /// Deactivate the key first, whether or not a successor is in place.
        without_successor: bool,
        /// Delete the key without the soak.
        delete: bool,
        /// End the user's sessions, too.
        end_sessions: bool,
    },
    /// Choose one of the resolutions of a blocked user.
    Resolve {
        /// The user.
        user: UserName,
        /// The resolution; `None` if the operator has to choose it.
        choice: Option<Choice>,
    },
    /// Enroll a user.
    Enroll {
        /// The user.
        user: UserName,
        /// The region of its secret.
        region: Option<String>,
        /// Adopt an existing secret as the user's.
        adopt_secret: bool,
    },
    /// Move the user's home here.
    Move {
        /// The user.
        user: UserName,
    },
    /// Show who uses a user's keys.
    WhoUses {
        /// The user.
        user: UserName,
        /// Only this key.
        key: Option<KeyId>,
    },
    /// Show who used a key in the last day, as far as CloudTrail knows.
    WhoUsedKey {
        /// The key.
        key: KeyId,
    },
    /// Reactivate an Inactive key, in IAM.
    Activate {
        /// The user.
        user: UserName,
        /// The key.
        key: KeyId,
    },
    /// Restore a secret that is scheduled for deletion.
    RestoreSecret(AboutSecret),
    /// Delete a secret that is no longer read.
    DeleteSecret {
        /// The secret.
        secret: SecretArn,
    },
    /// Make Secrets Manager start a rotation now.
    RotateSecret(AboutSecret),
    /// Cancel the rotation that Secrets Manager started.
    CancelRotation(AboutSecret),
    /// Remove the AWSPENDING label, which stays after a canceled rotation.
    FreePending {
        /// The secret.
        about: AboutSecret,
        /// The version with the label.
        version: VersionId,
    },
    /// Deny a role's sessions that were issued before this time.
    EndRoleSessions {
        /// The role's name.
        role: String,
        /// Sessions issued before this time end.
        before: Timestamp,
    },
    /// Empty the cache of `keyrot credentials` on a consumer's machine.
    EmptyCache,
}

/// The secret that an action is about, if it is known. The result of a user knows it; a reason
/// alone does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct AboutSecret {
    /// Its name.
    pub name: Option<SecretName>,
    /// Its region.
    pub region: Option<String>,
}

impl AboutSecret {
    /// Returns the flags of an AWS command.
    fn flags(&self) -> String {
        let name = self.name.as_ref().map_or("SECRET", SecretName::as_str);
        format!("{}{}", flag("--secret-id", name), region_flag(self.region.as_deref()))
    }
}

impl Hint {
    /// Returns the hint for this secret, if its action is about a secret that it does not name yet.
    #[must_use]
    pub fn about(mut self, secret: &AboutSecret) -> Self {
        if let Some(
            Action::RestoreSecret(about)
            | Action::RotateSecret(about)
            | Action::CancelRotation(about)
            | Action::FreePending { about, .. },
        ) = &mut self.action
        {
            about.clone_from(secret);
        }
        self
    }

    /// Returns advice without a single command.
    #[must_use]
    pub fn advice(text: impl Into<String>) -> Self {
        Self { text: text.into(), action: None }
    }

    /// Returns an action with its purpose.
    #[must_use]
    pub fn to(text: impl Into<String>, action: Action) -> Self {
        Self { text: text.into(), action: Some(action) }
    }
}

impl Action {
    /// Shows the user's state, in the region that the settings have.
    #[must_use]
    pub fn status(user: &UserName) -> Self {
        Self::Status { user: user.clone(), region: None }
    }

    /// Revokes this key once a successor works.
    pub(crate) fn revoke(user: &UserName, key: &KeyId) -> Self {
        let (user, key) = (user.clone(), Some(key.clone()));
        Self::Revoke { user, key, without_successor: false, delete: false, end_sessions: false }
    }

    /// Revokes this key immediately, whether or not a successor works.
    pub(crate) fn revoke_now(user: &UserName, key: &KeyId) -> Self {
        let (user, key) = (user.clone(), Some(key.clone()));
        Self::Revoke { user, key, without_successor: true, delete: false, end_sessions: false }
    }

    /// Deletes this key now, instead of in a run after its soak. The current key replaces it.
    pub(crate) fn delete(user: &UserName, key: &KeyId) -> Self {
        let (user, key) = (user.clone(), Some(key.clone()));
        Self::Revoke { user, key, without_successor: false, delete: true, end_sessions: false }
    }

    /// Returns the command that carries it out: `keyrot`, `aws`, or a shell command.
    #[must_use]
    pub fn command(&self) -> String {
        match self {
            Self::Rotate { user } => format!("keyrot rotate --force {}", flag("--user", user)),
            Self::Plan { user } => format!("keyrot plan {}", flag("--user", user)),
            Self::Status { user, region } => {
                let region = region_flag(region.as_deref());
                format!("keyrot status {}{region}", flag("--user", user))
            }
            Self::Rollback { user } => command_line("keyrot rollback", &[user.as_str()], ""),
            Self::Revoke { user, key, without_successor, delete, end_sessions } => {
                let key = key.as_ref().map_or("KEY", KeyId::as_str);
                let flags = [
                    (*without_successor, " --without-successor"),
                    (*delete, " --delete"),
                    (*end_sessions, " --end-sessions"),
                ];
                let flags: String =
                    flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
                command_line("keyrot revoke", &[user.as_str(), key], &flags)
            }
            Self::Resolve { user, choice } => {
                let flags = choice.as_ref().map(|choice| format!(" --choose {choice}"));
                command_line("keyrot resolve", &[user.as_str()], &flags.unwrap_or_default())
            }
            Self::Enroll { user, region, adopt_secret } => {
                let region = region_flag(region.as_deref());
                let adopt = if *adopt_secret { " --adopt-secret" } else { "" };
                command_line("keyrot enroll", &[user.as_str()], &format!("{region}{adopt}"))
            }
            Self::Move { user } => command_line("keyrot move", &[user.as_str()], ""),
            Self::WhoUses { key: Some(key), .. } => format!("keyrot who-uses {key}"),
            Self::WhoUses { user, key: None } => {
                command_line("keyrot who-uses", &[user.as_str()], "")
            }
            Self::WhoUsedKey { key } => format!("keyrot who-uses {key} --since 1d --json"),
            Self::Activate { user, key } => {
                let user = flag("--user-name", user);
                format!("aws iam update-access-key {user} --access-key-id {key} --status Active")
            }
            Self::RestoreSecret(about) => {
                format!("aws secretsmanager restore-secret {}", about.flags())
            }
            Self::DeleteSecret { secret } => format!(
                "aws secretsmanager delete-secret --region {} --secret-id {secret}",
                secret.place().region
            ),
            Self::RotateSecret(about) => {
                format!("aws secretsmanager rotate-secret {}", about.flags())
            }
            Self::CancelRotation(about) => {
                format!("aws secretsmanager cancel-rotate-secret {}", about.flags())
            }
            Self::FreePending { about, version } => format!(
                "aws secretsmanager update-secret-version-stage {} --version-stage AWSPENDING --remove-from-version-id {version}",
                about.flags()
            ),
            Self::EndRoleSessions { role, before } => format!(
                "aws iam put-role-policy --role-name {role} --policy-name AWSRevokeOlderSessions --policy-document '{}'",
                deny_issued_before(None, *before)
            ),
            Self::EmptyCache => "rm -rf \"${XDG_CACHE_HOME:-$HOME/.cache}/keyrot\"".to_owned(),
        }
    }
}

fn region_flag(region: Option<&str>) -> String {
    region.map(|region| format!(" --region {region}")).unwrap_or_default()
}

/// Returns a command with names and flags, as you type it. IAM allows names that begin with a
/// hyphen (IAM user guide, "IAM and AWS STS quotas"). They come last, after `--`, so they are not
/// read as flags.
#[must_use]
pub fn command_line(command: &str, names: &[&str], flags: &str) -> String {
    let list = names.join(" ");
    match names.iter().any(|name| name.starts_with('-')) {
        true => format!("{command}{flags} -- {list}"),
        false => format!("{command} {list}{flags}"),
    }
}

/// Returns a flag and its value, as you type it. A value that begins with a hyphen follows `=`.
#[must_use]
pub fn flag(name: &str, value: impl fmt::Display) -> String {
    let value = value.to_string();
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{between}{value}")
}

/// Formats the text, with the command in backticks.
impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Some(action) => write!(f, "{}: `{}`", self.text, action.command()),
            None => f.write_str(&self.text),
        }
    }
}

/// Returns the hints in one line, as the CLI prints them.
#[must_use]
pub fn worded(hints: &[Hint]) -> String {
    hints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Serializes hints as one text, or as `null`.
pub(crate) fn as_text<S: Serializer>(hints: &[Hint], to: S) -> Result<S::Ok, S::Error> {
    if hints.is_empty() { to.serialize_none() } else { to.serialize_str(&worded(hints)) }
}

/// Serializes an action as its command, or as `null`.
pub(crate) fn as_command<S: Serializer>(action: &Option<Action>, to: S) -> Result<S::Ok, S::Error> {
    match action {
        Some(action) => to.serialize_str(&action.command()),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, key};

    #[test]
    fn a_command_has_all_its_arguments() {
        let user = || UserName::parse("ci").expect("a name");
        let revoke = Action::Revoke {
            user: user(),
            key: Some(key("A")),
            without_successor: true,
            delete: true,
            end_sessions: true,
        };
        let flags = "--without-successor --delete --end-sessions";
        assert_eq!(revoke.command(), format!("keyrot revoke ci {} {flags}", key("A")));
        let enroll =
            Action::Enroll { user: user(), region: Some("eu-west-1".into()), adopt_secret: true };
        assert_eq!(enroll.command(), "keyrot enroll ci --region eu-west-1 --adopt-secret");
        let status = Action::Status { user: user(), region: Some("eu-west-1".into()) };
        assert_eq!(status.command(), "keyrot status --user ci --region eu-west-1");
        assert_eq!(Action::status(&user()).command(), "keyrot status --user ci");
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/ci/key-a1B2c3";
        let secret = SecretArn::parse(secret).expect("an ARN");
        assert_eq!(
            Action::DeleteSecret { secret: secret.clone() }.command(),
            format!("aws secretsmanager delete-secret --region eu-west-1 --secret-id {secret}")
        );
        let about = AboutSecret {
            name: Some(SecretName::parse("/iam/ci/key").expect("a name")),
            region: Some("eu-west-1".into()),
        };
        let free = Action::FreePending {
            about: AboutSecret::default(),
            version: VersionId::parse("v".repeat(32)).expect("an id"),
        };
        assert_eq!(
            Hint::to("free it", free).about(&about).to_string(),
            format!(
                "free it: `aws secretsmanager update-secret-version-stage --secret-id /iam/ci/key --region eu-west-1 --version-stage AWSPENDING --remove-from-version-id {}`",
                "v".repeat(32)
            )
        );
        let choice = Some(Choice::Replace);
        assert_eq!(
            Action::Resolve { user: user(), choice }.command(),
            "keyrot resolve ci --choose replace"
        );
        let role = Action::EndRoleSessions { role: "deploy".into(), before: at(0) };
        assert!(
            role.command().contains("--role-name deploy ")
                && role.command().contains("aws:TokenIssueTime")
        );
    }

    #[test]
    fn a_name_that_begins_with_a_hyphen_is_not_a_flag() {
        let user = || UserName::parse("-ci").expect("a name");
        let revoke = Action::revoke_now(&user(), &key("A"));
        let expected = format!("keyrot revoke --without-successor -- -ci {}", key("A"));
        assert_eq!(revoke.command(), expected);
        let commands = [
            (Action::Resolve { user: user(), choice: None }, "keyrot resolve -- -ci"),
            (
                Action::Resolve { user: user(), choice: Some(Choice::Replace) },
                "keyrot resolve --choose replace -- -ci",
            ),
            (
                Action::Enroll { user: user(), region: None, adopt_secret: true },
                "keyrot enroll --adopt-secret -- -ci",
            ),
            (Action::Rollback { user: user() }, "keyrot rollback -- -ci"),
            (Action::Move { user: user() }, "keyrot move -- -ci"),
            (Action::WhoUses { user: user(), key: None }, "keyrot who-uses -- -ci"),
            (Action::status(&user()), "keyrot status --user=-ci"),
            (Action::Plan { user: user() }, "keyrot plan --user=-ci"),
            (Action::Rotate { user: user() }, "keyrot rotate --force --user=-ci"),
        ];
        for (action, expected) in commands {
            assert_eq!(action.command(), expected);
        }
        let activate = Action::Activate { user: user(), key: key("A") }.command();
        assert!(activate.contains("--user-name=-ci "), "{activate}");
    }

    #[test]
    fn several_hints_are_one_line_and_no_hints_are_null() {
        #[derive(Serialize)]
        struct Document {
            #[serde(serialize_with = "as_text")]
            hint: Vec<Hint>,
            #[serde(serialize_with = "as_command")]
            command: Option<Action>,
        }
        let ci = UserName::parse("ci").expect("a name");
        let hints = vec![
            Hint::advice("correct the tag"),
            Hint::to("or see what is left to do", Action::status(&ci)),
        ];
        let json = |document: &Document| serde_json::to_value(document).expect("a document");
        let told = json(&Document { hint: hints, command: Some(Action::Rollback { user: ci }) });
        assert_eq!(
            told["hint"],
            "correct the tag; or see what is left to do: `keyrot status --user ci`"
        );
        assert_eq!(told["command"], "keyrot rollback ci");
        let silent = json(&Document { hint: Vec::new(), command: None });
        assert!(silent["hint"].is_null() && silent["command"].is_null());
    }
}
