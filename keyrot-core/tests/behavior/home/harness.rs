//! An account with one user, and runs for it in either region.

use keyrot_core::memory::{Label, MemoryAccount, Value, World};
use keyrot_core::model::{HOME_TAG, VersionId};
use keyrot_core::{
    Blocked, Cancel, Credentials, Event, EventKind, Homes, KeyId, KeyStatus, Limits, Mode, Outcome,
    Ports, Rotator, SecretName, Selection, Target, UserName, UserResult, WaitPolicy, Waits, select,
};
use std::time::Duration;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) const HERE: &str = "us-east-1";

pub(crate) const THERE: &str = "eu-west-1";

pub(crate) fn secret() -> SecretName {
    "/iam/ci/access_key".parse().unwrap()
}

pub(crate) fn user() -> UserName {
    "ci".parse().unwrap()
}

/// Returns an account with one user that has one key.
pub(crate) fn account() -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user).unwrap();
    world.advance(DAY);
    let account = MemoryAccount::new(world);
    account.watch(&user, &secret(), &WaitPolicy::new(Waits::default(), false).unwrap());
    account
}

pub(crate) fn chosen(account: &MemoryAccount, homes: &Homes) -> Vec<Target> {
    let users = account.world().list_users("/");
    select(&users, &Selection::default(), homes, &WaitPolicy::default()).chosen
}

/// A consumer reads the secret and uses its content.
pub(crate) fn consume(account: &MemoryAccount) {
    account.change(|world| {
        let found = world.secret(&secret());
        let current = found
            .and_then(|found| found.value(found.labelled(Label::Current)?))
            .and_then(Value::read);
        if let Some(credentials) = current {
            world.authenticate(&credentials, "s3", HERE);
        }
    });
}

pub(crate) async fn work(account: &MemoryAccount, homes: &Homes, mode: Mode) -> UserResult {
    let rotator = Rotator::new(Ports::of(account.clone()));
    let report = rotator
        .run(chosen(account, homes), mode, &Limits::default(), &Cancel::default(), &|_| {})
        .await;
    assert_eq!(account.broken(), []);
    report.users.into_iter().next().unwrap()
}

pub(crate) async fn run(account: &MemoryAccount, homes: &Homes) -> UserResult {
    work(account, homes, Mode::Act).await
}

pub(crate) async fn blocked(account: &MemoryAccount, homes: &Homes) -> Blocked {
    let before = account.world();
    match run(account, homes).await.outcome {
        Outcome::Blocked(why) => {
            assert_eq!(account.world(), before, "who is blocked changes nothing");
            why
        }
        other => panic!("expected blocked, found {other:?}"),
    }
}

pub(crate) fn active(account: &MemoryAccount) -> Vec<KeyId> {
    let world = account.world();
    let keys = world.user(&user()).unwrap().keys();
    keys.iter()
        .filter(|key| key.listed.status == KeyStatus::Active)
        .map(|key| key.listed.id.clone())
        .collect()
}

pub(crate) fn here() -> Homes {
    Homes::in_region(HERE)
}

pub(crate) fn there() -> Homes {
    Homes::in_region(THERE)
}

pub(crate) fn tag(account: &MemoryAccount) -> Option<String> {
    account.world().user(&user()).unwrap().tags.get(HOME_TAG).cloned()
}

pub(crate) fn untag(account: &MemoryAccount) {
    account.change(|world| world.untag_user(&user(), HOME_TAG).unwrap());
}

pub(crate) fn events(standing: &UserResult) -> Vec<&EventKind> {
    standing.events.iter().map(|Event { kind, .. }| kind).collect()
}

/// Creates a secret as another program would, with these credentials.
pub(crate) fn by_hand(account: &MemoryAccount, credentials: Option<&Credentials>) {
    let value = credentials.map_or_else(|| Value::text("{}"), |own| Value::credentials(own, None));
    let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
    account.change(|world| world.create_secret(&secret(), Some((version, value))).unwrap());
}

pub(crate) fn first_key(account: &MemoryAccount) -> Credentials {
    World::credentials_of(&active(account)[0])
}
