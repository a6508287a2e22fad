//! The guard holds: an administrator that it does not name can neither tag nor write what keyrot
//! goes by, whatever the spelling; keyrot, its consumers, and everything else go on. Each attempt
//! is made without the guard first, to see that nothing else stops it.
#![cfg(feature = "emulator")]
#![allow(clippy::unwrap_used)]

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_iam::types::Tag as UserTag;
use aws_sdk_secretsmanager::types::Tag as SecretTag;
use keyrot_aws::emulator::{
    ADMINISTRATOR, AccessRequest, Emulator, EmulatorOptions, WorldTime, denied_by,
};
use keyrot_aws::policy::{
    GUARDED, Guard, LONGEST_MANAGED_POLICY, LONGEST_SCP, OneOrMany, Policy, Principal, Scope, Text,
};
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints, TokioClock};
use keyrot_core::memory::World;
use keyrot_core::ports::TagPort;
use keyrot_core::selection::SecretTemplate;
use keyrot_core::{
    Cancel, Credentials, Homes, IamPort, Limits, Mode, Outcome, Ports, Rotator, Selection, select,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

const REGION: &str = "us-east-1";
const SECRET: &str = "/iam/ci/access_key";

fn guard(boundary: bool) -> Policy {
    let scope = Scope {
        region: Text::any(),
        config: Some(Text::fixed("/keyrot/config")),
        ..Scope::new(Text::any(), &SecretTemplate::default(), "/ci/", "RotateKey", "True")
    };
    let principals = ["arn:aws:iam::123456789012:role/emulator", "arn:aws:iam::*:role/ops/*"];
    scope.guard_policy(&Guard {
        principals: principals.into_iter().map(|arn| Principal::parse(arn).unwrap()).collect(),
        function: Text::fixed("keyrot"),
        boundary: boundary.then(|| Text::fixed("keyrot-guard")),
    })
}

fn value(policy: &Policy) -> Value {
    serde_json::to_value(policy).unwrap()
}

struct Account {
    emulator: Arc<Emulator>,
    iam: aws_sdk_iam::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

impl Account {
    /// With a user whose key was rotated once, and an administrator who is not exempt.
    async fn new() -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
        let mallory = world.add_user("mallory", &[]).unwrap();
        world.user_mut(&mallory).unwrap().policies.push(ADMINISTRATOR.to_owned());
        let key = world.add_key(&mallory).unwrap().credentials;
        world.add_user("jane", &[]).unwrap();
        world.advance(Duration::from_secs(3600));
        let options = EmulatorOptions { time: WorldTime::Still, ..EmulatorOptions::default() };
        let emulator = Arc::new(Emulator::start(world, options).unwrap());
        let (iam, secrets) = clients(&emulator, &key).await;
        let account = Self { emulator, iam, secrets };
        account.run().await;
        account
    }

    async fn keyrot(&self) -> Arc<Aws> {
        let admin = self.emulator.admin_credentials();
        let caller = CallerCredentials::new(admin.key.to_string(), admin.secret.clone());
        let settings = AwsSettings::default()
            .with_region(REGION)
            .with_credentials(caller)
            .with_endpoints(Endpoints::all_at(self.emulator.url()));
        Arc::new(Aws::connect(&settings).await.unwrap())
    }

    /// One run of keyrot, as a principal that is exempt.
    async fn run(&self) -> Vec<Outcome> {
        let aws = self.keyrot().await;
        let iam: Arc<dyn IamPort> = aws.clone();
        let ports = Ports {
            iam,
            store: aws.clone(),
            probe: aws.clone(),
            clock: Arc::new(Clock(self.emulator.clone())),
        };
        let users = ports.iam.users("/").await.unwrap();
        let homes = Homes::in_region(REGION);
        let chosen =
            select(&users, &Selection::default(), &homes, &keyrot_core::WaitPolicy::default())
                .chosen;
        let report = Rotator::new(ports)
            .run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await;
        report.users.into_iter().map(|user| user.outcome).collect()
    }
}

/// The account's time, with the machine's for pauses.
struct Clock(Arc<Emulator>);

#[async_trait::async_trait]
impl keyrot_core::Clock for Clock {
    fn now(&self) -> keyrot_core::Timestamp {
        self.0.now()
    }

    fn aws_now(&self) -> Option<keyrot_core::Timestamp> {
        Some(self.0.now())
    }

    async fn sleep(&self, time: Duration) {
        self.0.advance(time);
        TokioClock.sleep(Duration::from_millis(1)).await;
    }

    async fn time_limit(&self, time: Duration) {
        TokioClock.time_limit(time).await;
    }
}

async fn clients(
    emulator: &Emulator,
    key: &Credentials,
) -> (aws_sdk_iam::Client, aws_sdk_secretsmanager::Client) {
    let credentials =
        SdkCredentials::new(key.key.as_str(), key.secret.expose(), None, None, "test");
    let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(REGION));
    // A denial of an account whose clock stands still is taken for a wrong clock, and repeated.
    let loader = loader.retry_config(RetryConfig::disabled());
    let config = loader.endpoint_url(emulator.url()).credentials_provider(credentials).load().await;
    (aws_sdk_iam::Client::new(&config), aws_sdk_secretsmanager::Client::new(&config))
}

