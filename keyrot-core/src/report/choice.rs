//! The names of resolutions, as used in scripts and documents.

use crate::model::names::{DestinationName, KeyId};
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The name of a [`Resolution`](super::Resolution): a word, and the key or destination that it is
/// about.
///
/// ```
/// use keyrot_core::report::Choice;
///
/// assert_eq!("replace".parse(), Ok(Choice::Replace));
/// assert_eq!("let-go:github".parse::<Choice>()?.to_string(), "let-go:github");
/// assert!("retire".parse::<Choice>().is_err(), "it does not say which key");
/// # Ok::<(), keyrot_core::report::UnknownChoice>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Choice {
    /// `deactivate:KEY`: deactivate a revoked key again.
    Deactivate(KeyId),
    /// `reinstate:KEY`: take back the revocation of a key.
    Reinstate(KeyId),
    /// `retire:KEY`: deactivate a key that is not in use.
    Retire(KeyId),
    /// `revoke:KEY`: deactivate a key, even if it is in use.
    Revoke(KeyId),
    /// `replace`: replace the current key with a new one.
    Replace,
    /// `go-back`: roll back to the previous key.
    GoBack,
    /// `go-on`: after a rollback, publish the newer key again.
    GoOn,
    /// `give-up`: after a rollback, revoke the newer key.
    GiveUp,
    /// `make-room`: delete a key, so that another can be created.
    MakeRoom,
    /// `deliver:DESTINATION`: deliver the current key, and overwrite the content of the place.
    Deliver(DestinationName),
    /// `let-go:DESTINATION`: stop delivering there.
    LetGo(DestinationName),
}

/// The text is not the name of a resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the name of a resolution")]
pub struct UnknownChoice;

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deactivate(key) => write!(f, "deactivate:{key}"),
            Self::Reinstate(key) => write!(f, "reinstate:{key}"),
            Self::Retire(key) => write!(f, "retire:{key}"),
            Self::Revoke(key) => write!(f, "revoke:{key}"),
            Self::Replace => f.write_str("replace"),
            Self::GoBack => f.write_str("go-back"),
            Self::GoOn => f.write_str("go-on"),
            Self::GiveUp => f.write_str("give-up"),
            Self::MakeRoom => f.write_str("make-room"),
            Self::Deliver(to) => write!(f, "deliver:{to}"),
            Self::LetGo(to) => write!(f, "let-go:{to}"),
        }
    }
}

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let (word, about) = text.split_once(':').map_or((text, None), |(w, a)| (w, Some(a)));
        let key = || about.and_then(|key| key.parse().ok()).ok_or(UnknownChoice);
        let to = || about.and_then(|to| to.parse().ok()).ok_or(UnknownChoice);
        let alone = |choice| if about.is_none() { Ok(choice) } else { Err(UnknownChoice) };
        match word {
            "deactivate" => key().map(Self::Deactivate),
            "reinstate" => key().map(Self::Reinstate),
            "retire" => key().map(Self::Retire),
            "revoke" => key().map(Self::Revoke),
            "replace" => alone(Self::Replace),
            "go-back" => alone(Self::GoBack),
            "go-on" => alone(Self::GoOn),
            "give-up" => alone(Self::GiveUp),
            "make-room" => alone(Self::MakeRoom),
            "deliver" => to().map(Self::Deliver),
            "let-go" => to().map(Self::LetGo),
            _ => Err(UnknownChoice),
        }
    }
}

impl Serialize for Choice {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::key;

    #[test]
    fn every_name_parses_back() {
        let to = || DestinationName::parse("github").expect("a name");
        let choices = [
            Choice::Deactivate(key("A")),
            Choice::Reinstate(key("A")),
            Choice::Retire(key("A")),
            Choice::Revoke(key("A")),
            Choice::Replace,
            Choice::GoBack,
            Choice::GoOn,
            Choice::GiveUp,
            Choice::MakeRoom,
            Choice::Deliver(to()),
            Choice::LetGo(to()),
        ];
        for choice in choices {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        for text in ["", "retire", "retire:", "replace:", "replace:x", "revoke:a b", "Replace"] {
            assert_eq!(text.parse::<Choice>(), Err(UnknownChoice), "{text}");
        }
    }
}
