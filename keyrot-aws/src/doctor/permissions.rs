//! Checks every permission in the policy, with IAM's own simulation if the caller may use it.
//!
//! The policy is the one that `keyrot policy` prints for these settings. Each of its statements is
//! simulated: its actions, on a resource that matches its pattern, with the values of its own
//! conditions and with what is known about the request. A simulation knows the caller's policies,
//! boundary and the organization's policies, but no resource policy such as a KMS key's (IAM API
//! reference, `SimulatePrincipalPolicy`).

use super::caller::partition;
use super::context::{Context, fitting};
use super::simulation::{Denied, Doubt, Open, Question, Simulated, ask};
use crate::calls::errors::Failure;
use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::{Aws, Caller};
use crate::doctor::check::{Check, Notes};
use crate::doctor::sample::Sample;
use crate::policy::{
    ACTIONS, Delivery, Discovery, Hooks, Key, OneOrMany, Scope, Sid, Statement, Text,
};
use keyrot_core::model::{Arn, PrincipalKind, plural};
use keyrot_core::settings::Settings;
use std::collections::BTreeMap;

const ABOUT: &str = "permissions";
const HINT: &str = "keyrot policy prints the policy for these settings; keyrot policy --json says why each action is in it";

/// The simulated policy.
pub(super) async fn examine(
    aws: &Aws,
    settings: &Settings,
    caller: &Caller,
    sample: &Sample,
    notes: &mut Notes<'_>,
) {
    if caller.arn.ends_with(":root") {
        return notes.add(Check::ok(ABOUT, "the root user may do everything"));
    }
    let Some(principal) = principal(aws, &caller.arn).await else {
        let text = format!(
            "permissions of {} cannot be simulated: it is neither a user nor a role",
            caller.arn
        );
        return notes.add(Check::not_checked(ABOUT, text).hint(HINT));
    };
    let scope = scope(aws, settings, caller);
    let ask = async |statement: &Statement| {
        simulate((aws, settings), &principal, statement, sample).await
    };
    let mut all = Simulated::default();
    for statement in &scope.policy().statement {
        match ask(statement).await {
            Ok(found) => all.add(found),
            Err(failure) => return notes.add(not_simulated(&failure)),
        }
    }
    if let [Denied { action: "iam:GetAccountAuthorizationDetails", .. }] = all.denied[..] {
        let one_by_one = Scope { discovery: Discovery::OneByOne, ..scope };
        let statements = one_by_one.policy().statement;
        let finds =
            statements.iter().filter(|s| matches!(s.sid, Sid::ListUsers | Sid::LookUpUsers));
        let allowed = all.allowed.len();
        for statement in finds {
            match ask(statement).await {
                Ok(found) => all.add(found),
                Err(failure) => return notes.add(not_simulated(&failure)),
            }
        }
        if all.denied.len() == 1 && all.unknown().next().is_none() {
            let text = format!(
                "{allowed} actions are allowed; without iam:GetAccountAuthorizationDetails users are looked up one by one"
            );
            return notes.add(Check::ok(ABOUT, text));
        }
    }
    checks(&all).into_iter().for_each(|check| notes.add(check));
}

/// Returns the findings. An action without an answer counts as neither ok nor failed.
fn checks(found: &Simulated) -> Vec<Check> {
    let allowed = found.allowed.len();
    let mut checks = Vec::new();
    let (inside, beyond): (Vec<Denied>, Vec<Denied>) =
        found.denied.iter().copied().partition(|one| !one.by_boundary);
    for (denied, what) in [
        (inside, "not allowed, by IAM's simulation"),
        (beyond, "not allowed by the permissions boundary of the caller, by IAM's simulation"),
    ] {
        if !denied.is_empty() {
            let names: Vec<&str> = denied.iter().map(|one| one.action).collect();
            let text = format!("{what}: {}", reasons(&names));
            checks.push(Check::failure(ABOUT, text).hint(HINT));
        }
    }
    let mut open: BTreeMap<&Doubt, Vec<&str>> = BTreeMap::new();
    for Open { action, why } in &found.open {
        open.entry(why).or_default().push(action);
    }
    for (why, actions) in open {
        let (why, hint) = match why {
            Doubt::Missing(keys) => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let hint = match keys.iter().any(|key| key.starts_with("aws:RequestTag/")) {
                    true => "if the organization asks for a tag on new secrets, set it with secret_tags",
                    false => "compare that policy's condition with how keyrot runs: its network, its role's tags, its session",
                };
                (format!("a policy asks for {}, which is not known here", keys.join(", ")), hint)
            }
            Doubt::Organization => (
                "the organization's policies do not allow it, by a simulation that does not evaluate their conditions, such as a lock on regions"
                    .to_owned(),
                "ask the administrators of the organization's service control policies; calls that the checks above made do work",
            ),
        };
        let text = format!(
            "{} not checked: {why}: {}",
            plural(actions.len(), "action"),
            reasons(&actions)
        );
        checks.push(Check::not_checked(ABOUT, text).hint(hint));
    }
    if !found.silent.is_empty() {
        let text = format!(
            "{allowed} actions are allowed; IAM's simulation says nothing of {}",
            reasons(&found.silent)
        );
        checks.push(Check::not_checked(ABOUT, text).hint(HINT));
    }
    if checks.is_empty() {
        let text = format!("all {allowed} actions of the policy are allowed, by IAM's simulation");
        checks.push(Check::ok(ABOUT, text));
    }
    checks
}