fn user_tag(key: &str) -> UserTag {
    UserTag::builder().key(key).value("True").build().unwrap()
}

fn secret_tag(key: &str) -> SecretTag {
    SecretTag::builder().key(key).value("forged").build()
}

/// Whether it was denied; any other failure is the test's own.
fn denied<T: Debug, E: Debug>(result: Result<T, E>) -> bool {
    match result {
        Ok(_) => false,
        Err(error) => {
            let text = format!("{error:?}");
            assert!(text.contains("explicit deny in a service control policy"), "{text}");
            true
        }
    }
}

/// What an attacker tries, each with whether it was denied. In an order in which each can be done
/// if nothing denies it.
async fn attacks(account: &Account) -> Vec<(String, bool)> {
    let Account { iam, secrets, emulator } = account;
    let mut done = Vec::new();
    let mut note = |what: String, denied: bool| done.push((what, denied));
    for key in [
        "RotateKey",
        "rotatekey",
        "ROTATEKEY",
        "keyrot:home",
        "KEYROT:Home",
        "KeyRot:idle",
        "keyROT:of-tomorrow",
    ] {
        note(
            format!("TagUser {key}"),
            denied(iam.tag_user().user_name("jane").tags(user_tag(key)).send().await),
        );
        let both = iam
            .tag_user()
            .user_name("jane")
            .tags(user_tag("team"))
            .tags(user_tag(key))
            .send()
            .await;
        note(format!("TagUser team and {key}"), denied(both));
        note(
            format!("UntagUser {key}"),
            denied(iam.untag_user().user_name("ci").tag_keys(key).send().await),
        );
        let name = format!("new-{}", done_name(key));
        note(
            format!("CreateUser {key}"),
            denied(iam.create_user().user_name(name).tags(user_tag(key)).send().await),
        );
    }
    // Under another path, from where `iam:UpdateUser` could move it.
    let elsewhere = iam
        .create_user()
        .user_name("moved")
        .path("/elsewhere/")
        .tags(user_tag("rotateKEY"))
        .send()
        .await;
    note("CreateUser elsewhere".to_owned(), denied(elsewhere));
    for key in ["keyrot:promoted", "KEYROT:Revoked", "keyrot:user-id"] {
        note(
            format!("TagResource {key}"),
            denied(secrets.tag_resource().secret_id(SECRET).tags(secret_tag(key)).send().await),
        );
        note(
            format!("UntagResource {key}"),
            denied(secrets.untag_resource().secret_id(SECRET).tag_keys(key).send().await),
        );
        let name = format!("anywhere/{}", done_name(key));
        let made = secrets
            .create_secret()
            .name(name)
            .secret_string("{}")
            .tags(secret_tag(key))
            .send()
            .await;
        note(format!("CreateSecret {key}"), denied(made));
    }
    let squat =
        secrets.create_secret().name("/iam/jane/access_key").secret_string("{}").send().await;
    note("CreateSecret of the name".to_owned(), denied(squat));
    let arn = secrets.describe_secret().secret_id(SECRET).send().await.unwrap();
    let current = arn
        .version_ids_to_stages
        .unwrap()
        .into_iter()
        .find(|(_, l)| l.iter().any(|l| l == "AWSCURRENT"))
        .unwrap()
        .0;
    let put = secrets
        .put_secret_value()
        .secret_id(arn.arn.unwrap())
        .secret_string("{\"forged\":1}")
        .send()
        .await;
    note("PutSecretValue by ARN".to_owned(), denied(put));
    let staged = secrets
        .put_secret_value()
        .secret_id(SECRET)
        .secret_string("{}")
        .version_stages("AWSPENDING")
        .send()
        .await;
    note("PutSecretValue under AWSPENDING".to_owned(), denied(staged));
    let moved = secrets
        .update_secret_version_stage()
        .secret_id(SECRET)
        .version_stage("AWSCURRENT")
        .move_to_version_id(&current);
    let now = emulator.world();
    let name = keyrot_core::SecretName::parse(SECRET).unwrap();
    let stands = now
        .secret(&name)
        .unwrap()
        .labelled(keyrot_core::memory::Label::Current)
        .unwrap()
        .to_string();
    note(
        "UpdateSecretVersionStage".to_owned(),
        denied(moved.remove_from_version_id(stands).send().await),
    );
    let policy = secrets.put_resource_policy().secret_id(SECRET).resource_policy("{}").send().await;
    note("PutResourcePolicy".to_owned(), denied(policy));
    note(
        "DeleteResourcePolicy".to_owned(),
        denied(secrets.delete_resource_policy().secret_id(SECRET).send().await),
    );
    note("DeleteSecret".to_owned(), denied(secrets.delete_secret().secret_id(SECRET).send().await));
    note(
        "RestoreSecret".to_owned(),
        denied(secrets.restore_secret().secret_id(SECRET).send().await),
    );
    done
}

