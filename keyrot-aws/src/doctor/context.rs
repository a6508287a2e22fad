//! The part of a request's context that is known in advance: the condition keys in policies (IAM
//! user guide, "AWS global condition context keys").

use crate::connection::Aws;
use crate::policy::{OneOrMany, Statement};
use crate::trail::home_region;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum};
use keyrot_core::model::{Arn, HOME_TAG, JournalEntry, Owner, PrincipalKind};
use keyrot_core::settings::Settings;
use std::collections::BTreeMap;

/// The values of condition keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Context(BTreeMap<String, (ContextKeyTypeEnum, Vec<String>)>);

impl Context {
    /// Returns the context of each request by this principal on this resource.
    pub(super) fn of(aws: &Aws, principal: &str, actions: &[&str], resource: &str) -> Self {
        let mut context = Self::default();
        context.text("aws:PrincipalArn", principal);
        context.text("aws:RequestedRegion", requested_region(aws.region(), actions, resource));
        if let Some(Arn { account, .. }) = Arn::parse(principal) {
            context.text("aws:PrincipalAccount", account);
            // keyrot works only in its own account.
            context.text("aws:ResourceAccount", account);
        }
        let kind = match Arn::parse(principal).and_then(|arn| arn.principal()) {
            Some(PrincipalKind::Role) => "AssumedRole",
            _ => "User",
        };
        context.text("aws:PrincipalType", kind);
        for (key, value) in [
            ("aws:SecureTransport", "true"),
            ("aws:ViaAWSService", "false"),
            ("aws:PrincipalIsAWSService", "false"),
        ] {
            context.set(key, ContextKeyTypeEnum::Boolean, vec![value.to_owned()]);
        }
        context
    }

    /// Adds the tags that keyrot writes with these actions.
    pub(super) fn tagging(mut self, settings: &Settings, actions: &[&str]) -> Self {
        let mut tags: Vec<(&str, &str)> = Vec::new();
        // For a rule on tags, the value of keyrot's own tags does not matter, only that they have
        // one.
        let own = |key| (key, "keyrot-doctor");
        if actions.contains(&"iam:TagUser") {
            tags.push(own(HOME_TAG));
        }
        if actions.contains(&"secretsmanager:CreateSecret") {
            tags.push(own(Owner::TAG));
            tags.extend(settings.secret_tags().iter().map(|(key, value)| (&**key, &**value)));
        }
        if actions.contains(&"secretsmanager:TagResource") {
            tags.extend(JournalEntry::TAGS.map(own));
            tags.push(own(Owner::TAG));
        }
        for (key, value) in &tags {
            self.text(&format!("aws:RequestTag/{key}"), value);
        }
        if !tags.is_empty() {
            let mut keys: Vec<String> = tags.iter().map(|(key, _)| (*key).to_owned()).collect();
            keys.dedup();
            self.set("aws:TagKeys", ContextKeyTypeEnum::StringList, keys);
        }
        self
    }

    /// Adds these tag keys.
    pub(super) fn tag_keys(mut self, keys: &[&str]) -> Self {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        self.set("aws:TagKeys", ContextKeyTypeEnum::StringList, keys);
        self
    }

    /// Adds the values in the statement's own conditions.
    pub(super) fn asked_for_by(mut self, statement: &Statement) -> Self {
        for (operator, keys) in &statement.condition {
            let kind = match operator.starts_with("ForAnyValue:") {
                true => ContextKeyTypeEnum::StringList,
                false => ContextKeyTypeEnum::String,
            };
            for (key, values) in keys {
                let value = match values {
                    OneOrMany::One(value) => Some(value),
                    OneOrMany::Many(values) => values.first(),
                };
                if let Some(value) = value {
                    self.set(key, kind.clone(), vec![fitting(value)]);
                }
            }
        }
        self
    }

    pub(super) fn into_entries(self) -> Vec<ContextEntry> {
        let entry = |(key, (kind, values))| {
            ContextEntry::builder()
                .context_key_name(key)
                .context_key_type(kind)
                .set_context_key_values(Some(values))
                .build()
        };
        self.0.into_iter().map(entry).collect()
    }

    fn text(&mut self, key: &str, value: &str) {
        self.set(key, ContextKeyTypeEnum::String, vec![value.to_owned()]);
    }

    fn set(&mut self, key: &str, kind: ContextKeyTypeEnum, values: Vec<String>) {
        self.0.insert(key.to_owned(), (kind, values));
    }
}

/// Returns a text that matches the pattern.
pub(super) fn fitting(pattern: &str) -> String {
    pattern.replace('*', "keyrot-doctor").replace('?', "a")
}

/// Returns the region of the endpoint. IAM is global, with an endpoint in one region of each
/// partition.
fn requested_region<'a>(own: &'a str, actions: &[&str], resource: &'a str) -> &'a str {
    if actions.iter().any(|action| action.starts_with("iam:")) {
        return home_region(own);
    }
    let named = Arn::parse(resource).map(|arn| arn.region);
    named.filter(|region| !region.is_empty() && !region.contains('*')).unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_endpoint() {
        let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/ci-AbCdEf";
        let user = "arn:aws:iam::123456789012:user/ci";
        for (own, action, resource, region) in [
            ("eu-west-1", "iam:CreateAccessKey", user, "us-east-1"),
            ("eu-west-1", "iam:ListUsers", "*", "us-east-1"),
            ("cn-northwest-1", "iam:ListUsers", "*", "cn-north-1"),
            ("eu-west-1", "secretsmanager:PutSecretValue", secret, "eu-central-1"),
            ("eu-west-1", "cloudtrail:LookupEvents", "*", "eu-west-1"),
        ] {
            assert_eq!(requested_region(own, &[action], resource), region, "{own} {action}");
        }
    }
}
