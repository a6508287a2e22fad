//! Checks the selected users' rights that affect keyrot. Their keys are published: anyone who reads
//! such a secret has these rights.

use super::caller::partition;
use super::check::{Check, Notes};
use super::context::Context;
use super::simulation::{Question, ask};
use super::wording::{self, some};
use crate::calls::errors::Failure;
use crate::connection::{Aws, Caller};
use keyrot_core::model::{HOME_TAG, Subject};
use keyrot_core::settings::Settings;
use keyrot_core::{IamUser, Selected, Target};

pub(super) const ABOUT: &str = "rights";
pub(super) const HINT: &str = "give these users what their jobs need and no more; keyrot policy --for guard prints an SCP that keeps everybody \
                               but those you name from tags and secrets (docs/deploy.md)";
/// The number of users that are simulated, with three calls each.
const USERS: usize = 10;

/// Simulates the first users. Other principals that may tag users or write secrets are not checked:
/// IAM can't simulate all of them.
pub(super) async fn examine(
    aws: &Aws,
    settings: &Settings,
    caller: &Caller,
    selected: &[Subject],
    notes: &mut Notes<'_>,
) {
    let (mut over_others, mut steering, mut silent) = (Vec::new(), Vec::new(), Vec::new());
    let examined = &selected[..selected.len().min(USERS)];
    for subject in examined {
        let found = match rights(aws, settings, caller, subject).await {
            Ok(found) => found,
            Err(failure) => {
                let text = format!("not simulated for {}: {}", subject.user, why(&failure));
                return notes.add(Check::not_checked(ABOUT, text).hint(
                    "allow iam:SimulatePrincipalPolicy on the selected users; keyrot policy --for operator has it",
                ));
            }
        };
        let user = &subject.user;
        if found.others {
            over_others.push(user.to_string());
        }
        if !found.own.is_empty() {
            steering.push(format!("{user} ({})", found.own.join(", ")));
        }
        if !found.silent.is_empty() {
            silent.push(format!("{user} ({})", found.silent.join(", ")));
        }
    }
    let mut warn = |found: &[String], what: &str| {
        if !found.is_empty() {
            let text = format!("{} may {what}: {}", wording::users(found.len()), some(found));
            notes.add(Check::warning(ABOUT, text).hint(HINT));
        }
    };
    warn(
        &over_others,
        "create keys of other users, by IAM's simulation, so everything that reads their secret may, too",
    );
    warn(&steering, "change what keyrot relies on: their own tags, or their own secret");
    if !silent.is_empty() {
        notes.add(Check::not_checked(
            ABOUT,
            format!("IAM's simulation says nothing of {}", some(&silent)),
        ));
    }
    if examined.len() < selected.len() {
        let rest = selected.len() - examined.len();
        notes.add(Check::not_checked(
            ABOUT,
            format!("{rest} more selected users: only the first {USERS} are simulated"),
        ));
    }
    if !examined.is_empty() && over_others.is_empty() && steering.is_empty() && silent.is_empty() {
        let text = format!(
            "{} may neither create keys of other users, nor change their own tags or secret, by IAM's simulation; roles and other users were not examined",
            wording::users(examined.len())
        );
        notes.add(Check::ok(ABOUT, text));
    }
}

fn why(failure: &Failure) -> String {
    match () {
        () if failure.is_denied() => {
            "the caller may not ask for iam:SimulatePrincipalPolicy".to_owned()
        }
        () if failure.is(&["InvalidAction", "UnknownOperationException", "NotImplemented"]) => {
            "this endpoint has no iam:SimulatePrincipalPolicy".to_owned()
        }
        () => failure.error.to_string(),
    }
}

#[derive(Default)]
struct Rights {
    /// The user may create other users' keys.
    others: bool,
    /// What the user may do to its own tags and its own secret.
    own: Vec<&'static str>,
    silent: Vec<&'static str>,
}

