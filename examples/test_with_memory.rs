//! How a service tests its use of keyrot on the in-memory account: with a clock that it advances,
//! faults that it injects, and a watch that checks every change against keyrot's promises. No AWS
//! account, no network, no waiting.
//!
//! ```text
//! cargo run -p keyrot-examples --example test_with_memory
//! ```
//!
//! `nightly` stands for the service's own code. Each of the stories would be a
//! `#[tokio::test(start_paused = true)]` in the service.

use keyrot_core::memory::{Broken, Fault, FaultAt, MemoryAccount, World};
use keyrot_core::model::{ProbeAnswer, SecretState};
use keyrot_core::{
    Cancel, Credentials, EventKind, Homes, IamPort, KeyId, KeyStatus, Limits, Mode, Outcome, Ports,
    Rotator, SecretName, SecretStorePort, Selection, UserName, UserResult, WaitPolicy, Waits, Why,
    select,
};
use std::error::Error;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Tested<T> = Result<T, Box<dyn Error>>;

/// What the service does each night, on the ports that it is given: on AWS, those of `keyrot_aws`.
async fn nightly(ports: Ports) -> Tested<Vec<UserResult>> {
    let users = ports.iam.users("/").await?;
    let selected = select(
        &users,
        &Selection::default(),
        &Homes::in_region("us-east-1"),
        &WaitPolicy::default(),
    );
    let rotator = Rotator::new(ports);
    let report = rotator
        .run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
        .await;
    Ok(report.users)
}

/// Returns an account with one user, whose key is 100 days old, and starts a watch.
struct Account {
    memory: MemoryAccount,
    user: UserName,
    secret: SecretName,
    old: KeyId,
}

impl Account {
    fn new() -> Tested<Self> {
        let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
        let user = world.add_user("ci/deployer", &[("RotateKey", "True")])?;
        let old = world.add_key(&user)?.credentials.key;
        world.advance(100 * DAY);
        // Like the real IAM, it refuses a new key for a few seconds, and its listing is late.
        world.rules.propagation = Duration::from_secs(12);
        world.rules.listing_lag = Duration::from_secs(20);
        let memory = MemoryAccount::new(world);
        let secret = SecretName::parse("/iam/deployer/access_key")?;
        memory.watch(&user, &secret, &WaitPolicy::new(Waits::default(), false)?);
        Ok(Self { memory, user, secret, old })
    }

    /// Runs the service once, and returns the user's result.
    async fn night(&self) -> Tested<UserResult> {
        let mut users = nightly(Ports::of(self.memory.clone())).await?;
        users.pop().ok_or_else(|| "the user was not selected".into())
    }

    /// Uses this key, as a program would.
    fn is_used(&self, key: &KeyId) -> ProbeAnswer {
        self.memory
            .change(|world| world.authenticate(&World::credentials_of(key), "s3", "eu-central-1"))
    }

