//! The document of users whose homes are moved.

use crate::decide::decision::refusal::Refusal;
use crate::engine::report::NotifierFailure;
use crate::engine::rotator::moving::Moved;
use crate::machine::outcome::Outcome;
use crate::model::home::{HomeTag, SecretArn};
use crate::model::names::{SecretName, UserName};
use crate::model::subject::Subject;
use crate::report::enroll::Change;
use crate::report::hint::{Action, Hint, as_text, worded};
use serde::Serialize;

/// Users whose homes are moved, each with its result: the document that `keyrot move` prints with
/// `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MoveDocument {
    /// `keyrot.move/1`.
    pub schema: &'static str,
    /// Whether this was a dry run, so that nothing was changed.
    pub dry_run: bool,
    /// Each user.
    pub users: Vec<MoveRow>,
}

/// One user whose home is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MoveRow {
    /// The user.
    pub user: UserName,
    /// Its result.
    pub result: Change,
    /// The old home, if the user's tag names one.
    pub from: Option<HomeDocument>,
    /// The new home.
    pub to: HomeDocument,
    /// Why the home is not moved, such as `not_at_rest`.
    pub reason: Option<&'static str>,
    /// The same as a message.
    pub message: String,
    /// What the operator can do, if there is something to do. The document has this as one text,
    /// `hint`.
    #[serde(rename = "hint", serialize_with = "as_text")]
    pub hints: Vec<Hint>,
    /// What remains to be done by hand. The document has this as one text.
    #[serde(serialize_with = "as_text")]
    pub afterwards: Vec<Hint>,
    /// The notifiers that failed.
    pub notifier_failures: Vec<NotifierFailure>,
}

/// A secret, or the place for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HomeDocument {
    /// Its ARN, without the six characters at its end if the secret does not exist yet.
    pub arn: SecretArn,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The secret's name.
    pub secret: SecretName,
}

impl HomeDocument {
    fn of(arn: &SecretArn) -> Self {
        let place = arn.place();
        let (account, region, secret) =
            (place.account.clone(), place.region.clone(), place.name.clone());
        Self { arn: arn.clone(), account, region, secret }
    }
}

impl MoveDocument {
    /// Whether some user has this result.
    #[must_use]
    pub fn has(&self, result: Change) -> bool {
        self.users.iter().any(|row| row.result == result)
    }
}

impl MoveRow {
    /// Returns the row of a user who is not moved because the user's own settings cannot be used.
    pub(crate) fn refused(subject: &Subject, why: &Outcome) -> Self {
        Self::new(subject, Change::Refused, Some(("", why)))
    }

    /// Returns the row of a plan, or of a move that was tried.
    pub(crate) fn of(subject: &Subject, moved: &Moved) -> Self {
        let failed = |why: &Outcome| match why {
            Outcome::Blocked(_) | Outcome::Refused(_) => Change::Refused,
            _ => Change::Failed,
        };
        match moved {
            Moved::Already => Self::new(subject, Change::Already, None),
            Moved::Planned => Self::new(subject, Change::Planned, None),
            Moved::Done => Self::new(subject, Change::Done, None),
            Moved::Old(why) => Self::new(subject, failed(why), Some(("at the old home", why))),
            Moved::New(why) => Self::new(subject, failed(why), Some(("at the new place", why))),
            Moved::LeftOpen(why) => {
                let about = "the user's tag names the new place, but the old home is not closed";
                let row = Self::new(subject, Change::Failed, Some((about, why)));
                if failed(why) == Change::Refused {
                    return row;
                }
                let (user, region) = (subject.user.clone(), Some(subject.region.clone()));
                let hints = vec![
                    Hint::advice(
                        "a run may have started at the old home and created a key that no consumer reads",
                    ),
                    Hint::to("if so, this says unknown_keys", Action::Status { user, region }),
                ];
                Self { hints, ..row }
            }
        }
    }

    fn new(subject: &Subject, result: Change, why: Option<(&str, &Outcome)>) -> Self {
        let (user, to) = (&subject.user, SecretArn::planned(subject.place()));
        let from = match &subject.home {
            HomeTag::At(home) => Some(home),
            HomeTag::Absent | HomeTag::Unreadable(_) => None,
        };
        let stays = from.is_some_and(|from| from.place() == to.place());
        let message = match (why, result) {
            (Some(("", why)), _) => said(why),
            (Some((place, why)), _) => format!("{place}: {}", said(why)),
            (None, Change::Already) => "its home is already there".to_owned(),
            (None, Change::Planned) if stays => {
                "its home stays: cancels a move that was started".to_owned()
            }
            (None, Change::Planned) => "can be moved".to_owned(),
            (None, _) if stays => format!("its home stays {}", to.place()),
            (None, _) => format!("its home is {}", to.place()),
        };
        let mut hints = match why.map(|(_, why)| why) {
            Some(Outcome::Blocked(why)) => why.hints(user),
            Some(Outcome::Refused(why)) => why.hints(user),
            Some(_) => vec![Hint::advice("run the same command again; it resumes")],
            None => Vec::new(),
        };
        if let (Some((_, Outcome::Refused(Refusal::NotAtRest { .. }))), Some(old)) = (why, from) {
            // Something is under way there, not at the new place.
            for hint in &mut hints {
                if let Some(Action::Status { region, .. }) = &mut hint.action {
                    *region = Some(old.place().region.clone());
                }
            }
        }
        let mut row = Self {
            user: user.clone(),
            result,
            from: from.map(HomeDocument::of),
            to: HomeDocument::of(&to),
            reason: why.map(|(_, why)| why.reason()),
            message,
            hints,
            afterwards: Vec::new(),
            notifier_failures: Vec::new(),
        };
        if matches!(result, Change::Planned | Change::Done) {
            row.afterwards = row.by_hand();
        }
        row
    }

