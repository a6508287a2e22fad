//! Every permission that the policy lists, by IAM's own simulation where the caller may ask for it.
//!
//! The policy is the one that `keyrot policy` prints for these settings. Each of its statements is
//! simulated as it stands: its actions, on a resource that its pattern fits, with the values of its
//! own conditions. A simulation knows the caller's policies, boundary and the organization's
//! policies, and no policy of a resource such as a KMS key's (IAM API reference,
//! `SimulatePrincipalPolicy`).

use super::caller::partition;
use crate::connect::{Aws, Caller};
use crate::doctor::check::{Check, Notes};
use crate::doctor::sample::Sample;
use crate::errors::Failure;
use crate::op::Op;
use crate::policy::{ACTIONS, Discovery, Hooks, Key, OneOrMany, Scope, Sid, Statement, Text};
use crate::retry::send;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use keyrot_core::model::Arn;
use keyrot_core::settings::Settings;
use std::collections::BTreeSet;

const ABOUT: &str = "permissions";
const HINT: &str = "keyrot policy prints the policy for these settings; keyrot policy --json says why each action is in it";
const MOST_PAGES: usize = 20;

/// The whole policy, simulated.
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
    let mut all = Simulated::default();
    for statement in scope.policy().statement {
        match simulate(aws, &principal, &statement, sample).await {
            Ok(found) => all.add(found),
            Err(failure) => return notes.add(not_simulated(&failure)),
        }
    }
    if all.denied == ["iam:GetAccountAuthorizationDetails"] {
        let one_by_one = Scope { discovery: Discovery::OneByOne, ..scope };
        let statements = one_by_one.policy().statement;
        let finds =
            statements.iter().filter(|s| matches!(s.sid, Sid::ListUsers | Sid::LookUpUsers));
        let allowed = all.allowed.len();
        for statement in finds {
            match simulate(aws, &principal, statement, sample).await {
                Ok(found) => all.add(found),
                Err(failure) => return notes.add(not_simulated(&failure)),
            }
        }
        if all.denied.len() == 1 && all.silent.is_empty() {
            let text = format!(
                "{allowed} actions are allowed; without iam:GetAccountAuthorizationDetails users are looked up one by one"
            );
            return notes.add(Check::ok(ABOUT, text));
        }
    }
    notes.add(all.check());
}

/// What the simulation said of each action that it was asked about.
#[derive(Debug, Default)]
pub(super) struct Simulated {
    pub(super) allowed: Vec<&'static str>,
    denied: Vec<&'static str>,
    /// Nothing.
    pub(super) silent: Vec<&'static str>,
}

impl Simulated {
    fn add(&mut self, other: Self) {
        self.allowed.extend(other.allowed);
        self.denied.extend(other.denied);
        self.silent.extend(other.silent);
    }

    fn check(&self) -> Check {
        let Self { allowed, denied, silent } = self;
        let allowed = allowed.len();
        match (denied.as_slice(), silent.as_slice()) {
            ([], []) => Check::ok(
                ABOUT,
                format!("all {allowed} actions of the policy are allowed, by IAM's simulation"),
            ),
            // What was not answered is not called well.
            ([], silent) => {
                let text = format!(
                    "{allowed} actions are allowed; IAM's simulation says nothing of {}",
                    reasons(silent)
                );
                Check::not_checked(ABOUT, text).hint(HINT)
            }
            (denied, _) => Check::failure(
                ABOUT,
                format!("not allowed, by IAM's simulation: {}", reasons(denied)),
            )
            .hint(HINT),
        }
    }
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

/// The user or role whose policies count.
async fn principal(aws: &Aws, arn: &str) -> Option<String> {
    if arn.contains(":user/") || arn.contains(":role/") {
        return Some(arn.to_owned());
    }
    let Arn { partition, account, resource, .. } = Arn::parse(arn)?;
    let session = resource.strip_prefix("assumed-role/")?;
    let role = session.split('/').next().filter(|role| !role.is_empty())?;
    // A session does not show its role's path; the role does, if the caller may ask.
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
        hooks: Hooks::of(settings.notify()),
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

/// What IAM says of the statement's actions.
async fn simulate(
    aws: &Aws,
    principal: &str,
    statement: &Statement,
    sample: &Sample,
) -> Result<Simulated, Failure> {
    let question = Question {
        about: format!("{:?}", statement.sid),
        principal: principal.to_owned(),
        actions: &statement.action,
        resource: resource(statement, sample),
        context: context(statement),
    };
    ask(aws, question).await
}

/// A simulation: may this principal carry out these actions on this resource?
pub(super) struct Question<'a> {
    pub(super) about: String,
    pub(super) principal: String,
    pub(super) actions: &'a [&'static str],
    pub(super) resource: String,
    pub(super) context: Vec<ContextEntry>,
}