    /// Returns what a program gets that reads the secret now.
    async fn published(&self) -> Tested<Option<Credentials>> {
        match self.memory.describe(&self.secret).await? {
            SecretState::Present(found) => match found.current {
                Some(current) => Ok(self.memory.read(&self.secret, &current.version).await?),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    async fn status_of(&self, key: &KeyId) -> Tested<Option<KeyStatus>> {
        self.memory.advance(MINUTE);
        let keys = self.memory.list_keys(&self.user).await?;
        Ok(keys.into_iter().find(|k| k.id == *key).map(|k| k.status))
    }

    /// Checks that no promise was broken.
    fn kept_all_promises(&self) {
        assert_eq!(self.memory.broken(), Vec::<Broken>::new());
    }
}

/// Time travel: a program stays on the old key for weeks, and the key stays Active that long.
async fn a_key_in_use_is_never_switched_off() -> Tested<String> {
    let account = Account::new()?;
    account.night().await?;
    let new = account.published().await?.ok_or("a key is published")?.key;
    assert_ne!(new, account.old);

    for _ in 0..20 {
        account.memory.advance(DAY);
        account.is_used(&account.old);
        account.night().await?;
        assert_eq!(account.status_of(&account.old).await?, Some(KeyStatus::Active));
    }
    // The program moves to the new key. It might still use the old one, like a monthly job. So the
    // old key is deactivated only after `idle` (45 days) without a use, and deleted a week later.
    account.memory.advance(46 * DAY);
    let standing = account.night().await?;
    assert!(
        matches!(&standing.outcome, Outcome::Waiting(wait) if wait.why == Why::Soak(account.old.clone()))
    );
    account.memory.advance(8 * DAY);
    account.night().await?;
    assert_eq!(account.status_of(&account.old).await?, None);
    assert!(matches!(account.is_used(&new), ProbeAnswer::Authenticated(_)));
    account.kept_all_promises();
    Ok("a key in use was held for 20 days, and 45 days later switched off and deleted".to_owned())
}

/// A fault: the answer to CreateAccessKey is lost, so there is a key whose secret half is lost.
async fn a_lost_reply_leaves_nothing_behind() -> Tested<String> {
    let account = Account::new()?;
    account.memory.inject(FaultAt::first("create_key", Fault::LostReply));
    let standing = account.night().await?;
    assert!(matches!(standing.outcome, Outcome::Failed(_)), "{:?}", standing.outcome);
    assert!(
        matches!(account.is_used(&account.old), ProbeAnswer::Authenticated(_)),
        "nobody notices"
    );

    // keyrot is careful with a key that seems lost: it is deactivated first, and deleted only after
    // `soak`.
    let mut orphan = None;
    for _ in 0..14 {
        account.memory.advance(DAY);
        for event in account.night().await?.events {
            if let EventKind::OrphanFound { key } = event.kind {
                orphan = Some(key);
            }
        }
    }
    let orphan = orphan.ok_or("the orphan is found")?;
    assert_eq!(account.status_of(&orphan).await?, None);
    let published = account.published().await?.ok_or("a key is published")?;
    assert!(published.key != orphan && published.key != account.old);
    account.kept_all_promises();
    Ok("a key whose secret was lost was found and removed, and the rotation done".to_owned())
}

/// A fault: the process dies at its nth call, for every n. The next night continues.
async fn dying_anywhere_does_no_harm() -> Tested<String> {
    let mut deaths = 0;
    for call in 0.. {
        let account = Account::new()?;
        account.memory.inject(FaultAt::nth(call, Fault::DeathAfter));
        // A dead process never answers, so its future is dropped. The runtime's time is paused, so
        // the timeout takes no real time, and expires only when nothing else can run.
        let died = tokio::time::timeout(DAY, account.night()).await.is_err();
        account.memory.heal();
        if !died {
            break;
        }
        deaths += 1;
        for _ in 0..14 {
            account.memory.advance(DAY);
            assert!(
                matches!(account.is_used(&account.old), ProbeAnswer::Authenticated(_)),
                "died at call {call}"
            );
            account.night().await?;
        }
        let published = account.published().await?.ok_or("a key is published")?;
        assert_ne!(published.key, account.old, "died at call {call}");
        account.kept_all_promises();
    }
    Ok(format!(
        "the process died at each of {deaths} calls, and the next nights finished what it had begun"
    ))
}

/// The watch detects a broken promise: here the service's own code "cleans up" the old key.
async fn the_watch_notices_a_careless_cleanup() -> Tested<String> {
    let account = Account::new()?;
    account.night().await?;
    account.memory.deactivate_key(&account.user, &account.old).await?;
    let broken = account.memory.broken();
    let [first] = broken.as_slice() else {
        return Err(format!("one promise is broken, not {broken:?}").into());
    };
    Ok(format!("noticed: {first}"))
}

/// Runs all stories. Returns a line for each.
pub(crate) async fn run() -> Tested<Vec<String>> {
    Ok(vec![
        a_key_in_use_is_never_switched_off().await?,
        a_lost_reply_leaves_nothing_behind().await?,
        dying_anywhere_does_no_harm().await?,
        the_watch_notices_a_careless_cleanup().await?,
    ])
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Tested<()> {
    for line in run().await? {
        println!("{line}");
    }
    Ok(())
}
