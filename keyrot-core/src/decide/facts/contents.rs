//! Whether it is known what the labeled versions hold.

use crate::decide::facts::situation::{Ask, Situation};
use crate::model::names::VersionId;
use crate::model::version::Content;

/// What the labeled versions hold, if the answer depends on it.
#[derive(Clone, Copy)]
pub(crate) enum Contents<'a> {
    /// The contents are known.
    Known,
    /// Something else wrote this version, and it has not been read.
    Unread(&'a VersionId),
}

impl<'a> Contents<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let Situation { secret, current, .. } = *case;
        let others = case.keys_beside_current().next().is_some();
        let previous = secret.previous.as_ref();
        let labeled = match case.ask {
            Ask::Rollback(_) => [Some(current), None, previous],
            Ask::Deliver(_) | Ask::LetGo(_) => [Some(current), None, None],
            Ask::Run | Ask::Step(_) | Ask::Revoke(_) | Ask::Reinstate(_) => {
                [Some(current), secret.pending.as_ref(), previous.filter(|_| others)]
            }
        };
        match labeled.into_iter().flatten().find(|held| held.content == Content::Foreign) {
            None => Self::Known,
            Some(held) => Self::Unread(&held.version),
        }
    }
}
