//! Checks whether the current version is what it claims: the user's own working key.
//!
//! A version id names a key, but anyone who may write the secret chooses the id. So the value is
//! compared with the id and with IAM's list of the user's keys and, if requested, verified as the
//! user. Only the key's id is kept.
//!
//! A verification changes nothing, but IAM records it as a use: an unused key would look used in
//! audits, and to a run that waits until nothing uses an old key. So it is made only on request.

use crate::doctor::check::{Check, Notes, Verify};
use crate::doctor::wording::some;
use keyrot_core::model::{Content, LabeledVersion, ProbeAnswer, Subject};
use keyrot_core::report::Action;
use keyrot_core::{Credentials, KeyStatus, Ports};
use std::time::Duration;

const ABOUT: &str = "current";
/// How many refusals it takes for one to count, because a server that lags may refuse a good key.
const REFUSALS: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(1);

/// The result for one user.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// There is no key yet.
    Nothing,
    Works,
    /// The right key, but it was not verified.
    Compared,
    Mismatch(String),
    Unknown(String),
}

/// Checks the users with secrets, among the first `read` of `all` users.
pub(super) async fn examine(
    ports: &Ports,
    held: &[(&Subject, LabeledVersion)],
    (read, all): (usize, usize),
    verify: Verify,
    notes: &mut Notes<'_>,
) {
    let (mut works, mut compared, mut unknown) = (0, 0, Vec::new());
    for (subject, held) in held {
        match compare(ports, subject, held, verify).await {
            Found::Nothing => {}
            Found::Works => works += 1,
            Found::Compared => compared += 1,
            Found::Unknown(why) => unknown.push(format!("{}: {why}", subject.user)),
            Found::Mismatch(why) => {
                let user = &subject.user;
                notes.add(Check::failure(ABOUT, format!("{user}: the secret {} {why}", subject.secret)).hint(format!(
                    "find out who wrote it (CloudTrail: PutSecretValue, UpdateSecretVersionStage); {} shows what to do",
                    Action::status(user).command()
                )));
            }
        }
    }
    if !unknown.is_empty() {
        let text = format!("not compared with what it claims: {}", some(&unknown));
        notes.add(
            Check::not_checked(ABOUT, text).hint(
                "it needs iam:ListAccessKeys, secretsmanager:GetSecretValue, and a way to STS",
            ),
        );
    }
    if works + compared > 0 {
        let mut parts = Vec::new();
        if works > 0 {
            parts.push(format!("{works} verified as the user's own key"));
        }
        if compared > 0 {
            parts.push(match verify {
                Verify::No => format!("{compared} as recorded and listed by IAM; not verified"),
                Verify::Yes => format!(
                    "{compared} as recorded and listed by IAM; not verified: an old key there waits until something uses the new one"
                ),
            });
        }
        if read < all {
            parts.push(format!("only the first {read} of {all} users were examined"));
        }
        let check = Check::ok(ABOUT, parts.join("; "));
        notes.add(match verify {
            Verify::No => check.hint(
                "`keyrot doctor --verify` also asks STS with each key, which IAM records as a use",
            ),
            Verify::Yes => check,
        });
    }
}

async fn compare(ports: &Ports, subject: &Subject, held: &LabeledVersion, verify: Verify) -> Found {
    let claimed = match &held.content {
        Content::Placeholder | Content::ForeignEmpty => return Found::Nothing,
        Content::Key { key, .. } | Content::ForeignKey { key, .. } => Some(key),
        Content::Foreign | Content::ForeignOther(_) => None,
    };
    let version = &held.version;
    let credentials = match ports.store.read(&subject.secret, version).await {
        Ok(Some(credentials)) => credentials,
        Ok(None) => {
            let inside = ports.store.inspect_version(&subject.secret, version).await;
            let why = inside.ok().flatten().and_then(|inside| inside.key.err());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            return Found::Mismatch(format!(
                "holds no access key in its current version {version}{why}"
            ));
        }
        Err(error) => return Found::Unknown(error.to_string()),
    };
    let key = &credentials.key;
    if let Some(claimed) = claimed.filter(|claimed| *claimed != key) {
        return Found::Mismatch(format!(
            "claims to hold {claimed} in its current version {version}, and holds {key}"
        ));
    }
    let keys = match ports.iam.list_keys(&subject.user).await {
        Ok(keys) => keys,
        Err(error) => return Found::Unknown(error.to_string()),
    };
    match keys.iter().find(|listed| listed.id == *key) {
        None => {
            return Found::Mismatch(format!("holds {key}, which is not one of the user's keys"));
        }
        Some(listed) if listed.status != KeyStatus::Active => {
            return Found::Mismatch(format!("holds {key}, which is Inactive"));
        }
        Some(_) => {}
    }
    // IAM records a verification as a use of `sts`. While an old key is kept until something uses
    // the new one, it would count as that use.
    if verify == Verify::No
        || keys.iter().any(|other| other.id != *key && other.status == KeyStatus::Active)
    {
        return Found::Compared;
    }
    authenticate(ports, subject, &credentials).await
}

