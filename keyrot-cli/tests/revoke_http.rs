//! `keyrot revoke` over HTTP, where everything but IAM is down, full, denied or misconfigured: a
//! revocation revokes.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault, When};
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints};
use keyrot_core::memory::{TrailedUse, World};
use keyrot_core::model::{EndedSessions, SecretState};
use keyrot_core::{IamPort, KeyId, KeyStatus, SecretName, UserName};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;
use support::{Ran, Sandbox};

const SECRETS: [&str; 6] = [
    "DescribeSecret",
    "GetSecretValue",
    "ListSecretVersionIds",
    "CreateSecret",
    "PutSecretValue",
    "TagResource",
];

/// The binary on an emulator with one adopted user.
struct Company {
    emulator: Emulator,
    sandbox: Sandbox,
    /// The key that leaked.
    leaked: String,
}

fn name() -> UserName {
    UserName::parse("ci").unwrap()
}

fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

impl Company {
    /// The user's key is in its secret.
    fn new() -> Self {
        let mut world = World::new(std::time::SystemTime::now().into());
        world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
        let mut company = Self { emulator, sandbox: Sandbox::new(), leaked: String::new() };
        assert_eq!(company.run(&["rotate"]).code, Some(0));
        company.leaked = company.keys()[0].0.clone();
        company.emulator.reset_stats();
        company
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.sandbox.take(&self.command(args).output().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.command(args);
        command.env_remove("KEYROT_SANDBOX").envs(self.emulator.env());
        command
    }

    fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let ran = self.run(&[&["--json"], args].concat());
        let document = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|e| panic!("{e}: {} {}", ran.stdout, ran.stderr));
        support::conforms(&document);
        (ran.code, document)
    }

    fn keys(&self) -> Vec<(String, bool)> {
        let world = self.emulator.world();
        let keys = world.user(&name()).unwrap().keys().iter();
        keys.map(|key| (key.listed.id.to_string(), key.listed.status == KeyStatus::Active))
            .collect()
    }

    fn works(&self) -> bool {
        self.keys().contains(&(self.leaked.clone(), true))
    }

    /// Revokes the key without a successor, by the user's name and the key's id.
    fn off(&self, more: &[&str]) -> Ran {
        self.run(&[&["revoke", "ci", &self.leaked, "--without-successor", "--yes"], more].concat())
    }

    fn called(&self) -> Vec<&'static str> {
        self.emulator
            .stats()
            .actions
            .into_iter()
            .filter(|(_, count)| count.calls > 0)
            .map(|(name, _)| name)
            .collect()
    }

    /// The key was seen Inactive: exit 0, and the first line says so.
    fn is_off(&self, ran: &Ran) {
        let first = ran.stdout.lines().next().unwrap_or_default();
        assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
        assert_eq!(
            first,
            format!("done: {} is Inactive: requests with it are refused", self.leaked),
            "{}",
            ran.stdout
        );
        assert!(!self.works());
    }
}

fn fault(status: u16) -> Fault {
    match status {
        403 => Fault::denied(),
        _ => Fault::Error {
            code: "ServiceUnavailable".to_owned(),
            message: "Secrets Manager is not available.".to_owned(),
            status,
        },
    }
}

#[test]
fn secrets_manager_may_be_down_or_deny_everything() {
    for status in [503, 403] {
        let company = Company::new();
        SECRETS
            .iter()
            .for_each(|action| company.emulator.inject(CallAt::every(action), fault(status)));
        let ran = company.off(&[]);
        company.is_off(&ran);
        assert!(ran.stdout.contains("warning: the rest is not done"), "{}", ran.stdout);

        // A plain revocation needs it; it fails, says that the key works, and has the command
        // ready.
        let company = Company::new();
        SECRETS
            .iter()
            .for_each(|action| company.emulator.inject(CallAt::every(action), fault(status)));
        let ran = company.run(&["revoke", "ci", &company.leaked, "--yes"]);
        assert_eq!((ran.code, company.works()), (Some(1), true), "{} {}", ran.stdout, ran.stderr);
        let ready = format!("keyrot revoke ci {} --without-successor", company.leaked);
        let said = format!("{}{}", ran.stdout, ran.stderr).replace("\n", " ");
        assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(&ready), "{said}");
    }
}

