//! A user that is at rest at its home, and a move to another home.

use keyrot_core::engine::Moved;
use keyrot_core::memory::{Label, MemoryAccount, World};
use keyrot_core::model::{HOME_TAG, HomeTag, ProbeAnswer};
use keyrot_core::{
    Cancel, Credentials, Homes, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Rotator,
    SecretName, Selection, Target, UserName, UserResult, WaitPolicy, select,
};
use std::time::Duration;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) const OLD: &str = "us-east-1";

pub(crate) const NEW: &str = "eu-west-1";

pub(crate) fn secret() -> SecretName {
    "/iam/ci/access_key".parse().unwrap()
}

pub(crate) fn user() -> UserName {
    "ci".parse().unwrap()
}

/// Returns an account with one user, which was rotated in the old region and is at rest there.
pub(crate) async fn at_rest() -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user).unwrap();
    world.advance(DAY);
    let account = MemoryAccount::new(world);
    until_settled(&account, OLD).await;
    account
}

pub(crate) fn homes(region: &str) -> Homes {
    Homes::in_region(region)
}

pub(crate) fn chosen(account: &MemoryAccount, homes: &Homes) -> Vec<Target> {
    let users = account.world().list_users("/");
    select(&users, &Selection::default(), homes, &WaitPolicy::default()).chosen
}

pub(crate) fn published(account: &MemoryAccount, region: &str) -> Option<Credentials> {
    let world = account.in_region(region).world();
    let found = world.secret(&secret())?;
    found.value(found.labelled(Label::Current)?)?.read()
}

/// A consumer reads the secret in that region and uses its content. At the user's home, it works.
pub(crate) fn consume(account: &MemoryAccount, region: &str) -> Option<KeyId> {
    let credentials = published(account, region)?;
    let answer = account.change(|world| world.authenticate(&credentials, "s3", region));
    let works = matches!(answer, ProbeAnswer::Authenticated(_));
    assert!(
        works || matches!(tag(account), HomeTag::At(home) if home.place().region != region),
        "{answer:?}"
    );
    Some(credentials.key).filter(|_| works)
}

pub(crate) fn active(account: &MemoryAccount) -> Vec<KeyId> {
    let world = account.world();
    let all = world
        .list_users("/")
        .into_iter()
        .flat_map(|listed| world.user(listed.arn.name()).unwrap().keys().to_vec());
    all.filter(|key| key.listed.status == KeyStatus::Active).map(|key| key.listed.id).collect()
}

pub(crate) async fn run(account: &MemoryAccount, region: &str) -> UserResult {
    let account = account.in_region(region);
    let rotator = Rotator::new(Ports::of(account.clone()));
    let chosen = chosen(&account, &homes(region));
    let report =
        rotator.run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    report.users.into_iter().next().unwrap()
}

pub(crate) async fn until_settled(account: &MemoryAccount, region: &str) {
    for _ in 0..60 {
        consume(account, region);
        if matches!(run(account, region).await.outcome, Outcome::Settled { .. }) {
            return;
        }
        account.advance(DAY);
    }
    panic!("not settled: {:?}", run(account, region).await.outcome);
}

/// Lets time pass until the rotation of the current key begins.
pub(crate) async fn until_due(account: &MemoryAccount) {
    let Outcome::Settled { until } = run(account, OLD).await.outcome else { panic!("not settled") };
    account.advance((until - account.world().now()).to_std().unwrap());
}

pub(crate) async fn moved_by(account: &MemoryAccount, to: &Homes, mode: Mode) -> Moved {
    let here = account.in_region(to.region.as_str());
    let chosen = chosen(&here, to).remove(0);
    let old = match &chosen.subject.home {
        HomeTag::At(home) => account.in_region(home.place().region.as_str()),
        _ => account.clone(),
    };
    let (old, here) = (Rotator::new(Ports::of(old)), Rotator::new(Ports::of(here)));
    here.move_home(&old, chosen, mode, &Limits::default()).await.moved
}

pub(crate) async fn moved(account: &MemoryAccount, to: &str) -> Moved {
    moved_by(account, &homes(to), Mode::Act).await
}

pub(crate) fn tag(account: &MemoryAccount) -> HomeTag {
    HomeTag::of(account.world().user(&user()).unwrap().tags.get(HOME_TAG).map(String::as_str))
}

pub(crate) fn home_region(account: &MemoryAccount) -> String {
    match tag(account) {
        HomeTag::At(home) => home.place().region.clone(),
        other => panic!("{other:?}"),
    }
}