pub(super) async fn ask(aws: &Aws, question: Question<'_>) -> Result<Simulated, Failure> {
    let Question { about, principal, actions, resource, context } = question;
    let op = Op::read("iam:SimulatePrincipalPolicy", about, &aws.inner.limits.iam_reads);
    let call = aws
        .inner
        .iam
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .resource_arns(resource);
    let mut call = call.set_context_entries(Some(context));
    for action in actions {
        call = call.action_names(*action);
    }
    let (mut allowed, mut denied) = (BTreeSet::new(), BTreeSet::new());
    let mut marker: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let call = call.clone().set_marker(marker.clone());
        let page = send(&op, &aws.budget(), || call.clone().send()).await?;
        for result in page.evaluation_results.unwrap_or_default() {
            let name = result.eval_action_name.to_ascii_lowercase();
            match result.eval_decision {
                PolicyEvaluationDecisionType::Allowed => allowed.insert(name),
                _ => denied.insert(name),
            };
        }
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            break;
        }
    }
    let mut found = Simulated::default();
    for action in actions {
        let name = action.to_ascii_lowercase();
        match (denied.contains(&name), allowed.contains(&name)) {
            (true, _) => found.denied.push(action),
            (false, true) => found.allowed.push(action),
            (false, false) => found.silent.push(action),
        }
    }
    Ok(found)
}

/// Something that the statement is about: the sample's user or secret, or whatever fits its
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

/// A text that the pattern fits.
fn fitting(pattern: &str) -> String {
    pattern.replace('*', "keyrot-doctor").replace('?', "a")
}