/// From another region than the home's: a way back is refused for that reason, and a key that is
/// off is still to be recorded at the home.
#[test]
fn in_a_wrong_region_requests_say_where_the_home_is() {
    let company = Company::new();
    let there = ["--region", "eu-west-1"];
    let (code, back) = company.json(&[&["rollback", "ci", "--yes"], &there[..]].concat());
    assert_eq!((code, &back["user"]["reason"]), (Some(3), &json!("managed_elsewhere")), "{back}");

    let ran = company.off(&there);
    company.is_off(&ran);
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let command = format!("keyrot revoke ci {} --region us-east-1", company.leaked);
    assert!(!said.contains("holds no key") && said.contains(&command), "{}", ran.stdout);
    let args = command.split(' ').skip(1).chain(["--yes"]).collect::<Vec<_>>();
    assert_eq!(company.run(&args).code, Some(0));
    let SecretState::Present(found) = company.emulator.world().describe_secret(&secret()) else {
        panic!("the secret is there");
    };
    assert_eq!(found.journal.revoked.len(), 1, "{:?}", found.journal);
    assert_eq!(found.journal.revoked[0].key.as_str(), company.leaked);
}

#[test]
fn a_key_that_is_reactivated_at_once_and_stays_so_is_no_success() {
    let company = Company::new();
    let gate =
        company.emulator.pause(CallAt::first("GetAccountAuthorizationDetails"), When::Before);
    company.emulator.inject(CallAt::every("UpdateAccessKey").after(1), Fault::denied());
    let mut command =
        company.command(&["revoke", "ci", &company.leaked, "--without-successor", "--yes"]);
    let ran = std::thread::scope(|scope| {
        let revoking = scope.spawn(move || command.output().unwrap());
        assert!(gate.wait(Duration::from_secs(60)) && !company.works(), "it was seen Inactive");
        let key = KeyId::parse(company.leaked.as_str()).unwrap();
        company
            .emulator
            .change(|world| world.set_key_status(&name(), &key, KeyStatus::Active).unwrap());
        gate.release();
        company.sandbox.take(&revoking.join().unwrap())
    });
    let first = ran.stdout.lines().next().unwrap_or_default();
    assert!(company.works() && ran.code == Some(1), "{:?} {}", ran.code, ran.stdout);
    assert!(first.starts_with("not done: ") && first.contains("still works"), "{}", ran.stdout);
}

#[test]
fn two_permissions_and_two_names_are_enough() {
    let company = Company::new();
    for action in [
        "GetAccountAuthorizationDetails",
        "ListUsers",
        "ListUserTags",
        "ListAttachedUserPolicies",
        "GetAccessKeyLastUsed",
        "GetUserPolicy",
        "LookupEvents",
        "GetCallerIdentity",
    ] {
        company.emulator.inject(CallAt::every(action), Fault::denied());
    }
    SECRETS
        .iter()
        .for_each(|action| company.emulator.inject(CallAt::every(action), Fault::denied()));
    let ran = company.off(&[]);
    company.is_off(&ran);
    assert!(ran.stdout.contains("could not list"), "{}", ran.stdout);
    let called = company.called();
    assert!(
        !called.iter().any(|action| SECRETS.contains(action)),
        "without the user's tags the secret is not known: {called:?}"
    );

    // What cannot be seen is not called done: but it is tried.
    let company = Company::new();
    company.emulator.inject(CallAt::every("ListAccessKeys"), Fault::denied());
    let ran = company.off(&[]);
    let first = ran.stdout.lines().next().unwrap_or_default().to_owned();
    assert_eq!((ran.code, company.works()), (Some(1), false), "{} {}", ran.stdout, ran.stderr);
    assert!(
        first.starts_with(&format!(
            "not done: it is unknown whether {} still works",
            company.leaked
        )),
        "{first}"
    );
    let company = Company::new();
    company.emulator.inject(CallAt::every("UpdateAccessKey"), Fault::denied());
    let ran = company.off(&[]);
    let first = ran.stdout.lines().next().unwrap_or_default().to_owned();
    assert_eq!((ran.code, company.works()), (Some(1), true), "{}", ran.stdout);
    assert!(first.starts_with(&format!("not done: {} still works", company.leaked)), "{first}");
}

