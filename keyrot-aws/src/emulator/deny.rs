//! The evaluation of a user's inline policies, as far as they deny: what the documentation of IAM says of `Deny` statements on all actions and
//! resources with conditions on `aws:TokenIssueTime` ("IAM JSON policy elements: Condition operators", "Policy evaluation logic").

use keyrot_core::Timestamp;
use keyrot_core::memory::MemoryUser;
use serde_json::Value;

/// Whether an inline policy of the user denies a request that was made in a session begun then, or, without one, with a long-term key.
pub(super) fn denies(user: &MemoryUser, issued: Option<Timestamp>) -> bool {
    user.inline.values().filter_map(|text| serde_json::from_str::<Value>(text).ok()).any(|policy| {
        let statements = policy.get("Statement").cloned().unwrap_or_default();
        let list = if let Value::Array(list) = statements { list } else { vec![statements] };
        list.iter().any(|statement| denies_by(statement, issued))
    })
}

fn denies_by(statement: &Value, issued: Option<Timestamp>) -> bool {
    let is_all = |name: &str| match statement.get(name) {
        Some(Value::Array(list)) => list.iter().any(|one| one == "*"),
        one => one.is_some_and(|one| one == "*"),
    };
    let none = serde_json::Map::new();
    let conditions = statement.get("Condition").and_then(Value::as_object).unwrap_or(&none);
    statement.get("Effect").is_some_and(|effect| effect == "Deny")
        && is_all("Action")
        && is_all("Resource")
        && conditions.iter().all(|(operator, keys)| holds(operator, keys, issued))
}

/// All keys of an operator have to fit. One that is not in the request fits only an operator with `IfExists`.
fn holds(operator: &str, keys: &Value, issued: Option<Timestamp>) -> bool {
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    keys.as_object().is_some_and(|keys| {
        keys.iter().all(|(key, value)| {
            let given = issued.filter(|_| key.eq_ignore_ascii_case("aws:TokenIssueTime"));
            let Some(given) = given else { return if_exists };
            let Some(bound) = value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) else { return false };
            match operator {
                "DateLessThan" => given < bound,
                "DateLessThanEquals" => given <= bound,
                "DateGreaterThan" => given > bound,
                "DateGreaterThanEquals" => given >= bound,
                _ => false,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use keyrot_core::memory::World;
    use keyrot_core::requests::{EndedSessions, deny_issued_before};

    fn with(document: &str) -> MemoryUser {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[]).unwrap();
        world.put_user_policy(&user, "p", document).unwrap();
        world.user(&user).unwrap().clone()
    }

    #[test]
    fn what_was_issued_before_is_denied_and_a_long_term_key_never() {
        let now: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        let ended = EndedSessions::as_of(now);
        for document in [ended.document(), deny_issued_before(None, ended.before)] {
            let user = with(&document);
            assert!(denies(&user, Some(now)) && denies(&user, Some(ended.before - chrono::TimeDelta::seconds(1))));
            assert!(!denies(&user, Some(ended.before)), "begun after it");
            assert!(!denies(&user, None), "a long-term key carries no time of issue");
            // What keeps it so is that there is no IfExists.
            let wrong = with(&document.replace("DateLessThan", "DateLessThanIfExists"));
            assert!(denies(&wrong, None) && denies(&wrong, Some(now)));
        }
        assert!(!denies(&with(&ended.document().replace("Deny", "Allow")), Some(now)));
    }
}