fn done_name(key: &str) -> String {
    key.bytes().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_who_is_not_named_is_kept_out_and_only_by_the_guard() {
    let free = Account::new().await;
    for (what, denied) in attacks(&free).await {
        assert!(!denied, "{what} is possible without the guard");
    }
    let account = Account::new().await;
    account.emulator.service_control_policy(Some(value(&guard(false))));
    let before = account.emulator.world();
    for (what, denied) in attacks(&account).await {
        assert!(denied, "{what}");
    }
    let after = account.emulator.world();
    assert!(before.secrets().eq(after.secrets()), "nothing was written");
    let tags = |world: &World| world.users().map(|user| user.tags.clone()).collect::<Vec<_>>();
    assert_eq!(tags(&before), tags(&after));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyrot_its_consumers_and_everything_else_go_on() {
    let account = Account::new().await;
    account.emulator.service_control_policy(Some(value(&guard(false))));
    let Account { iam, secrets, emulator } = &account;
    // Whoever uses the key, and whoever looks.
    let read = secrets.get_secret_value().secret_id(SECRET).send().await.unwrap();
    assert!(read.secret_string.unwrap().contains("AKIA"));
    secrets.describe_secret().secret_id(SECRET).send().await.unwrap();
    // Other tags, other users, other secrets: names that look alike, too.
    for key in
        ["team", "keyrotation", "key:rot", "Rotate", "backup:plan", "my-keyrot:x", "RotateKeys"]
    {
        iam.tag_user()
            .user_name("ci")
            .tags(user_tag(key))
            .send()
            .await
            .unwrap_or_else(|e| panic!("{key}: {e:?}"));
        iam.untag_user().user_name("ci").tag_keys(key).send().await.unwrap();
        secrets.tag_resource().secret_id(SECRET).tags(secret_tag(key)).send().await.unwrap();
        secrets.untag_resource().secret_id(SECRET).tag_keys(key).send().await.unwrap();
    }
    iam.create_user().user_name("plain").send().await.unwrap();
    iam.create_user().user_name("teams").tags(user_tag("team")).send().await.unwrap();
    iam.create_access_key().user_name("jane").send().await.unwrap();
    for name in
        ["/prod/database", "/iam/ci/password", "iam/ci/access_key", "/iam/ci/access_key_of_others"]
    {
        secrets.create_secret().name(name).secret_string("theirs").send().await.unwrap();
        secrets
            .put_secret_value()
            .secret_id(name)
            .secret_string("theirs again")
            .send()
            .await
            .unwrap();
        secrets.put_resource_policy().secret_id(name).resource_policy("{}").send().await.unwrap();
        secrets.delete_secret().secret_id(name).send().await.unwrap();
    }
    // keyrot: a user is enrolled, adopted, rotated, and the old key goes.
    let keyrot = account.keyrot().await;
    keyrot.tag_user(&"jane".parse_name(), "RotateKey", "True").await.unwrap();
    for days in [90, 8, 8, 8, 8, 60] {
        for outcome in account.run().await {
            assert!(!matches!(outcome, Outcome::Failed(_) | Outcome::Blocked(_)), "{outcome:?}");
        }
        emulator.advance(Duration::from_secs(86_400 * days));
    }
    let now = emulator.world();
    for (user, secret) in [("ci", SECRET), ("jane", "/iam/jane/access_key")] {
        let name = keyrot_core::SecretName::parse(secret).unwrap();
        let current =
            now.secret(&name).unwrap().labelled(keyrot_core::memory::Label::Current).unwrap();
        assert!(current.as_str().starts_with("keyrot-key-"), "{user}: {current}");
    }
    keyrot.untag_user(&"jane".parse_name(), "RotateKey").await.unwrap();
}

trait ParseName {
    fn parse_name(&self) -> keyrot_core::UserName;
}

impl ParseName for str {
    fn parse_name(&self) -> keyrot_core::UserName {
        keyrot_core::UserName::parse(self).unwrap()
    }
}

/// What the emulator has no call for.
#[test]
fn every_guarded_action_is_denied_to_others_and_to_nobody_who_is_named() {
    let policy = value(&guard(false));
    let secret = "arn:aws:secretsmanager:eu-west-1:210987654321:secret:/iam/ci/access_key-AbCdEf";
    let role = "arn:aws:iam::123456789012:role/emulator";
    let function = "arn:aws:lambda:eu-west-1:210987654321:function:keyrot";
    let parameter = "arn:aws:ssm:eu-west-1:210987654321:parameter/keyrot/config";
    let user = "arn:aws:iam::210987654321:user/ci/ci";
    let of = |action: &str, sid: &str| match (action.split(':').next().unwrap(), sid) {
        (_, "DenyPrincipalTakeover") => role,
        ("secretsmanager", _) => secret,
        ("lambda", _) => function,
        ("ssm", _) => parameter,
        _ => user,
    };
    let mut seen = BTreeSet::new();
    for statement in &guard(false).statement {
        let sid = format!("{:?}", statement.sid);
        for action in &statement.action {
            let tag = if sid == "DenyRotationTag" { "ROTATEkey" } else { "KeyroT:intent" };
            let by = |who: &str| {
                let request =
                    AccessRequest::new(*action, of(action, &sid)).with("aws:PrincipalArn", [who]);
                if sid.ends_with("Tag") || sid.ends_with("Tags") {
                    request.with("aws:TagKeys", [tag])
                } else {
                    request
                }
            };
            assert!(
                denied_by(&policy, &by("arn:aws:iam::210987654321:role/admin")),
                "{sid} {action}"
            );
            assert!(
                denied_by(&policy, &by("arn:aws:iam::123456789012:role/emulator2")),
                "{sid} {action}"
            );
            assert!(!denied_by(&policy, &by(role)), "{sid} {action}");
            assert!(
                !denied_by(&policy, &by("arn:aws:iam::210987654321:role/ops/jane")),
                "{sid} {action}"
            );
            seen.insert(*action);
        }
    }
    let boundary = guard(true);
    let with_boundary = boundary.actions();
    let listed: BTreeSet<_> = GUARDED.iter().map(|action| action.name).collect();
    assert_eq!(with_boundary, listed, "each is in a statement");
    assert!(seen.is_subset(&listed) && GUARDED.iter().all(|action| action.why.len() > 8));
    // A role that nobody has created yet, and one that takes the name of an exempt one.
    let request = |action: &str, resource: &str| {
        AccessRequest::new(action, resource)
            .with("aws:PrincipalArn", ["arn:aws:iam::210987654321:role/admin"])
    };
    assert!(denied_by(
        &policy,
        &request("iam:CreateRole", "arn:aws:iam::210987654321:role/ops/mallory")
    ));
    assert!(!denied_by(&policy, &request("iam:CreateRole", "arn:aws:iam::210987654321:role/app")));
    assert!(!denied_by(&policy, &request("secretsmanager:GetSecretValue", secret)));
    assert!(!denied_by(
        &policy,
        &request("lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:1:function:other")
    ));
}

#[test]
fn a_boundary_allows_the_rest_and_cannot_be_taken_off() {
    let boundary = guard(true);
    let allows: Vec<_> =
        boundary.statement.iter().filter(|statement| statement.effect == "Allow").collect();
    assert!(
        allows.len() == 1
            && allows[0].action == ["*"]
            && allows[0].resource == OneOrMany::One("*".into())
    );
    let scp = guard(false);
    assert!(
        scp.statement.iter().all(|statement| statement.effect == "Deny"),
        "an SCP gives nobody anything"
    );
    let policy = value(&boundary);
    let by = |action: &str, resource: &str, boundary: Option<&str>| {
        let request = AccessRequest::new(action, resource)
            .with("aws:PrincipalArn", ["arn:aws:iam::210987654321:role/dev"]);
        denied_by(&policy, &request.with("iam:PermissionsBoundary", boundary))
    };
    let (user, own) =
        ("arn:aws:iam::210987654321:user/new", "arn:aws:iam::210987654321:policy/keyrot-guard");
    assert!(
        by("iam:CreateUser", user, None)
            && by("iam:CreateRole", "arn:aws:iam::210987654321:role/new", None)
    );
    assert!(!by("iam:CreateUser", user, Some(own)), "with the boundary");
    assert!(by("iam:CreateUser", user, Some("arn:aws:iam::210987654321:policy/other")));
    assert!(by(
        "iam:PutUserPermissionsBoundary",
        user,
        Some("arn:aws:iam::aws:policy/AdministratorAccess")
    ));
    assert!(
        by("iam:DeleteUserPermissionsBoundary", user, Some(own))
            && by("iam:CreatePolicyVersion", own, None)
    );
    assert!(!by("iam:CreatePolicyVersion", "arn:aws:iam::210987654321:policy/other", None));
    assert!(!by("s3:GetObject", "arn:aws:s3:::bucket/key", None));
}

#[test]
fn it_fits_into_what_aws_takes() {
    let (scp, boundary) = (guard(false).characters(), guard(true).characters());
    assert!(scp < LONGEST_SCP && boundary < LONGEST_MANAGED_POLICY, "{scp} {boundary}");
}
