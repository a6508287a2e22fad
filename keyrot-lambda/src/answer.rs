//! The answer of an invocation, within Lambda's size limit.

use keyrot_core::RunDocument;
use keyrot_core::report::{State, UserDocument};
use serde::Serialize;

/// Lambda's limit for an answer: 6 MB (Lambda developer guide, "Lambda quotas").
const LONGEST: usize = 5_500_000;

/// Returns the document with as many users as fit, those that need attention first, and the number
/// of the others.
pub(crate) fn answer(document: RunDocument) -> RunDocument {
    at_most(LONGEST, document)
}

fn at_most(longest: usize, mut document: RunDocument) -> RunDocument {
    let lengths: Vec<usize> = document.users.iter().map(|one| length(one) + ",".len()).collect();
    let users = std::mem::take(&mut document.users);
    // This is the largest possible number.
    document.users_left_out = usize::MAX;
    let mut room = longest.saturating_sub(length(&document));
    let mut order: Vec<usize> = (0..users.len()).collect();
    order.sort_by_key(|&n| attention(&users[n]));
    let mut fits = vec![false; users.len()];
    for n in order {
        if let Some(rest) = room.checked_sub(lengths[n]) {
            (room, fits[n]) = (rest, true);
        }
    }
    let all = users.len();
    // The users are sorted by name again.
    document.users =
        users.into_iter().zip(fits).filter(|(_, fits)| *fits).map(|(user, _)| user).collect();
    document.users_left_out = all - document.users.len();
    document
}

/// Returns the priority of a user: problems first, then changes.
fn attention(user: &UserDocument) -> u8 {
    match user.state {
        State::Failed => 0,
        State::Blocked => 1,
        State::Stopped => 2,
        State::Due => 3,
        State::Waiting | State::Settled if !user.events.is_empty() => 4,
        State::Waiting => 5,
        State::Settled => 6,
    }
}

/// Returns the length as JSON. It is counted without storing the text, which would take the most
/// memory of all.
fn length(document: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A document can always be serialized.
    let _ = serde_json::to_writer(&mut count, document);
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyrot_core::report::schema;
    use keyrot_core::{
        Blocked, Outcome, Report, SecretName, Selected, Timestamp, UserName, UserResult,
    };

    fn document(users: usize) -> RunDocument {
        let now: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        let user = |n: usize| {
            let name = format!("ci-{n:05}");
            let secret = SecretName::parse(format!("/iam/{name}/access_key")).unwrap();
            let outcome = match n % 100 {
                0 => Outcome::Blocked(Blocked::BadTag { reason: "x".repeat(n % 400) }),
                _ => Outcome::Settled { until: now },
            };
            let mut one = UserResult::new(UserName::parse(name).unwrap(), secret, outcome);
            one.owner = Some("team ".repeat(40));
            one
        };
        let report = Report::new(now, now, (0..users).map(user).collect());
        RunDocument::new(schema::ROTATE, &report, &Selected::default())
    }

    #[test]
    fn an_answer_that_fits_is_complete() {
        let whole = document(50);
        assert_eq!(answer(whole.clone()), whole);
        assert!(!serde_json::to_string(&whole).unwrap().contains("users_left_out"));
    }

    #[test]
    fn of_twelve_thousand_users_those_that_need_attention_come_first_and_the_rest_is_counted() {
        let whole = document(12_000);
        assert!(length(&whole) > LONGEST, "else this shows nothing");
        let blocked = |document: &RunDocument| {
            document.users.iter().filter(|one| one.state == State::Blocked).count()
        };
        let sent = answer(whole.clone());
        let long = length(&sent);
        assert!(long <= LONGEST && LONGEST - long < 2_000, "as many as fit: {long}");
        assert_eq!(blocked(&sent), 120);
        assert_eq!((sent.users.len() + sent.users_left_out, sent.counts.users), (12_000, 12_000));
        assert!(sent.users_left_out > 0 && sent.users.is_sorted_by_key(|one| one.user.clone()));
        // If not even these fit, the others are left out.
        let tight = at_most(30_000, whole);
        assert!(tight.users.iter().all(|one| one.state == State::Blocked));
        assert!((1..120).contains(&tight.users.len()) && length(&tight) <= 30_000);
    }
}