    /// Returns the secret that is left behind.
    #[must_use]
    pub fn left(&self) -> Option<&SecretArn> {
        let from = self.from.as_ref().map(|home| &home.arn);
        from.filter(|arn| arn.place() != self.to.arn.place())
    }

    /// Returns the hints as one text in the CLI's words; `None` if there are none.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        (!self.hints.is_empty()).then(|| worded(&self.hints))
    }

    /// Returns what remains to be done by hand as one text in the CLI's words; `None` if nothing
    /// remains.
    #[must_use]
    pub fn to_do_by_hand(&self) -> Option<String> {
        (!self.afterwards.is_empty()).then(|| worded(&self.afterwards))
    }

    fn by_hand(&self) -> Vec<Hint> {
        let Some(secret) = self.left().filter(|arn| arn.suffix().is_some()) else {
            return Vec::new();
        };
        let (user, region) = (self.user.clone(), Some(self.to.region.clone()));
        vec![
            Hint::advice("keyrot does not delete the old secret"),
            Hint::to(
                "wait until the user is settled with these settings",
                Action::Status { user, region },
            ),
            Hint::to("then delete it", Action::DeleteSecret { secret: secret.clone() }),
        ]
    }
}

fn said(why: &Outcome) -> String {
    match why {
        Outcome::Blocked(why) => why.to_string(),
        Outcome::Refused(why) => why.to_string(),
        Outcome::Failed(failure) => failure.to_string(),
        Outcome::Stopped(stop) => stop.to_string(),
        other => format!("it ended as {:?}", other.state()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::outcome::Stop;
    use crate::model::names::{UserArn, UserId};
    use crate::model::user::IamUser;
    use crate::model::waits::WaitPolicy;
    use crate::selection::homes::Homes;
    use crate::selection::users::{Selection, select};

    const OLD: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:/iam/ci/access_key";

    /// Returns a user whose home is in us-east-1, to be moved to this region.
    fn subject(home: &str, region: &str) -> Subject {
        let tags = [("RotateKey", "True"), ("keyrot:home", home)];
        let user = IamUser {
            id: UserId::parse("AIDAEXAMPLE000000001").expect("an id"),
            arn: UserArn::parse("arn:aws:iam::123456789012:user/ci").expect("an ARN"),
            created: None,
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            policies: Vec::new(),
        };
        let homes = Homes::in_region(region);
        select(&[user], &Selection::default(), &homes, &WaitPolicy::default())
            .chosen
            .remove(0)
            .subject
    }

    #[test]
    fn a_move_that_left_the_old_home_open_says_where_to_check() {
        let subject = subject(OLD, "eu-west-1");
        let row = MoveRow::of(&subject, &Moved::LeftOpen(Outcome::Stopped(Stop::Deadline)));
        assert_eq!(row.result, Change::Failed);
        let hint = row.hint().expect("a hint");
        assert!(hint.ends_with("`keyrot status --user ci --region eu-west-1`"), "{hint}");
        assert!(row.afterwards.is_empty(), "the old secret may be needed");
    }

    #[test]
    fn the_old_secret_has_to_be_deleted_by_hand() {
        let created = format!("{OLD}-a1B2c3");
        let by_hand = |home: &str, region: &str, moved| {
            MoveRow::of(&subject(home, region), &moved).to_do_by_hand()
        };
        let text = by_hand(&created, "eu-west-1", Moved::Done).expect("a text");
        let command =
            format!("secretsmanager delete-secret --region us-east-1 --secret-id {created}`");
        assert!(text.ends_with(&command), "{text}");
        assert_eq!(by_hand(&created, "eu-west-1", Moved::Planned), Some(text));
        assert_eq!(by_hand(&created, "us-east-1", Moved::Done), None, "it stays");
        assert_eq!(by_hand(OLD, "eu-west-1", Moved::Done), None, "there is no secret");
        assert_eq!(by_hand(&created, "eu-west-1", Moved::Already), None);
    }
}
