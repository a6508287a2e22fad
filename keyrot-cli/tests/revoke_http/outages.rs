//! Whatever is down, full, denied or misconfigured, the key is deactivated.

use super::company::{Company, SECRETS, first_line, name, secret};
use keyrot_aws::emulator::{CallAt, Fault, When};
use keyrot_core::memory::World;
use keyrot_core::model::SecretState;
use keyrot_core::{KeyId, KeyStatus};
use serde_json::json;
use std::time::Duration;

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
        company.without_secrets(&fault(status));
        let ran = company.off(&[]);
        company.is_off(&ran);
        assert!(ran.stdout.contains("warning: the rest is not done"), "{}", ran.stdout);

        // A plain revocation needs Secrets Manager. It fails, says that the key still works, and
        // prints the command to run instead.
        let company = Company::new();
        company.without_secrets(&fault(status));
        let ran = company.run(&["revoke", "ci", &company.leaked, "--yes"]);
        assert_eq!((ran.code, company.works()), (Some(1), true), "{} {}", ran.stdout, ran.stderr);
        let ready = format!("keyrot revoke ci {} --without-successor", company.leaked);
        let said = format!("{}{}", ran.stdout, ran.stderr).replace("\n", " ");
        assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(&ready), "{said}");
    }
}

/// Requests from a region other than the home's: a rollback is refused for that reason, and a
/// deactivated key still has to be recorded at the home.
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
fn a_key_that_is_immediately_reactivated_is_not_a_success() {
    let company = Company::new();
    let gate =
        company.emulator.pause(CallAt::first("GetAccountAuthorizationDetails"), When::Before);
    company.emulator.inject(CallAt::every("UpdateAccessKey").after(1), Fault::denied());
    let mut command = company.command(&company.off_args(&[]));
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
    let first = first_line(&ran);
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
    company.without_secrets(&Fault::denied());
    let ran = company.off(&[]);
    company.is_off(&ran);
    assert!(ran.stdout.contains("could not list"), "{}", ran.stdout);
    let called = company.called();
    assert!(
        !called.iter().any(|action| SECRETS.contains(action)),
        "without the user's tags the secret is not known: {called:?}"
    );

    // A deactivation that cannot be confirmed is attempted, but not reported as done.
    let company = Company::new();
    company.emulator.inject(CallAt::every("ListAccessKeys"), Fault::denied());
    let ran = company.off(&[]);
    let first = first_line(&ran);
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
    let first = first_line(&ran);
    assert_eq!((ran.code, company.works()), (Some(1), true), "{}", ran.stdout);
    assert!(first.starts_with(&format!("not done: {} still works", company.leaked)), "{first}");
}

#[test]
fn no_selection_tag_region_or_notifier_prevents_a_revocation() {
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
        // An unusable setting is reported before anything else, and the message says that the key
        // was not changed.
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
            // Another user claims the same secret.
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
    let mut command = company.command(&company.off_args(&[]));
    command.env_remove("AWS_REGION").env_remove("KEYROT_REGION").env_remove("KEYROT_ACCOUNT");
    command.env_remove("AWS_DEFAULT_REGION").env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = company.sandbox.take(&command.output().unwrap());
    company.is_off(&ran);
    assert!(ran.stdout.contains("no AWS region is set"), "{}", ran.stdout);
}

#[test]
fn a_full_quota_of_tags_is_reported_and_does_not_silently_leave_the_key_active() {
    let full = || Fault::Error {
        code: "LimitExceededException".to_owned(),
        message: "The secret has 50 tags.".to_owned(),
        status: 400,
    };
    // This leaves room for this many entries, each in its own tag.
    for room in 0..5 {
        let company = Company::new();
        company.emulator.inject(CallAt::every("TagResource").after(room), full());
        let ran = company.run(&["revoke", "ci", &company.leaked, "--yes"]);
        match company.works() {
            true => {
                assert_eq!(ran.code, Some(1), "{room}: {}", ran.stdout);
                let first = first_line(&ran);
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
