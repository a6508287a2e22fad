//! Evaluates the `Deny` statements of policies: users' inline policies, and the account's service
//! control policy. `Allow` statements are ignored.
//!
//! The rules are from the IAM user guide: "IAM JSON policy elements: Condition operators", "Set
//! operators for multivalued context keys", "Policy evaluation logic", and "IAM JSON policy
//! elements: Variables and tags" for `${*}`, `${?}` and `${$}`.

use keyrot_core::Timestamp;
use keyrot_core::memory::MemoryUser;
use serde_json::Value;
use std::collections::BTreeMap;

/// A request as a policy sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessRequest {
    /// The action, such as `iam:TagUser`.
    pub action: String,
    /// The ARN of the resource.
    pub resource: String,
    context: BTreeMap<String, Vec<String>>,
}

impl AccessRequest {
    /// Returns a request without any context.
    #[must_use]
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// Adds the values of a condition key. A key without values is not in the request.
    #[must_use]
    pub fn with(mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.context.insert(key.to_ascii_lowercase(), values);
        }
        self
    }

    /// Names of condition keys are not case-sensitive.
    fn values(&self, key: &str) -> &[String] {
        self.context.get(&key.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }
}

/// Whether an inline policy of the user denies the request.
pub(super) fn denies(user: &MemoryUser, request: &AccessRequest) -> bool {
    user.inline
        .values()
        .filter_map(|text| serde_json::from_str::<Value>(text).ok())
        .any(|policy| denied_by(&policy, request))
}

/// Whether a statement of the policy denies the request.
///
/// An operator that is unknown here matches nothing, so the statement does not deny.
#[must_use]
pub fn denied_by(policy: &Value, request: &AccessRequest) -> bool {
    statements(policy).iter().any(|statement| denied_by_statement(statement, request))
}

