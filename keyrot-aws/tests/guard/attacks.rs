//! What an administrator who is not named tries, and what everyone else continues to do.

use super::account::{Account, SECRET, secret_tag, user_tag};
use super::{guard, value};
use keyrot_core::Outcome;
use keyrot_core::memory::World;
use keyrot_core::ports::TagPort;
use std::fmt::Debug;
use std::time::Duration;

/// Returns whether the call was denied; any other failure is an error in the test.
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

/// Returns what an attacker tries, each with whether it was denied, in an order in which each can
/// be done if nothing denies it.
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
    // The user is under another path, from which `iam:UpdateUser` could move it.
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
async fn keyrot_its_consumers_and_everything_else_keep_working() {
    let account = Account::new().await;
    account.emulator.service_control_policy(Some(value(&guard(false))));
    let Account { iam, secrets, emulator } = &account;
    // Those who use the key, and those who only read.
    let read = secrets.get_secret_value().secret_id(SECRET).send().await.unwrap();
    assert!(read.secret_string.unwrap().contains("AKIA"));
    secrets.describe_secret().secret_id(SECRET).send().await.unwrap();
    // Other tags, other users, other secrets, including similar names.
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
    // keyrot: a user is enrolled, adopted and rotated, and the old key is deleted.
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