#[test]
fn no_selection_no_tag_no_region_and_no_notifier_stands_in_the_way() {
    for settings in [
        &["--exclude", "ci"][..],
        &["--path-prefix", "/elsewhere/"],
        &["--tag", "Nobody=Has"],
        &["--max-changes", "0"],
        &["--notify", "slack env:NOT_SET"],
        &["--secret-name", "/a/fixed/name"],
    ] {
        let company = Company::new();
        let ran = company.off(settings);
        // A setting that cannot be used at all is told before anything else, and says that the key
        // was not touched.
        if ran.code == Some(2) {
            assert!(
                ran.stderr.contains(&format!("{} was not revoked", company.leaked)),
                "{settings:?}: {}",
                ran.stderr
            );
            assert!(
                settings[0] == "--secret-name" || settings[0] == "--max-changes",
                "{settings:?}: {}",
                ran.stderr
            );
            continue;
        }
        company.is_off(&ran);
    }
    type Change = fn(&mut World);
    let changes: [Change; 5] = [
        |world| world.tag_user(&name(), "keyrot:overlap", "two weeks").unwrap(),
        |world| world.tag_user(&name(), "keyrot:secret", "not a name!").unwrap(),
        |world| {
            // Somebody else claims the same secret.
            let other = world.add_user("other", &[("RotateKey", "True")]).unwrap();
            world.tag_user(&other, "keyrot:secret", "/iam/ci/access_key").unwrap();
        },
        |world| world.secret_mut(&secret()).unwrap().deleted = Some(world.now()),
        |world| world.secret_mut(&secret()).unwrap().replica_of = Some("eu-west-1".to_owned()),
    ];
    for change in changes {
        let company = Company::new();
        company.emulator.change(change);
        let ran = company.off(&[]);
        company.is_off(&ran);
    }

    let company = Company::new();
    let mut command =
        company.sandbox.command(&["revoke", "ci", &company.leaked, "--without-successor", "--yes"]);
    command.env_remove("KEYROT_SANDBOX").envs(company.emulator.env()).env_remove("AWS_REGION");
    command.env_remove("KEYROT_REGION").env_remove("KEYROT_ACCOUNT");
    command.env_remove("AWS_DEFAULT_REGION").env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = company.sandbox.take(&command.output().unwrap());
    company.is_off(&ran);
    assert!(ran.stdout.contains("no AWS region is set"), "{}", ran.stdout);
}

#[test]
fn a_full_quota_of_tags_is_told_and_does_not_leave_the_key_active_in_silence() {
    let full = || Fault::Error {
        code: "LimitExceededException".to_owned(),
        message: "The secret has 50 tags.".to_owned(),
        status: 400,
    };
    // Room for so many entries, each in a tag of its own.
    for room in 0..5 {
        let company = Company::new();
        company.emulator.inject(CallAt::every("TagResource").after(room), full());
        let ran = company.run(&["revoke", "ci", &company.leaked, "--yes"]);
        match company.works() {
            true => {
                assert_eq!(ran.code, Some(1), "{room}: {}", ran.stdout);
                let first = ran.stdout.lines().next().unwrap_or_default();
                assert!(
                    first.starts_with(&format!("not done: {} still works", company.leaked)),
                    "{first}"
                );
                let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(
                    said.contains(&format!(
                        "keyrot revoke ci {} --without-successor",
                        company.leaked
                    )),
                    "{said}"
                );
                company.is_off(&company.off(&[]));
            }
            false => company.is_off(&ran),
        }
    }
    let company = Company::new();
    company.emulator.inject(CallAt::every("TagResource"), full());
    company.is_off(&company.off(&[]));
}

