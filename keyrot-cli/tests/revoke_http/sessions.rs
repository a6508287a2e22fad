//! What still works after a key was deactivated, and what ends it.

use super::company::{Company, name};
use keyrot_aws::emulator::{ADMINISTRATOR, CallAt, Fault, MFA_CODE};
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints};
use keyrot_core::memory::{TrailedUse, World};
use keyrot_core::model::EndedSessions;
use keyrot_core::{IamPort, KeyId};
use serde_json::json;

/// A policy that keyrot did not write.
const THEIRS: &str = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";

#[test]
fn live_sessions_are_reported_with_how_to_end_them() {
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
    let (code, record) = company.off_json(&[]);
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
        ran.stdout.contains("What may still work") && ran.stdout.contains("--end-sessions"),
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
async fn sessions_of_the_key_end_and_the_new_key_keeps_working() {
    let company = Company::new();
    company.emulator.change(|world| world.attach_user_policy(&name(), ADMINISTRATOR)).unwrap();
    let secret_of = |key: &str| World::secret_of(&KeyId::parse(key).unwrap()).expose().to_owned();
    let thief = client(&company, &company.leaked, secret_of(&company.leaked), None).await;
    let session = thief.mfa_session("arn:aws:iam::123456789012:mfa/ci", MFA_CODE).await.unwrap();
    let token = session.session_token.as_ref().map(|token| token.expose().to_owned());
    let session =
        client(&company, &session.key_id, session.secret.expose().to_owned(), token).await;
    session.users("/").await.unwrap();

    // The key is gone, but its sessions continue.
    company.is_off(&company.off(&[]));
    assert!(thief.users("/").await.is_err());
    session.users("/").await.unwrap();

    let (code, record) = company.off_json(&["--end-sessions"]);
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

    // The policy is not removed before its time, and then by the next command for the user.
    assert_eq!(company.run(&["resolve", "ci"]).code, Some(0));
    let has = |company: &Company| {
        company.emulator.world().user(&name()).unwrap().inline.contains_key(EndedSessions::POLICY)
    };
    assert!(has(&company));
}

#[test]
fn a_foreign_policy_is_not_overwritten_and_no_refusal_stops_the_revocation() {
    type Change = fn(&mut World);
    let theirs: Change =
        |world| world.put_user_policy(&name(), EndedSessions::POLICY, THEIRS).unwrap();
    let cases: [(Change, &str); 2] = [
        (theirs, "keyrot did not write"),
        (
            |world| world.put_user_policy(&name(), "large", &"x".repeat(2_000)).unwrap(),
            "LimitExceeded",
        ),
    ];
    for (change, says) in cases {
        let company = Company::new();
        company.emulator.change(change);
        let (code, record) = company.off_json(&["--end-sessions"]);
        assert_eq!((code, company.works()), (Some(1), false), "{record}");
        assert!(record["sessions_not_ended"].as_str().unwrap().contains(says), "{record}");
        assert_eq!(record["sessions_ended"], json!(null));
    }
    let company = Company::new();
    company.emulator.change(theirs);
    company.off(&["--end-sessions"]);
    let world = company.emulator.world();
    assert_eq!(world.user(&name()).unwrap().inline[EndedSessions::POLICY], THEIRS);
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
