//! The users' secrets and keys.

use super::{about, account, document, keyrot};
use keyrot_aws::emulator::Emulator;
use keyrot_core::memory::{Label, Value as SecretValue};
use keyrot_core::model::VersionId;
use keyrot_core::{SecretName, UserName};

#[test]
fn secrets_elsewhere_or_of_another_user_are_reported() {
    let emulator = account();
    let mut env = emulator.env();
    env.iter_mut()
        .filter(|(name, _)| *name == "KEYROT_REGION")
        .for_each(|(_, value)| *value = "us-east-1".to_owned());
    let ran = keyrot(&env, &["doctor", "--json"]);
    let found = document(&ran);
    let (health, message) = about(&found, "secrets")[0];
    assert_eq!((ran.code, health), (Some(1), "failure"), "{}", ran.stdout);
    assert!(
        message.contains("ci: /iam/ci/access_key in eu-west-1, account 123456789012"),
        "{message}"
    );
    // Another user's secret, and one that does not show whose it is.
    let (user, name) =
        (UserName::parse("ci").unwrap(), SecretName::parse("/iam/ci/access_key").unwrap());
    emulator.change(|world| {
        world.untag_user(&user, "keyrot:home").unwrap();
        world
            .tag_secret(
                &name,
                "keyrot:user-id",
                "AIDAOTHEROTHEROTHER01 123456789012 other".to_owned(),
            )
            .unwrap();
    });
    let bad = || {
        about(&document(&keyrot(&emulator.env(), &["doctor", "--json"])), "secrets")[0].1.to_owned()
    };
    assert!(bad().contains("/iam/ci/access_key belongs to another user, other"), "{}", bad());
    emulator.change(|world| {
        world.erase_secret(&name);
        world.create_secret(&name, None).unwrap();
    });
    assert!(bad().contains("nothing in it shows that it is ci's"), "{}", bad());
}

#[test]
fn a_forged_version_fails_with_the_users_name_and_an_administrator_is_a_warning() {
    let emulator = account();
    let ran = keyrot(&emulator.env(), &["--json", "doctor"]);
    let found = document(&ran);
    assert_eq!(about(&found, "current"), [("ok", "1 as recorded and listed by IAM; not verified")]);
    assert_eq!(about(&found, "rights")[0].0, "not_checked", "the emulator has no simulation");
    // Another user's working credentials, under an id that names the user's own key.
    let name = SecretName::parse("/iam/ci/access_key").unwrap();
    let theirs = emulator.change(|world| {
        let other = UserName::parse("other").unwrap();
        let theirs = world.add_key(&other).unwrap().credentials;
        let current = world.secret(&name).unwrap().labelled(Label::Current).unwrap().to_string();
        let (head, seconds) = current.rsplit_once('-').unwrap();
        let forged =
            VersionId::parse(format!("{head}-{}", seconds.parse::<i64>().unwrap() + 1)).unwrap();
        world
            .put_secret_value(
                &name,
                &forged,
                SecretValue::credentials(&theirs, None),
                &[Label::Current],
            )
            .unwrap();
        world
            .user_mut(&UserName::parse("ci").unwrap())
            .unwrap()
            .policies
            .push("AdministratorAccess".to_owned());
        theirs
    });
    let ran = keyrot(&emulator.env(), &["--json", "doctor"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    let found = document(&ran);
    let (health, message) = about(&found, "current")[0];
    assert!(
        health == "failure"
            && message.starts_with("ci: the secret /iam/ci/access_key claims to hold"),
        "{message}"
    );
    assert!(message.ends_with(theirs.key.as_str()), "{message}");
    let (health, message) = about(&found, "rights")[0];
    assert_eq!(
        (health, message),
        (
            "warning",
            "1 selected user with an administrator's policy attached: ci (AdministratorAccess)"
        )
    );
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(theirs.secret.expose()), "a secret key was printed");
    }
}

#[test]
fn a_key_is_verified_only_on_request() {
    let emulator = account();
    emulator.change(|world| {
        let ci = UserName::parse("ci").unwrap();
        let old = world
            .user(&ci)
            .unwrap()
            .keys()
            .iter()
            .map(|key| key.listed.clone())
            .min_by_key(|key| key.created)
            .unwrap();
        world.delete_key(&ci, &old.id).unwrap();
        world.forget_stale_listing(&ci);
    });
    let uses = |emulator: &Emulator| {
        emulator.stats().actions.get("GetCallerIdentity").map_or(0, |count| count.calls)
    };
    assert_eq!(keyrot(&emulator.env(), &["doctor"]).code, Some(0));
    let before = uses(&emulator);
    assert_eq!(before, 1, "only whose the caller's own credentials are");
    let found = document(&keyrot(&emulator.env(), &["--json", "doctor", "--verify"]));
    assert_eq!(about(&found, "current"), [("ok", "1 verified as the user's own key")]);
    assert_eq!(uses(&emulator), before + 2);
}