#[test]
fn what_is_still_alive_is_told_with_what_ends_it() {
    let company = Company::new();
    let second = company.emulator.change(|world| {
        let made = world.add_key(&name()).unwrap().credentials.key;
        let leaked = KeyId::parse(&company.leaked).unwrap();
        for role in
            ["arn:aws:iam::123456789012:role/team/deployer", "arn:aws:iam::1:role/x; rm -rf ~"]
        {
            let what = TrailedUse {
                service: "sts",
                action: "AssumeRole",
                region: "us-east-1",
                address: "192.0.2.66",
                agent: "thief/1",
                error: None,
                role: Some(role),
            };
            world.note_use(&leaked, &what);
        }
        made
    });
    let (code, record) =
        company.json(&["revoke", "ci", &company.leaked, "--without-successor", "--yes"]);
    assert_eq!(code, Some(0), "{record}");
    let alive = record["still_alive"].as_array().unwrap();
    let command = |what: &str| -> Vec<&str> {
        alive
            .iter()
            .filter(|one| one["what"] == what)
            .filter_map(|one| one["command"].as_str())
            .collect()
    };
    assert_eq!(command("other_key"), [format!("keyrot revoke ci {second} --without-successor")]);
    assert_eq!(
        command("sessions"),
        [format!("keyrot revoke ci {} --without-successor --end-sessions", company.leaked)]
    );
    assert!(command("role_sessions")[0].starts_with(
        "aws iam put-role-policy --role-name deployer --policy-name AWSRevokeOlderSessions"
    ));
    assert!(
        !record.to_string().contains("rm -rf ~"),
        "what is no role's ARN is no role, and in no command"
    );
    assert_eq!(command("caches").len(), 1);
    assert_eq!(record["sessions_ended"], json!(null));

    let ran = company.run(&["revoke", "ci", second.as_str(), "--without-successor", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("What still works") && ran.stdout.contains("--end-sessions"),
        "{}",
        ran.stdout
    );
}

async fn client(company: &Company, key: &str, secret: String, token: Option<String>) -> Aws {
    let mut credentials = CallerCredentials::new(key, keyrot_core::SecretKey::new(secret));
    credentials.session_token = token.map(keyrot_core::SecretKey::new);
    let settings = AwsSettings::default()
        .with_region("us-east-1")
        .with_endpoints(Endpoints::all_at(company.emulator.url()))
        .with_credentials(credentials)
        .with_ignore_profiles(true);
    Aws::connect(&settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sessions_that_were_begun_with_the_key_end_and_the_new_key_goes_on_working() {
    let company = Company::new();
    company.emulator.change(|world| {
        let user = world.user_mut(&name()).unwrap();
        user.policies.push(keyrot_aws::emulator::ADMINISTRATOR.to_owned());
    });
    let secret_of = |key: &str| World::secret_of(&KeyId::parse(key).unwrap()).expose().to_owned();
    let thief = client(&company, &company.leaked, secret_of(&company.leaked), None).await;
    let session = thief
        .mfa_session("arn:aws:iam::123456789012:mfa/ci", keyrot_aws::emulator::MFA_CODE)
        .await
        .unwrap();
    let token = session.session_token.as_ref().map(|token| token.expose().to_owned());
    let session =
        client(&company, &session.key_id, session.secret.expose().to_owned(), token).await;
    session.users("/").await.unwrap();

    // The key is gone, and what was begun with it goes on.
    company.is_off(&company.off(&[]));
    assert!(thief.users("/").await.is_err());
    session.users("/").await.unwrap();

    let (code, record) = company.json(&[
        "revoke",
        "ci",
        &company.leaked,
        "--without-successor",
        "--end-sessions",
        "--yes",
    ]);
    assert_eq!(code, Some(0), "{record}");
    assert!(record["sessions_ended"]["before"].is_string(), "{record}");
    let alive = record["still_alive"].as_array().unwrap();
    assert!(!alive.iter().any(|one| one["what"] == "sessions"), "{record}");
    assert!(session.users("/").await.is_err(), "the session is denied everything");
    let new = company
        .keys()
        .into_iter()
        .find(|(_, active)| *active)
        .map(|(id, _)| id)
        .expect("a successor");
    client(&company, &new, secret_of(&new), None).await.users("/").await.unwrap();

    // Not before its time, and then by whoever looks.
    assert_eq!(company.run(&["resolve", "ci"]).code, Some(0));
    let has = |company: &Company| {
        company.emulator.world().user(&name()).unwrap().inline.contains_key(EndedSessions::POLICY)
    };
    assert!(has(&company));
}

#[test]
fn a_policy_of_somebody_elses_is_not_overwritten_and_no_refusal_stops_the_revocation() {
    type Change = fn(&mut World);
    let mine = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";
    let cases: [(Change, &str); 2] = [
        (
            |world| {
                world
                    .put_user_policy(
                        &name(),
                        EndedSessions::POLICY,
                        "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
                    )
                    .unwrap();
            },
            "keyrot did not write",
        ),
        (
            |world| world.put_user_policy(&name(), "large", &"x".repeat(2_000)).unwrap(),
            "LimitExceeded",
        ),
    ];
    for (change, says) in cases {
        let company = Company::new();
        company.emulator.change(change);
        let (code, record) = company.json(&[
            "revoke",
            "ci",
            &company.leaked,
            "--without-successor",
            "--end-sessions",
            "--yes",
        ]);
        assert_eq!((code, company.works()), (Some(1), false), "{record}");
        assert!(record["sessions_not_ended"].as_str().unwrap().contains(says), "{record}");
        assert_eq!(record["sessions_ended"], json!(null));
    }
    let company = Company::new();
    company.emulator.change(cases_first());
    company.off(&["--end-sessions"]);
    let world = company.emulator.world();
    assert_eq!(world.user(&name()).unwrap().inline[EndedSessions::POLICY], mine);
    let company = Company::new();
    company.emulator.inject(CallAt::every("GetUserPolicy"), Fault::denied());
    let ran = company.off(&["--end-sessions"]);
    assert_eq!((ran.code, company.works()), (Some(1), false), "{}", ran.stdout);
    assert!(
        ran.stdout.starts_with(&format!("done: {} is Inactive", company.leaked)),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("the user's sessions were not ended"), "{}", ran.stdout);
}

fn cases_first() -> fn(&mut World) {
    |world| {
        world
            .put_user_policy(
                &name(),
                EndedSessions::POLICY,
                "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
            )
            .unwrap();
    }
}

#[test]
fn a_revoked_key_that_somebody_reactivates_is_told_and_can_be_taken_back() {
    let sandbox = Sandbox::new();
    let show = |sandbox: &Sandbox| sandbox.json(&["sandbox", "show"]).1;
    let keys = |sandbox: &Sandbox| {
        support::user(&show(sandbox), "ci-deployer")["keys"].as_array().unwrap().clone()
    };
    let leaked = keys(&sandbox)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.run(&["revoke", "ci-deployer", &leaked, "--yes"]).code, Some(0));
    sandbox.run(&["sandbox", "advance", "1h"]);
    sandbox.run(&["sandbox", "reactivate", &leaked]);
    for _ in 0..3 {
        let (code, run) = sandbox.json(&["rotate", "--user", "ci-deployer"]);
        let one = support::user(&run, "ci-deployer");
        assert_eq!((code, &one["reason"]), (Some(3), &json!("revoked_key_reactivated")), "{one}");
        sandbox.run(&["sandbox", "advance", "1d"]);
    }
    let (code, look) = sandbox.json(&["resolve", "ci-deployer", "--dry-run"]);
    let choices: Vec<_> =
        look["choices"].as_array().unwrap().iter().map(|one| one["choice"].clone()).collect();
    assert_eq!(
        (code, choices),
        (
            Some(3),
            vec![json!(format!("deactivate:{leaked}")), json!(format!("reinstate:{leaked}"))]
        )
    );
    let choice = format!("reinstate:{leaked}");
    let (code, done) = sandbox.json(&["resolve", "ci-deployer", "--choose", &choice, "--yes"]);
    assert_eq!((code, &done["user"]["reason"]), (Some(0), &json!("done")), "{done}");
    assert_eq!(done["intended"], json!([{ "reinstate": leaked }]));
    let (code, run) = sandbox.json(&["rotate", "--user", "ci-deployer"]);
    assert_eq!(
        (code, &support::user(&run, "ci-deployer")["reason"]),
        (Some(0), &json!("overlap")),
        "{run}"
    );
}