async fn rights(
    aws: &Aws,
    settings: &Settings,
    caller: &Caller,
    subject: &Subject,
) -> Result<Rights, Failure> {
    let (partition, account, region) = (partition(caller), &caller.account, aws.region());
    // The user need not exist (IAM API reference, `SimulatePrincipalPolicy`).
    let somebody = format!("arn:{partition}:iam::{account}:user/keyrot-doctor-somebody-else");
    let secret = format!(
        "arn:{partition}:secretsmanager:{region}:{account}:secret:{}-AbCdEf",
        subject.secret
    );
    let ask = async |actions: &[&'static str], resource: String, tags: &[&str]| {
        let principal = subject.arn.to_string();
        let context = Context::of(aws, &principal, actions, &resource);
        let context = if tags.is_empty() { context } else { context.tag_keys(tags) };
        let about = format!("user {}", subject.user);
        ask(aws, Question { about, principal, actions, resource, context }).await
    };
    let others = ask(&["iam:CreateAccessKey"], somebody, &[]).await?;
    let tagging =
        ask(&["iam:TagUser"], subject.arn.to_string(), &[&settings.selection().tag, HOME_TAG])
            .await?;
    let writing = ["secretsmanager:PutSecretValue", "secretsmanager:TagResource"];
    let writing = ask(&writing, secret, &["keyrot:promoted"]).await?;
    let mut rights = Rights { others: !others.allowed.is_empty(), ..Rights::default() };
    for found in [&tagging, &writing] {
        rights.own.extend(&found.allowed);
    }
    // A right that depends on unknown values does not count as missing.
    for found in [&tagging, &writing, &others] {
        rights.silent.extend(found.unknown());
    }
    Ok(rights)
}

/// The managed policies that allow changing every user (AWS managed policy reference).
pub(crate) const OF_ADMINISTRATORS: [&str; 2] = ["AdministratorAccess", "IAMFullAccess"];