fn statements(policy: &Value) -> &[Value] {
    match policy.get("Statement") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

fn denied_by_statement(statement: &Value, request: &AccessRequest) -> bool {
    is_about(statement, request)
        && conditions(statement).all(|(operator, keys)| holds(operator, keys, request))
}

/// Whether the statement denies such actions on such resources, under its conditions.
fn is_about(statement: &Value, request: &AccessRequest) -> bool {
    let any = |name: &str, fits: &dyn Fn(&str) -> bool| {
        statement.get(name).map(|it| texts(it).iter().any(|one| fits(one)))
    };
    let action =
        |pattern: &str| like(&pattern.to_ascii_lowercase(), &request.action.to_ascii_lowercase());
    statement.get("Effect").is_some_and(|effect| effect == "Deny")
        && any("Action", &action)
            .or_else(|| any("NotAction", &action).map(|not| !not))
            .unwrap_or(false)
        && any("Resource", &|pattern| like(pattern, &request.resource)).unwrap_or(false)
}

fn conditions(statement: &Value) -> impl Iterator<Item = (&String, &Value)> {
    statement.get("Condition").and_then(Value::as_object).into_iter().flatten()
}

/// Returns the condition keys that decide whether the policy denies the request, and that the
/// request does not have.
pub(super) fn missing_keys(policy: &Value, request: &AccessRequest) -> Vec<String> {
    let keys = |(_, keys): (&String, &Value)| {
        let names = keys.as_object().into_iter().flatten().map(|(name, _)| name.clone());
        names.collect::<Vec<_>>()
    };
    statements(policy)
        .iter()
        .filter(|statement| is_about(statement, request))
        .flat_map(|statement| conditions(statement).flat_map(keys).collect::<Vec<_>>())
        .filter(|key| request.values(key).is_empty())
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// All keys of an operator have to match, each with one of its values, or with every value if the
/// operator is negated.
fn holds(operator: &str, keys: &Value, request: &AccessRequest) -> bool {
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let (set, operator) = match operator.split_once(':') {
        Some((set, operator)) => (Some(set), operator),
        None => (None, operator),
    };
    keys.as_object().is_some_and(|keys| {
        keys.iter().all(|(key, expected)| {
            let (given, expected) = (request.values(key), texts(expected));
            if operator == "Null" {
                return expected
                    .first()
                    .is_some_and(|missing| (*missing == "true") == given.is_empty());
            }
            let fits = |given: &String| compare(operator, given, &expected);
            match (set, given) {
                (Some("ForAnyValue"), _) => given.iter().any(fits),
                (Some("ForAllValues"), _) => given.iter().all(fits),
                // A key that is not in the request is not equal to anything.
                (_, []) => if_exists || negated(operator).is_some(),
                (_, given) => given.iter().all(fits),
            }
        })
    })
}

/// Returns the operator that a negated one inverts.
fn negated(operator: &str) -> Option<String> {
    let (kind, rest) = operator.split_once("Not")?;
    Some(format!("{kind}{rest}"))
}

fn compare(operator: &str, given: &str, expected: &[&str]) -> bool {
    if let Some(plain) = negated(operator) {
        return !compare(&plain, given, expected);
    }
    let times =
        |bound: &str| Some((given.parse::<Timestamp>().ok()?, bound.parse::<Timestamp>().ok()?));
    expected.iter().any(|expected| match operator {
        "StringEquals" => literal(expected) == given,
        "StringEqualsIgnoreCase" => literal(expected).eq_ignore_ascii_case(given),
        "StringLike" => like(expected, given),
        "ArnEquals" | "ArnLike" => {
            // Each of the six parts is compared separately.
            let (pattern, arn): (Vec<_>, Vec<_>) =
                (expected.splitn(6, ':').collect(), given.splitn(6, ':').collect());
            pattern.len() == arn.len()
                && pattern.iter().zip(arn).all(|(pattern, part)| like(pattern, part))
        }
        "DateLessThan" => times(expected).is_some_and(|(given, bound)| given < bound),
        "DateLessThanEquals" => times(expected).is_some_and(|(given, bound)| given <= bound),
        "DateGreaterThan" => times(expected).is_some_and(|(given, bound)| given > bound),
        "DateGreaterThanEquals" => times(expected).is_some_and(|(given, bound)| given >= bound),
        _ => false,
    })
}

/// Returns the text without the escapes of policy variables.
fn literal(text: &str) -> String {
    text.replace("${*}", "*").replace("${?}", "?").replace("${$}", "$")
}

/// Matches a pattern: `*` for any characters, `?` for one.
fn like(pattern: &str, text: &str) -> bool {
    for escaped in ["*", "?", "$"] {
        if let Some(rest) = pattern.strip_prefix(&format!("${{{escaped}}}")) {
            return text.strip_prefix(escaped).is_some_and(|text| like(rest, text));
        }
    }
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = rest.as_str().trim_start_matches('*');
            rest.is_empty() || text.char_indices().any(|(n, _)| like(rest, &text[n..]))
        }
        Some(letter) => {
            let mut chars = text.chars();
            chars.next().is_some_and(|c| letter == '?' || c == letter)
                && like(rest.as_str(), chars.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyrot_core::memory::World;
    use keyrot_core::model::{EndedSessions, deny_issued_before};
    use serde_json::json;

    fn with(document: &str) -> MemoryUser {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[]).unwrap();
        world.put_user_policy(&user, "p", document).unwrap();
        world.user(&user).unwrap().clone()
    }

    fn issued(at: Option<Timestamp>) -> AccessRequest {
        AccessRequest::new("iam:ListUsers", "*")
            .with("aws:TokenIssueTime", at.map(|at| at.to_rfc3339()))
    }

    #[test]
    fn credentials_issued_earlier_are_denied_and_a_long_term_key_never() {
        let now: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        let ended = EndedSessions::as_of(now);
        for document in [ended.document(), deny_issued_before(None, ended.before)] {
            let user = with(&document);
            let denies = |user: &MemoryUser, at| denies(user, &issued(at));
            assert!(
                denies(&user, Some(now))
                    && denies(&user, Some(ended.before - chrono::TimeDelta::seconds(1)))
            );
            assert!(!denies(&user, Some(ended.before)), "begun after it");
            assert!(!denies(&user, None), "a long-term key carries no time of issue");
            // This works because the condition has no IfExists.
            let wrong = with(&document.replace("DateLessThan", "DateLessThanIfExists"));
            assert!(denies(&wrong, None) && denies(&wrong, Some(now)));
        }
        assert!(!denies(&with(&ended.document().replace("Deny", "Allow")), &issued(Some(now))));
    }

    #[test]
    fn conditions_compare_as_iam_documents_it() {
        let tags = |keys: &[&str]| {
            AccessRequest::new("iam:TagUser", "arn:aws:iam::1:user/a")
                .with("aws:TagKeys", keys.to_vec())
        };
        let by = |arn: &str| {
            AccessRequest::new("iam:TagUser", "arn:aws:iam::1:user/a")
                .with("aws:PrincipalArn", [arn])
        };
        let role = "arn:aws:iam::1:role/keyrot";
        for (condition, request, denied) in [
            (
                json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["a"] } }),
                tags(&["b", "A"]),
                false,
            ),
            (
                json!({ "ForAnyValue:StringEqualsIgnoreCase": { "aws:TagKeys": "a" } }),
                tags(&["b", "A"]),
                true,
            ),
            (
                json!({ "ForAnyValue:StringEqualsIgnoreCase": { "aws:TagKeys": "a*" } }),
                tags(&["ab"]),
                false,
            ),
            (json!({ "ForAnyValue:StringLike": { "AWS:tagkeys": "a*" } }), tags(&["ab"]), true),
            (json!({ "ForAnyValue:StringLike": { "aws:TagKeys": "a*" } }), tags(&["AB"]), false),
            (json!({ "ForAnyValue:StringLike": { "aws:TagKeys": "a${*}" } }), tags(&["ab"]), false),
            (json!({ "ForAnyValue:StringLike": { "aws:TagKeys": "*" } }), tags(&[]), false),
            (json!({ "ForAllValues:StringLike": { "aws:TagKeys": "a" } }), tags(&[]), true),
            (
                json!({ "ForAllValues:StringLike": { "aws:TagKeys": "a" } }),
                tags(&["a", "b"]),
                false,
            ),
            (
                json!({ "ArnNotLike": { "aws:PrincipalArn": ["arn:aws:iam::*:role/key*", "x"] } }),
                by(role),
                false,
            ),
            (
                json!({ "ArnNotLike": { "aws:PrincipalArn": ["arn:aws:iam::*:role/jane"] } }),
                by(role),
                true,
            ),
            (json!({ "ArnNotLike": { "aws:PrincipalArn": role } }), tags(&["a"]), true),
            (json!({ "ArnLike": { "aws:PrincipalArn": role } }), tags(&["a"]), false),
            (json!({ "ArnLike": { "aws:PrincipalArn": "arn:*:keyrot" } }), by(role), false),
            (json!({ "Null": { "aws:TagKeys": "true" } }), tags(&["a"]), false),
            (json!({ "Null": { "aws:TagKeys": "true" } }), tags(&[]), true),
        ] {
            let statement = json!({ "Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::1:user/*", "Condition": condition });
            assert_eq!(
                denied_by(&json!({ "Statement": [statement] }), &request),
                denied,
                "{statement} {request:?}"
            );
        }
        let deny = |action: &str, resource: &str| json!({ "Statement": { "Effect": "Deny", "Action": [action], "Resource": [resource] } });
        assert!(denied_by(&deny("IAM:taguser", "arn:aws:iam::1:user/?"), &tags(&[])));
        assert!(!denied_by(&deny("iam:TagUser", "arn:aws:iam::1:user/?b"), &tags(&[])));
        assert!(!denied_by(&deny("iam:Tag", "*"), &tags(&[])));
    }
}
