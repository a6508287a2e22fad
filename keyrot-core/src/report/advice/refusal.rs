//! The actions that the operator can take for each refusal of a request.

use crate::decide::decision::refusal::Refusal;
use crate::model::names::UserName;
use crate::report::choice::Choice;
use crate::report::hint::{Action, Hint, worded};

impl Refusal {
    /// Returns the [`hints`](Self::hints) in the CLI's words, if there are any.
    #[must_use]
    pub fn hint(&self, user: &UserName) -> Option<String> {
        let hints = self.hints(user);
        (!hints.is_empty()).then(|| worded(&hints))
    }

    /// Returns what the operator can do for this user.
    #[must_use]
    pub fn hints(&self, user: &UserName) -> Vec<Hint> {
        let replace = |text: &str| Hint::to(text, Action::Rotate { user: user.clone() });
        match self {
            Self::NothingBefore { left } => match left.first() {
                Some(key) => vec![Hint::advice(format!(
                    "this secret never held the secret access key of {key}. If the user's home was moved here, the old home's secret, tagged keyrot:moved-to, still holds it; otherwise ask the key's creator. To use it, store it as AWSCURRENT by hand"
                ))],
                None => vec![replace("if the current key does not work, replace it")],
            },
            Self::NotBefore { .. } => vec![Hint::to(
                "only the key under AWSPREVIOUS can be rolled back to; to see which that is",
                Action::status(user),
            )],
            Self::Gone { .. } => vec![replace("to replace the current key with a new one")],
            Self::WasRevoked { key } => vec![
                replace("to replace the current key with a new one"),
                Hint::to(
                    format!("if {key} was revoked by mistake, activate it"),
                    Action::Activate { user: user.clone(), key: key.clone() },
                ),
                Hint::to(
                    "then take the revocation back, and try again",
                    Action::Resolve {
                        user: user.clone(),
                        choice: Some(Choice::Reinstate(key.clone())),
                    },
                ),
            ],
            Self::WhichKey { keys } if keys.is_empty() => {
                vec![Hint::advice("there is nothing to revoke")]
            }
            Self::WhichKey { keys } => keys
                .iter()
                .map(|key| Hint::to(format!("to revoke {key}"), Action::revoke(user, key)))
                .collect(),
            Self::NoSuchKey { .. } => {
                vec![Hint::advice("check the user and the key; nothing was done")]
            }
            Self::NoRoom { key, other, revoked: true } => vec![
                Hint::to(
                    format!(
                        "{other} was revoked too, and waits for its soak (if it was deleted just now, IAM still lists it for a few seconds): delete it now"
                    ),
                    Action::delete(user, other),
                ),
                Hint::advice(format!("then revoke {key}")),
            ],
            Self::NoRoom { key, other, .. } => vec![
                Hint::to(
                    format!(
                        "a user has two keys at most, and {other} leaves no room for a successor; if {key} must go now, although its consumers are then refused until there is room"
                    ),
                    Action::revoke_now(user, key),
                ),
                Hint::to(
                    format!("if {other} is unused, delete it first"),
                    Action::delete(user, other),
                ),
            ],
            Self::IsCurrent { key } => {
                vec![
                    replace("to replace it now"),
                    Hint::to("if it leaked", Action::revoke(user, key)),
                ]
            }
            Self::InUse { key, .. } => vec![
                Hint::to(
                    "to see who uses it",
                    Action::WhoUses { user: user.clone(), key: Some(key.clone()) },
                ),
                Hint::to("if it leaked", Action::revoke(user, key)),
            ],
            Self::NotAtRest { until: Some(at), .. } => vec![Hint::advice(format!(
                "run keyrot there as usual, and move {user} after {}",
                at.format("%F %R UTC")
            ))],
            Self::NotAtRest { until: None, .. } => vec![Hint::to(
                format!("run keyrot there, and move {user} when it is settled there"),
                Action::status(user),
            )],
            Self::NoHome => vec![
                Hint::advice("run keyrot where the secret is: it writes the tag again"),
                Hint::to(
                    "a user who has no secret yet",
                    Action::Enroll { user: user.clone(), region: None, adopt_secret: false },
                ),
            ],
            Self::OtherAccount { .. } => {
                vec![Hint::advice("check the profile and the credentials")]
            }
            Self::NoSuchDestination { .. } => {
                vec![Hint::advice(
                    "the settings file says where keys are delivered, in `[[destination]]` tables (docs/destinations)",
                )]
            }
            Self::NothingCurrent => {
                vec![Hint::to("to see what adopting takes", Action::Plan { user: user.clone() })]
            }
            Self::DoesNotWork { .. }
            | Self::RotationOff
            | Self::NotStaged { .. }
            | Self::NotMade { .. }
            | Self::Superseded { .. } => Vec::new(),
        }
    }
}