async fn authenticate(ports: &Ports, subject: &Subject, credentials: &Credentials) -> Found {
    let key = &credentials.key;
    let mut refusals = 0;
    loop {
        return match ports.probe.probe(credentials).await {
            Ok(ProbeAnswer::Authenticated(arn)) if arn == subject.arn => Found::Works,
            Ok(ProbeAnswer::Authenticated(arn)) => {
                Found::Mismatch(format!("holds credentials of {arn}"))
            }
            Ok(ProbeAnswer::SomebodyElse(arn)) => {
                Found::Mismatch(format!("holds credentials of {arn}"))
            }
            Ok(ProbeAnswer::Refused | ProbeAnswer::WrongSecret | ProbeAnswer::RefusedBy(_))
                if refusals + 1 < REFUSALS =>
            {
                refusals += 1;
                ports.clock.sleep(BETWEEN).await;
                continue;
            }
            Ok(ProbeAnswer::WrongSecret) => {
                Found::Mismatch(format!("holds {key} with a secret key that is not its own"))
            }
            Ok(ProbeAnswer::Refused) => Found::Mismatch(format!("holds {key}, which AWS refuses")),
            Ok(ProbeAnswer::RefusedBy(said)) => {
                Found::Mismatch(format!("holds {key}, which is valid, but {said}"))
            }
            Err(error) => Found::Unknown(error.to_string()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Health;
    use keyrot_core::memory::{Label, MemoryAccount, Value, World};
    use keyrot_core::model::{SecretState, VersionId};
    use keyrot_core::{
        CallError, Cancel, ErrorKind, Homes, KeyId, Limits, Mode, Rotator, SecretName, Selection,
        Target, UserName, WaitPolicy, select,
    };

    struct Case {
        account: MemoryAccount,
        ports: Ports,
    }

    impl Case {
        /// Returns an account in which `ci` was rotated, and still has its old key.
        async fn new() -> Self {
            let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
            for (name, tags) in [("ci", &[("RotateKey", "True")][..]), ("other", &[])] {
                let user = world.add_user(name, tags).unwrap();
                world.add_key(&user).unwrap();
            }
            let account = MemoryAccount::new(world);
            let case = Self { ports: Ports::of(account.clone()), account };
            let (limits, cancel) = (Limits::default(), Cancel::default());
            Rotator::new(case.ports.clone())
                .run(case.chosen().await, Mode::Act, &limits, &cancel, &|_| {})
                .await;
            case
        }

        /// Returns the same account after the old key was deleted.
        async fn alone() -> Self {
            let case = Self::new().await;
            case.account.change(|world| {
                let current = current_key(world);
                let keys = world.user(&ci()).unwrap().keys().iter();
                let old = keys.map(|key| key.listed.id.clone()).find(|id| *id != current).unwrap();
                world.delete_key(&ci(), &old).unwrap();
                world.advance(Duration::from_secs(3600));
            });
            case
        }

        async fn chosen(&self) -> Vec<Target> {
            let users = self.ports.iam.users("/").await.unwrap();
            select(
                &users,
                &Selection::default(),
                &Homes::in_region("us-east-1"),
                &WaitPolicy::default(),
            )
            .chosen
        }

        async fn check(&self) -> Check {
            self.check_by(Verify::Yes).await
        }

        async fn check_by(&self, verify: Verify) -> Check {
            let subject = self.chosen().await.into_iter().next().unwrap().subject;
            let SecretState::Present(secret) =
                self.ports.store.describe(&subject.secret).await.unwrap()
            else {
                panic!("present")
            };
            let mut notes = Notes { checks: Vec::new(), tell: &|_| {} };
            examine(
                &self.ports,
                &[(&subject, secret.current.unwrap())],
                (1, 1),
                verify,
                &mut notes,
            )
            .await;
            assert_eq!(notes.checks.len(), 1, "{:?}", notes.checks);
            notes.checks.remove(0)
        }

        /// Makes this value current, under an id with the same claim as the previous one.
        fn forge(&self, value: impl FnOnce(&World) -> String) {
            self.account.change(|world| {
                let before =
                    world.secret(&name()).unwrap().labelled(Label::Current).unwrap().to_string();
                let (head, seconds) = before.rsplit_once('-').unwrap();
                let seconds: i64 = seconds.parse().unwrap();
                let version = VersionId::parse(format!("{head}-{}", seconds + 1)).unwrap();
                let value = Value::text(value(world));
                world.put_secret_value(&name(), &version, value, &[Label::Current]).unwrap();
            });
        }
    }

    fn ci() -> UserName {
        UserName::parse("ci").unwrap()
    }

    fn name() -> SecretName {
        SecretName::parse("/iam/ci/access_key").unwrap()
    }

    fn current_key(world: &World) -> KeyId {
        let version = world.secret(&name()).unwrap().labelled(Label::Current).unwrap();
        let Content::Key { key, .. } = Content::of(version) else { panic!("{version}") };
        key
    }

    fn json(key: &KeyId, secret_of: &KeyId) -> String {
        let secret = World::secret_of(secret_of);
        format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":"{}"}}"#, secret.expose())
    }

    #[tokio::test]
    async fn a_correct_key_is_verified_unless_that_would_look_like_a_pickup() {
        let check = Case::alone().await.check().await;
        assert_eq!(
            (check.health, check.message.as_str()),
            (Health::Ok, "1 verified as the user's own key")
        );
        let case = Case::alone().await;
        let before = case.account.change(|world| world.user(&ci()).unwrap().clone());
        let check = case.check_by(Verify::No).await;
        assert_eq!(
            (check.health, check.message.as_str()),
            (Health::Ok, "1 as recorded and listed by IAM; not verified")
        );
        assert!(
            case.account.change(|world| *world.user(&ci()).unwrap() == before),
            "no use was recorded"
        );
        let case = Case::new().await;
        let before = case.account.change(|world| world.user(&ci()).unwrap().clone());
        let check = case.check().await;
        assert!(
            check.health == Health::Ok
                && check.message.contains("waits until something uses the new one"),
            "{check:?}"
        );
        assert!(
            case.account.change(|world| *world.user(&ci()).unwrap() == before),
            "no use was recorded"
        );
    }

    #[tokio::test]
    async fn a_value_that_is_not_what_it_claims_fails_with_the_users_name() {
        const DAMAGED: &str = "with a secret key that is not its own";
        type Value = fn(&World) -> String;
        let others: Value = |world| {
            let other =
                world.user(&UserName::parse("other").unwrap()).unwrap().keys()[0].listed.id.clone();
            json(&other, &other)
        };
        let damaged: Value =
            |world| json(&current_key(world), &KeyId::parse("AKIAXXXXXXXXXXXXXXXX").unwrap());
        let empty: Value = |_| "{}".to_owned();
        for (value, says) in [
            (others, "claims to hold AKIA"),
            (damaged, DAMAGED),
            (empty, ": its JSON object has none of the fields of a key"),
        ] {
            let case = Case::alone().await;
            case.forge(value);
            let check = case.check().await;
            assert_eq!(check.health, Health::Failure, "{check:?}");
            assert!(
                check.message.starts_with("ci: the secret /iam/ci/access_key ")
                    && check.message.contains(says),
                "{check:?}"
            );
            // Without a verification, a damaged secret key does not show; another key does.
            let compared = case.check_by(Verify::No).await;
            assert_eq!(compared.health == Health::Failure, says != DAMAGED, "{compared:?}");
            let secret = case
                .account
                .change(|world| World::secret_of(&current_key(world)).expose().to_owned());
            assert!(!format!("{check:?}").contains(&secret), "{check:?}");
        }
        let case = Case::alone().await;
        let key = case.account.change(|world| current_key(world));
        case.ports.iam.deactivate_key(&ci(), &key).await.unwrap();
        case.account.change(|world| world.advance(Duration::from_secs(3600)));
        assert!(case.check().await.message.contains("which is Inactive"));
    }

    struct OutOfReach;

    #[async_trait::async_trait]
    impl keyrot_core::CredentialProbe for OutOfReach {
        async fn probe(&self, _: &Credentials) -> Result<ProbeAnswer, CallError> {
            Err(CallError::refused(ErrorKind::Unavailable, "sts: no answer"))
        }
    }

    #[tokio::test]
    async fn a_check_that_could_not_be_made_is_not_reported_as_ok() {
        let case = Case::alone().await;
        let case = Case {
            ports: Ports { probe: std::sync::Arc::new(OutOfReach), ..case.ports.clone() },
            ..case
        };
        let check = case.check().await;
        assert!(
            check.health == Health::NotChecked && check.message.contains("ci: sts: no answer"),
            "{check:?}"
        );
    }
}