/// Returns the selected administrators. The list of users has attached policies; only a simulation
/// shows those of groups and inline ones.
pub(crate) fn administrators(users: &[IamUser], selected: &Selected, notes: &mut Notes<'_>) {
    let powerful = |one: &Target| {
        let user = users.iter().find(|user| user.arn == one.subject.arn)?;
        let policy =
            user.policies.iter().find(|name| OF_ADMINISTRATORS.contains(&name.as_str()))?;
        Some(format!("{} ({policy})", one.subject.user))
    };
    let found: Vec<String> = selected.chosen.iter().filter_map(powerful).collect();
    if !found.is_empty() {
        let text = format!(
            "{} with an administrator's policy attached: {}",
            wording::users(found.len()),
            some(&found)
        );
        notes.add(Check::warning(ABOUT, text).hint(HINT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Health;
    use crate::tests::{Answer, Script, xml, xml_error};
    use keyrot_core::model::UserId;
    use keyrot_core::settings::Sources;
    use keyrot_core::{Homes, IamUser, Selection, UserArn, WaitPolicy, select};

    fn subjects(count: usize) -> Vec<Subject> {
        let user = |n: usize| IamUser {
            id: UserId::parse(format!("AIDAJQABLZS4A3QDU5{n:03}")).unwrap(),
            arn: UserArn::parse(format!("arn:aws:iam::123456789012:user/ci{n:03}")).unwrap(),
            created: None,
            tags: [("RotateKey".to_owned(), "True".to_owned())].into(),
            policies: Vec::new(),
        };
        let users: Vec<_> = (0..count).map(user).collect();
        let homes = Homes::in_region("eu-west-1");
        let chosen = select(&users, &Selection::default(), &homes, &WaitPolicy::default()).chosen;
        chosen.into_iter().map(|one| one.subject).collect()
    }

    /// Answers for one user that may do what is named.
    fn answers(may: &[&str]) -> Vec<Answer> {
        let simulated: [&[&str]; 3] = [
            &["iam:CreateAccessKey"],
            &["iam:TagUser"],
            &["secretsmanager:PutSecretValue", "secretsmanager:TagResource"],
        ];
        let answer = |actions: &[&str]| {
            let member = |action: &&str| {
                let decision = if may.contains(action) { "allowed" } else { "implicitDeny" };
                format!(
                    "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>"
                )
            };
            let members: String = actions.iter().map(member).collect();
            let body = format!(
                "<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated>"
            );
            xml("SimulatePrincipalPolicy", &body)
        };
        simulated.into_iter().map(answer).collect()
    }

    async fn found(count: usize, answers: Vec<Answer>) -> (Vec<Check>, Script) {
        let (aws, script) = Script::aws(answers).await;
        let settings = Settings::load(&Sources::default()).unwrap();
        let arn = "arn:aws:sts::123456789012:assumed-role/keyrot/session".to_owned();
        let caller = Caller { arn, account: "123456789012".to_owned() };
        let mut notes = Notes { checks: Vec::new(), tell: &|_| {} };
        examine(&aws, &settings, &caller, &subjects(count), &mut notes).await;
        (notes.checks, script)
    }

    #[tokio::test(start_paused = true)]
    async fn users_who_may_influence_keyrot_are_named_with_what_they_may_do() {
        let more = [
            answers(&["iam:CreateAccessKey", "iam:TagUser", "secretsmanager:PutSecretValue"]),
            answers(&[]),
        ];
        let (checks, script) = found(2, more.into_iter().flatten().collect()).await;
        assert!(checks.iter().all(|check| check.health == Health::Warning), "{checks:?}");
        assert!(
            checks[0].message.starts_with("1 selected user may create keys of other users"),
            "{checks:?}"
        );
        assert!(checks[0].message.ends_with(": ci000"), "{checks:?}");
        assert!(
            checks[1].message.ends_with("ci000 (iam:TagUser, secretsmanager:PutSecretValue)"),
            "{checks:?}"
        );
        assert_eq!(checks.len(), 2);
        let requests = script.requests();
        let bodies: Vec<_> =
            requests.iter().map(|r| r.body.replace("%3A", ":").replace("%2F", "/")).collect();
        assert!(
            bodies
                .iter()
                .take(3)
                .all(|body| body.contains("PolicySourceArn=arn:aws:iam::123456789012:user/ci000"))
        );
        assert!(
            bodies[0].contains("user/keyrot-doctor-somebody-else"),
            "another user's key: {}",
            bodies[0]
        );
        assert!(
            bodies[1].contains("member.1=arn:aws:iam::123456789012:user/ci000")
                && bodies[1].contains("RotateKey")
        );
        assert!(bodies[2].contains(":secret:/iam/ci000/access_key-AbCdEf"), "{}", bodies[2]);
    }

    #[tokio::test(start_paused = true)]
    async fn ok_says_what_was_checked_and_no_more() {
        let (checks, _) = found(2, (0..2).flat_map(|_| answers(&[])).collect()).await;
        assert_eq!((checks.len(), checks[0].health), (1, Health::Ok));
        assert!(
            checks[0].message.ends_with("roles and other users were not examined"),
            "{checks:?}"
        );
        let (checks, script) = found(12, (0..10).flat_map(|_| answers(&[])).collect()).await;
        assert_eq!(checks[0].health, Health::NotChecked);
        assert!(checks[0].message.starts_with("2 more selected users"), "{checks:?}");
        assert_eq!(script.requests().len(), 30);
        assert!(found(0, Vec::new()).await.0.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_denied_simulation_is_not_checked_and_not_failed() {
        for code in ["AccessDenied", "InvalidAction"] {
            let (checks, _) = found(2, vec![xml_error(403, code, "no")]).await;
            assert_eq!((checks.len(), checks[0].health), (1, Health::NotChecked), "{checks:?}");
            assert!(checks[0].message.contains("iam:SimulatePrincipalPolicy"));
        }
    }
}