fn reasons(denied: &[&str]) -> String {
    let reason = |name: &&str| match ACTIONS.iter().find(|action| action.name == *name) {
        Some(action) => format!("{name} ({})", action.why),
        None => (*name).to_owned(),
    };
    denied.iter().map(reason).collect::<Vec<_>>().join("; ")
}

pub(super) fn not_simulated(failure: &Failure) -> Check {
    let text = match () {
        () if failure.is_denied() => {
            "not simulated: the caller may not ask for iam:SimulatePrincipalPolicy".to_owned()
        }
        () if failure.is(&["InvalidAction", "UnknownOperationException", "NotImplemented"]) => {
            "not simulated: this endpoint has no iam:SimulatePrincipalPolicy".to_owned()
        }
        () => format!("not simulated: {}", failure.error),
    };
    let hint = "the calls above show what reading needs; for the rest allow iam:SimulatePrincipalPolicy on the caller, or compare with keyrot policy";
    Check::not_checked(ABOUT, text).hint(hint)
}

/// Returns the user or role whose policies apply.
async fn principal(aws: &Aws, arn: &str) -> Option<String> {
    let parsed = Arn::parse(arn)?;
    let Arn { partition, account, .. } = parsed;
    let role = match parsed.principal()? {
        PrincipalKind::User | PrincipalKind::Role => return Some(arn.to_owned()),
        PrincipalKind::Session { role } if !role.is_empty() => role,
        _ => return None,
    };
    // A session's ARN lacks its role's path; the role has it, if the caller may read it.
    let op = Op::read("iam:GetRole", format!("role {role}"), &aws.inner.limits.iam_reads);
    let call = aws.inner.iam.get_role().role_name(role);
    let answer =
        send(&op, &aws.budget(), || call.clone().send()).await.ok().and_then(|answer| answer.role);
    Some(
        answer
            .map_or_else(|| format!("arn:{partition}:iam::{account}:role/{role}"), |role| role.arn),
    )
}

fn scope(aws: &Aws, settings: &Settings, caller: &Caller) -> Scope {
    let selection = settings.selection();
    let account = Text::fixed(caller.account.as_str());
    Scope {
        partition: Text::fixed(partition(caller)),
        region: Text::fixed(aws.region()),
        secrets_key: settings.kms_key().and_then(Key::parse),
        hooks: Hooks::of(settings.notify()).with_tokens(settings.destinations()),
        deliveries: Delivery::of(settings.destinations(), &selection.path_prefix, &account),
        trail: settings.trail(),
        ..Scope::new(
            account,
            settings.template(),
            &selection.path_prefix,
            &selection.tag,
            &selection.tag_value,
        )
    }
}

/// Returns IAM's answer for the statement's actions.
async fn simulate(
    (aws, settings): (&Aws, &Settings),
    principal: &str,
    statement: &Statement,
    sample: &Sample,
) -> Result<Simulated, Failure> {
    let (actions, resource) = (&statement.action, resource(statement, sample));
    let context = Context::of(aws, principal, actions, &resource)
        .tagging(settings, actions)
        .asked_for_by(statement);
    let about = format!("{:?}", statement.sid);
    let principal = principal.to_owned();
    ask(aws, Question { about, principal, actions, resource, context }).await
}

/// Returns a resource of the statement: the sample's user or secret, or one that matches its
/// pattern.
fn resource(statement: &Statement, sample: &Sample) -> String {
    let pattern = match &statement.resource {
        OneOrMany::One(pattern) => pattern,
        OneOrMany::Many(patterns) => match patterns.last() {
            Some(pattern) => pattern,
            None => return "*".to_owned(),
        },
    };
    if pattern == "*" {
        return pattern.clone();
    }
    let of_users = matches!(statement.sid, Sid::RotateTaggedUsers | Sid::LookUpUsers);
    if let (true, Some(user)) = (of_users, &sample.user) {
        return user.to_string();
    }
    let of_secrets = matches!(
        statement.sid,
        Sid::CreateSecrets | Sid::KeepSecrets | Sid::ReadSecrets | Sid::LabelVersions
    );
    if let (true, Some(secret), Some((head, _))) =
        (of_secrets, &sample.secret, pattern.split_once(":secret:"))
    {
        return format!("{head}:secret:{secret}-AbCdEf");
    }
    fitting(pattern)
}

#[cfg(test)]
mod tests;
