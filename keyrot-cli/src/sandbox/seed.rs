//! The initial account of a sandbox: users in typical states, produced by the real engine over a
//! history of weeks.

use crate::sandbox::region::SANDBOX_REGION;
use futures_util::FutureExt;
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, Rules, TrailedUse, World};
use keyrot_core::{
    Cancel, Homes, Limits, Mode, Ports, Rotator, Selection, Timestamp, UserName, WaitPolicy, select,
};
use std::time::Duration;

/// The sandbox's clock begins here, regardless of the real time, so that its output is the same
/// everywhere.
const START: i64 = 1_767_585_600;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// Something that happened this many minutes before the sandbox begins.
struct Past {
    minutes: i64,
    user: &'static str,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// An administrator created the user, with tags.
    Made(&'static [(&'static str, &'static str)]),
    /// An administrator created a key.
    Key,
    /// keyrot ran.
    Run,
    /// keyrot ran, and its process died right after `CreateAccessKey`.
    Crash,
    /// A consumer used the oldest key.
    UsedOldest(Consumer),
}

const SELECTED: (&str, &str) = ("RotateKey", "True");

/// A call, and its caller.
#[derive(Clone, Copy)]
struct Consumer {
    service: &'static str,
    action: &'static str,
    address: &'static str,
    agent: &'static str,
}

/// A forgotten machine.
const BACKUP: Consumer = Consumer {
    service: "s3",
    action: "ListBuckets",
    address: "198.51.100.24",
    agent: "Boto3/1.28.62 md/Botocore#1.31.62 ua/2.0 os/linux#5.10.0 md/arch#x86_64 lang/python#3.9.2",
};
/// A person in a shell, with the same key.
const SHELL: Consumer = Consumer {
    service: "s3",
    action: "GetBucketLocation",
    address: "203.0.113.9",
    agent: "aws-cli/2.15.30 Python/3.11.8 Linux/6.5.0 exe/x86_64.ubuntu.22",
};
const IMPORT: Consumer = Consumer {
    service: "dynamodb",
    action: "DescribeTable",
    address: "192.0.2.17",
    agent: "aws-sdk-java/2.25.11 Linux/5.15.0 OpenJDK_64-Bit_Server_VM/17.0.10",
};

/// What happened to each user. The order within one user's history is by time; the users' histories
/// run in parallel.
fn history() -> Vec<Past> {
    use What::{Crash, Key, Made, Run, UsedOldest};
    let past = |minutes, user, what| Past { minutes, user, what };
    let mut all = Vec::new();
    // Rotated 91 days ago, with every step done since: due again.
    all.push(past(
        200 * DAY,
        "ci-deployer",
        Made(&[SELECTED, ("keyrot:owner", "platform@example.com")]),
    ));
    all.push(past(200 * DAY, "ci-deployer", Key));
    all.extend([91, 83, 75].map(|days| past(days * DAY, "ci-deployer", Run)));
    // Rotated 36 days ago: settled.
    all.push(past(150 * DAY, "report-mailer", Made(&[SELECTED])));
    all.push(past(150 * DAY, "report-mailer", Key));
    all.extend([36, 28, 20].map(|days| past(days * DAY, "report-mailer", Run)));
    // Rotated three days ago: readers are moving over.
    all.push(past(
        120 * DAY,
        "shop-backend",
        Made(&[SELECTED, ("keyrot:owner", "shop@example.com")]),
    ));
    all.push(past(120 * DAY, "shop-backend", Key));
    all.push(past(3 * DAY, "shop-backend", Run));
    // Rotated nine days ago, and something still uses the old key: held.
    all.push(past(
        300 * DAY,
        "backup-agent",
        Made(&[SELECTED, ("keyrot:owner", "storage@example.com")]),
    ));
    all.push(past(300 * DAY, "backup-agent", Key));
    all.push(past(9 * DAY, "backup-agent", Run));
    all.extend(
        [4 * DAY, DAY, 2 * HOUR].map(|minutes| past(minutes, "backup-agent", UsedOldest(BACKUP))),
    );
    all.push(past(2 * DAY, "backup-agent", UsedOldest(SHELL)));
    // Rotated eleven days ago, and the old key was deactivated two days ago: it soaks.
    all.push(past(180 * DAY, "billing-export", Made(&[SELECTED])));
    all.push(past(180 * DAY, "billing-export", Key));
    all.extend([11, 2].map(|days| past(days * DAY, "billing-export", Run)));
    // Two keys that keyrot can't explain: needs manual action.
    all.push(past(
        410 * DAY,
        "data-import",
        Made(&[SELECTED, ("keyrot:owner", "data@example.com")]),
    ));
    all.push(past(410 * DAY, "data-import", Key));
    all.push(past(70 * DAY, "data-import", Key));
    all.push(past(5 * HOUR, "data-import", UsedOldest(IMPORT)));
    // A run died right after it had created the key, so the key's secret half is lost.
    all.push(past(100 * DAY, "image-resizer", Made(&[SELECTED])));
    all.push(past(100 * DAY, "image-resizer", Key));
    all.push(past(2 * DAY + HOUR, "image-resizer", Crash));
    // New, and without any key.
    all.push(past(DAY, "new-service", Made(&[SELECTED, ("keyrot:max-age", "45d")])));
    // A mistyped tag blocks this user only.
    all.push(past(60 * DAY, "legacy-ftp", Made(&[SELECTED, ("keyrot:overlap", "two weeks")])));
    all.push(past(60 * DAY, "legacy-ftp", Key));
    // Not selected: another value, and no tag at all.
    all.push(past(220 * DAY, "break-glass", Made(&[("RotateKey", "False")])));
    all.push(past(220 * DAY, "break-glass", Key));
    all.push(past(90 * DAY, "jane.doe", Made(&[("Team", "Data")])));
    all.push(past(90 * DAY, "jane.doe", Key));
    all.sort_by_key(|past| -past.minutes);
    all
}

/// Plays the history.
pub(crate) async fn seed() -> World {
    let start = Timestamp::from_timestamp(START, 0).unwrap_or_default();
    let history = history();
    let first = history.first().map_or(0, |past| past.minutes);
    let mut world = World::new(start - chrono::Duration::minutes(first));
    let moment = Duration::from_millis(40);
    let s = Duration::from_secs;
    world.rules =
        Rules { listing_lag: s(2), propagation: s(6), call_time: moment, ..Rules::default() };
    let account = MemoryAccount::new(world);
    for Past { minutes, user, what } in history {
        let due = start - chrono::Duration::minutes(minutes);
        // Calls take a moment, too. If the last one took longer than planned, there is nothing to
        // wait for.
        account.advance((due - account.world().now()).to_std().unwrap_or_default());
        happen(&account, user, what).await;
    }
    account.advance((start - account.world().now()).to_std().unwrap_or_default());
    account.world()
}

async fn happen(account: &MemoryAccount, name: &str, what: What) {
    // All names here are valid, and each user is created before anything else happens to it.
    let Ok(user) = UserName::parse(name) else { return };
    match what {
        What::Made(tags) => drop(account.change(|world| world.add_user(name, tags))),
        What::Key => {
            let key = account.change(|world| world.add_key(&user));
            // The key was used since then, but too long ago to matter.
            account.advance(Duration::from_secs(10));
            if let Ok(key) = key {
                account.change(|world| world.authenticate(&key.credentials, "s3", "eu-west-1"));
            }
        }
        What::Run => run(account, user).await,
        What::Crash => {
            account.inject(FaultAt::first("create_key", Fault::DeathAfter));
            // The call never returns, so the run is dropped there, like a process that dies.
            let died = run(account, user).now_or_never();
            debug_assert!(died.is_none(), "the run goes on after its death");
            account.heal();
        }
        What::UsedOldest(Consumer { service, action, address, agent }) => account.change(|world| {
            let oldest =
                world.user(&user).and_then(|u| u.keys().first().map(|k| k.listed.id.clone()));
            if let Some(key) = oldest {
                world.authenticate(&World::credentials_of(&key), service, "eu-west-1");
                let what = TrailedUse {
                    service,
                    action,
                    region: "eu-west-1",
                    address,
                    agent,
                    error: None,
                    role: None,
                };
                world.note_use(&key, &what);
            }
        }),
    }
}

async fn run(account: &MemoryAccount, user: UserName) {
    let users = account.change(|world| world.list_users("/"));
    let selection = Selection { only: vec![user], ..Selection::default() };
    let selected =
        select(&users, &selection, &Homes::in_region(SANDBOX_REGION), &WaitPolicy::default());
    let rotator = Rotator::new(Ports::of(account.clone()));
    rotator.run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
}