/// The values that the statement's own conditions ask for.
fn context(statement: &Statement) -> Vec<ContextEntry> {
    let mut entries = Vec::new();
    for (operator, keys) in &statement.condition {
        let kind = match operator.starts_with("ForAnyValue:") {
            true => ContextKeyTypeEnum::StringList,
            false => ContextKeyTypeEnum::String,
        };
        for (key, values) in keys {
            let value = match values {
                OneOrMany::One(value) => value,
                OneOrMany::Many(values) => match values.first() {
                    Some(value) => value,
                    None => continue,
                },
            };
            let entry =
                ContextEntry::builder().context_key_name(key).context_key_type(kind.clone());
            entries.push(entry.context_key_values(fitting(value)).build());
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::doctor::check::Health;
    use crate::tests::{Answer, Script, xml, xml_error};
    use keyrot_core::settings::Sources;
    use keyrot_core::{SecretName, UserArn};

    const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/keyrot/session";

    /// What the caller may not do is denied, each action in a simulation of its own answer.
    fn simulated(actions: &[&'static str], denied: &[&str]) -> Answer {
        let member = |action: &&'static str| {
            let decision = if denied.contains(action) { "implicitDeny" } else { "allowed" };
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>"
            )
        };
        let members: String = actions.iter().map(member).collect();
        xml(
            "SimulatePrincipalPolicy",
            &format!(
                "<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated>"
            ),
        )
    }

    fn settings() -> Settings {
        Settings::load(&Sources::default()).unwrap()
    }

    fn sample() -> Sample {
        Sample {
            user: UserArn::parse("arn:aws:iam::123456789012:user/ci/deployer").ok(),
            secret: SecretName::parse("/iam/deployer/access_key").ok(),
            ..Sample::default()
        }
    }

    fn statements() -> Vec<Statement> {
        Scope::new(Text::fixed("1"), settings().template(), "/", "RotateKey", "True")
            .policy()
            .statement
    }

    async fn found(role: Answer, denied: &[&str], more: Vec<Answer>) -> (Vec<Check>, Script) {
        let answers =
            statements().iter().map(|statement| simulated(&statement.action, denied)).collect();
        answered(role, answers, more).await
    }

    async fn answered(
        role: Answer,
        answers: Vec<Answer>,
        more: Vec<Answer>,
    ) -> (Vec<Check>, Script) {
        let (aws, script) = Script::aws(std::iter::once(role).chain(answers).chain(more)).await;
        let caller = Caller { arn: ROLE.to_owned(), account: "123456789012".to_owned() };
        let mut notes = Notes { checks: Vec::new(), tell: &|_| {} };
        examine(&aws, &settings(), &caller, &sample(), &mut notes).await;
        (notes.checks, script)
    }

    fn role() -> Answer {
        let arn = "arn:aws:iam::123456789012:role/service/keyrot";
        xml(
            "GetRole",
            &format!(
                "<Role><Path>/service/</Path><RoleName>keyrot</RoleName><RoleId>AROA</RoleId><Arn>{arn}</Arn>\
                 <CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>"
            ),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn each_statement_is_simulated_on_what_it_is_about_with_what_it_asks_for() {
        let (checks, script) = found(role(), &[], Vec::new()).await;
        assert_eq!(checks[0].health, Health::Ok, "{checks:?}");
        assert!(checks[0].message.starts_with("all 15 actions"), "{checks:?}");
        assert_eq!(script.actions()[0], "GetRole");
        let requests = script.requests();
        let all: Vec<_> = requests
            .iter()
            .map(|request| request.body.replace("%3A", ":").replace("%2F", "/"))
            .collect();
        assert!(all[1..].iter().all(|body| {
            body.contains("PolicySourceArn=arn:aws:iam::123456789012:role/service/keyrot")
        }));
        let rotates = all.iter().find(|body| body.contains("iam:CreateAccessKey")).unwrap();
        assert!(
            rotates.contains("user/ci/deployer") && rotates.contains("aws:ResourceTag/RotateKey"),
            "{rotates}"
        );
        let reads = all.iter().find(|body| body.contains("GetSecretValue")).unwrap();
        assert!(
            reads.contains("secret:/iam/deployer/access_key-AbCdEf")
                && reads.contains("stringList"),
            "{reads}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_named_with_its_reason() {
        let (checks, _) =
            found(role(), &["iam:DeleteAccessKey", "secretsmanager:TagResource"], Vec::new()).await;
        assert_eq!(checks[0].health, Health::Failure);
        assert!(
            checks[0].message.contains(
                "iam:DeleteAccessKey (delete it); secretsmanager:TagResource (write notes"
            )
        );
        assert!(checks[0].hint.as_deref().unwrap().contains("keyrot policy"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_simulation_says_nothing_of_is_not_called_well() {
        let silent = |denied: &[&str]| {
            let without = |statement: Statement| {
                let rest: Vec<_> = statement
                    .action
                    .into_iter()
                    .filter(|name| *name != "iam:DeleteAccessKey")
                    .collect();
                simulated(&rest, denied)
            };
            statements().into_iter().map(without).collect()
        };
        let (checks, _) = answered(role(), silent(&[]), Vec::new()).await;
        assert_eq!(checks[0].health, Health::NotChecked, "{checks:?}");
        assert_eq!(
            checks[0].message,
            "14 actions are allowed; IAM's simulation says nothing of iam:DeleteAccessKey (delete it)"
        );
        let (checks, _) = answered(role(), silent(&["iam:CreateAccessKey"]), Vec::new()).await;
        assert_eq!(
            checks[0].health,
            Health::Failure,
            "what is denied goes before what is not known: {checks:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn users_may_be_found_one_by_one() {
        let denied = ["iam:GetAccountAuthorizationDetails"];
        let well = vec![
            simulated(&["iam:ListUsers"], &[]),
            simulated(&["iam:ListUserTags", "iam:ListAttachedUserPolicies"], &[]),
        ];
        let (checks, _) = found(role(), &denied, well).await;
        assert!(
            checks[0].health == Health::Ok && checks[0].message.contains("one by one"),
            "{checks:?}"
        );
        let not = vec![
            simulated(&["iam:ListUsers"], &["iam:ListUsers"]),
            simulated(&["iam:ListUserTags", "iam:ListAttachedUserPolicies"], &[]),
        ];
        let (checks, _) = found(role(), &denied, not).await;
        assert_eq!(checks[0].health, Health::Failure);
    }

    #[tokio::test(start_paused = true)]
    async fn where_it_cannot_be_simulated_it_is_not_called_well() {
        for (code, says) in [
            ("AccessDenied", "the caller may not ask"),
            ("InvalidAction", "this endpoint has no"),
            ("NoSuchEntity", "NoSuchEntity"),
        ] {
            let answers = [xml_error(403, "AccessDenied", "no"), xml_error(400, code, "no")];
            let (aws, _) = Script::aws(answers).await;
            let caller = Caller { arn: ROLE.to_owned(), account: "123456789012".to_owned() };
            let mut notes = Notes { checks: Vec::new(), tell: &|_| {} };
            examine(&aws, &settings(), &caller, &sample(), &mut notes).await;
            assert_eq!(notes.checks[0].health, Health::NotChecked);
            assert!(notes.checks[0].message.contains(says), "{:?}", notes.checks);
        }
    }
}
