//! Measures how fast keyrot works on a whole account, and what it needs:
//! `cargo bench -p keyrot-cli`.
//!
//! The real `keyrot` binary runs against the emulator, whose calls take 20 ms and whose rates are
//! limited, and is measured from outside. Each figure is printed next to its target. If a target is
//! missed, the exit code is 1.
//!
//! ```text
//! cargo bench -p keyrot-cli -- [--quick] [--no-fail] [--baseline-users N] [--only NAME]
//! ```
//! `--quick` uses a small account, and checks only what does not depend on its size.
//! `--baseline-users N` runs the baseline on the first N users and extrapolates the rest.
//! `--only sweep|deliveries|baseline|limit|start` runs one part. The deliveries take seven minutes,
//! because GitHub allows no more in a minute.
#![allow(clippy::disallowed_macros)]

mod account;
mod baseline;
mod deliveries;
mod launch;
mod report;

use account::{Seeded, rotated, seeded};
use keyrot_aws::emulator::{
    Emulator, EmulatorOptions, Entry, IAM_READS, IAM_WRITES, Outcome, RateLimit, STS, Stats,
};
use keyrot_core::UserName;
use keyrot_core::settings::{Settings, Sources};
use report::{Report, mib, millis, seconds};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(20);
/// The pause between two of a new key's three verifications.
const BETWEEN_TRIALS: Duration = Duration::from_millis(200);
const CALLS_OF_A_ROTATION: u32 = 10;
/// The region that the emulator sets for its processes.
const REGION: &str = "us-east-1";

struct Options {
    quick: bool,
    fail: bool,
    baseline_users: usize,
    only: Option<String>,
}

/// The options of the benchmark.
struct Size {
    users: usize,
    due: usize,
    limited: usize,
    starts: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = if arguments.first().is_some_and(|a| a == launch::LAUNCH) {
        launch::launch(&arguments[1..]).map(|()| true)
    } else {
        options(&arguments).and_then(|options| bench(&options))
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[String]) -> Result<Options, Box<dyn Error>> {
    let mut options = Options { quick: false, fail: true, baseline_users: usize::MAX, only: None };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // This argument is cargo's own.
            "--bench" => {}
            "--quick" => options.quick = true,
            "--no-fail" => options.fail = false,
            "--baseline-users" => {
                options.baseline_users =
                    arguments.next().ok_or("--baseline-users needs a number")?.parse()?;
            }
            "--only" => options.only = Some(arguments.next().ok_or("--only needs a name")?.clone()),
            other => {
                let known = "--quick, --no-fail, --baseline-users N, --only sweep|deliveries|baseline|limit|start";
                return Err(format!("{other} is not known; expected {known}").into());
            }
        }
    }
    Ok(options)
}

fn bench(options: &Options) -> Result<bool, Box<dyn Error>> {
    let size = if options.quick {
        Size { users: 500, due: 50, limited: 40, starts: 20 }
    } else {
        Size { users: 5_000, due: 500, limited: 150, starts: 20 }
    };
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let mut report = Report::new(!options.quick);
    let swept = if wanted("sweep") { Some(sweep(&size, &mut report)?) } else { None };
    if wanted("deliveries") {
        deliver(&size, &mut report)?;
    }
    if wanted("baseline") {
        compare(&size, options.baseline_users, swept, &mut report)?;
    }
    if wanted("limit") {
        under_a_limit(&size, &mut report)?;
    }
    if wanted("start") {
        start_up(&size, &mut report)?;
    }
    report.print();
    Ok(!options.fail || report.all_met())
}

/// Secrets Manager's rates are those that AWS publishes (user guide, "AWS Secrets Manager quotas").
/// IAM's and STS's are not published; these are generous. A bucket holds as much as it is refilled
/// with in a second.
fn limits() -> Vec<RateLimit> {
    let limit = |actions: &[&str], per_second: f64| RateLimit::new(actions, per_second, per_second);
    vec![
        limit(IAM_READS, 1_000.0),
        limit(IAM_WRITES, 50.0),
        limit(STS, 300.0),
        limit(&["DescribeSecret", "GetSecretValue"], 10_000.0),
        limit(&["PutSecretValue", "UpdateSecretVersionStage"], 50.0),
        limit(&["TagResource", "UntagResource"], 50.0),
        limit(&["CreateSecret"], 50.0),
    ]
}

fn server(account: &Seeded, limits: Vec<RateLimit>) -> Result<Emulator, Box<dyn Error>> {
    let options = EmulatorOptions { latency: LATENCY, limits, ..EmulatorOptions::default() };
    Ok(Emulator::start(account.world.clone(), options)?)
}

/// Runs `keyrot rotate --json` to its end, and requires success.
fn rotate(emulator: &Emulator) -> Result<launch::Used, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    rotate_with(dir.path(), &emulator.env())
}

fn rotate_with(dir: &Path, environment: &[(&str, String)]) -> Result<launch::Used, Box<dyn Error>> {
    let used = launch::keyrot(dir, &["rotate", "--json"], environment)?;
    if used.code == Some(0) {
        return Ok(used);
    }
    let document: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.join("stdout"))?).unwrap_or_default();
    let users = document["users"].as_array().map(Vec::as_slice).unwrap_or_default();
    for user in users.iter().filter(|user| user["state"] == "failed").take(5) {
        eprintln!("{}: {}", user["user"], user["message"]);
    }
    let stderr = std::fs::read_to_string(dir.join("stderr"))?;
    let tail: Vec<&str> = stderr.lines().rev().take(20).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(format!("keyrot rotate ended with {:?}:\n{}", used.code, tail.join("\n")).into())
}

/// Runs on a whole account, most of it settled. Returns the time it took.
fn sweep(size: &Size, report: &mut Report) -> Result<Duration, Box<dyn Error>> {
    let Size { users, due, .. } = *size;
    report.part(&format!("{users} users, {due} due, {} a call", millis(LATENCY)));
    for RateLimit { actions, per_second, burst } in limits() {
        report.note(&format!("limit {per_second}/s, bucket {burst}: {}", actions.join(", ")));
    }
    let account = seeded(users, due)?;
    let emulator = server(&account, limits())?;
    let used = rotate(&emulator)?;
    let stats = emulator.stats();
    for (action, count) in &stats.actions {
        report.note(&format!("{:6} {action}, {} of them throttled", count.calls, count.throttled));
    }
    let done = rotated(&account.world, &emulator.world(), &account.due);
    report.check("due users rotated, new key current and proved", done, due, done == due);
    let found = stats.of("GetAccountAuthorizationDetails").calls;
    let pages = users.div_ceil(1_000);
    report.check("calls to find the users", found, pages, found == pages);
    let calls = calls_by_user(&stats.log);
    let most = |of: &BTreeSet<UserName>| {
        of.iter().filter_map(|u| calls.get(u.as_str())).max().copied().unwrap_or(0)
    };
    let (settled, rotation) = (most(&account.settled), most(&account.due));
    report.check("calls for a settled user, at most", settled, 2, settled <= 2);
    report.check(
        "calls for a rotated user, at most",
        rotation,
        CALLS_OF_A_ROTATION,
        rotation <= CALLS_OF_A_ROTATION as usize,
    );
    report.tell("calls in all", stats.calls().to_string());
    report.tell("of them throttled", stats.throttled().to_string());
    let (bound, why) = bound(&stats, pages);
    report.note(&format!("no client can be faster than {why}"));
    report.tell("bound on the time", seconds(bound));
    report.tell("time", seconds(used.wall));
    let ratio = used.wall.as_secs_f64() / bound.as_secs_f64();
    report.check_at_size("time / bound", format!("{ratio:.2}"), "<= 1.5", ratio <= 1.5);
    report.tell("processor time, user and system", seconds(used.cpu));
    report.check("peak memory", mib(used.peak), "< 60 MiB", used.peak > 0 && used.peak < 60 << 20);
    Ok(used.wall)
}

/// Runs on the same account, with three destinations for each user.
fn deliver(size: &Size, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let Size { users, due, .. } = *size;
    report.part(&format!(
        "{users} users, {due} due, three destinations each, {} a call",
        millis(LATENCY)
    ));
    let mut account = seeded(users, due)?;
    let alone = {
        let emulator = server(&account, limits())?;
        rotate(&emulator)?;
        published(&emulator)
    };
    let elsewhere = deliveries::Elsewhere::serve(&account.due)?;
    let settings = Settings::load(&Sources::default().file("keyrot.toml", &elsewhere.settings()))?;
    account::with_receipts(&mut account.world, &account.settled, &settings, REGION)?;
    let emulator = server(&account, limits())?;
    let dir = tempfile::tempdir()?;
    let environment: Vec<_> =
        emulator.env().into_iter().chain(elsewhere.environment(dir.path())?).collect();
    let used = rotate_with(dir.path(), &environment)?;
    let after = emulator.world();
    let done = rotated(&account.world, &after, &account.due);
    report.check("due users rotated, new key current and proved", done, due, done == due);
    let done = elsewhere.delivered(&after, &account.due);
    report.check("and delivered to all three", done, due, done == due);
    report.tell("last key published at home without destinations", seconds(alone));
    let home = published(&emulator);
    report.tell("last key published at home", seconds(home));
    let ratio = home.as_secs_f64() / alone.as_secs_f64();
    report.check_at_size("ratio of the two", format!("{ratio:.2}"), "<= 1.5", ratio <= 1.5);
    let deliveries::AtGitHub { taken, refused } = elsewhere.at_github();
    let span = taken.last().copied().unwrap_or_default();
    let a_minute = (taken.len() - 1) as f64 * 60.0 / span.as_secs_f64();
    let share = a_minute / deliveries::CHANGES_A_MINUTE as f64;
    report.check_at_size("of GitHub's limit used", percent(share), ">= 90 %", share >= 0.9);
    let share = refused as f64 / (taken.len() + refused) as f64;
    report.check("of the changes refused", percent(share), "< 3 %", share < 0.03);
    report.tell("requests to the three", elsewhere.requests().to_string());
    report.tell("time", seconds(used.wall));
    report.tell("processor time, user and system", seconds(used.cpu));
    report.check("peak memory", mib(used.peak), "< 60 MiB", used.peak > 0 && used.peak < 60 << 20);
    Ok(())
}

/// Returns when the last new key became current, since the start.
fn published(emulator: &Emulator) -> Duration {
    let stats = emulator.stats();
    let promoted = stats
        .log
        .iter()
        .filter(|e| e.action == "UpdateSecretVersionStage" && e.outcome == Outcome::Done);
    promoted.map(|e| e.at).max().unwrap_or_default()
}

/// Returns the answered calls by user; throttled ones are not counted.
fn calls_by_user(log: &[Entry]) -> BTreeMap<&str, usize> {
    let mut calls = BTreeMap::new();
    for entry in log.iter().filter(|e| e.outcome != Outcome::Throttled) {
        let Some(subject) = &entry.subject else { continue };
        let user = subject
            .strip_prefix("/iam/")
            .and_then(|s| s.strip_suffix("/access_key"))
            .unwrap_or(subject);
        *calls.entry(user).or_insert(0) += 1;
    }
    calls
}

/// Returns the time that no client can beat: the longest chain of calls that each need the previous
/// one, and the rate of each bucket.
fn bound(stats: &Stats, pages: usize) -> (Duration, String) {
    let pages = u32::try_from(pages).unwrap_or(u32::MAX);
    let chain = LATENCY * (pages + CALLS_OF_A_ROTATION) + BETWEEN_TRIALS * 2;
    let mut longest = (chain, "the longest chain of calls".to_owned());
    for limit in limits() {
        let admitted = |action: &String| {
            let count = stats.of(action);
            count.calls - count.throttled
        };
        let calls: usize = limit.actions.iter().map(admitted).sum();
        let time =
            Duration::from_secs_f64((calls as f64 - limit.burst).max(0.0) / limit.per_second);
        if time > longest.0 {
            let rate = limit.per_second;
            longest = (
                time,
                format!(
                    "{calls} calls at {rate}/s: {}",
                    limit.actions[..2.min(limit.actions.len())].join(", ")
                ),
            );
        }
    }
    longest
}

/// Runs the usual loop on the same account and the same server.
fn compare(
    size: &Size,
    most: usize,
    swept: Option<Duration>,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    report.part("the usual loop, one user after the other, every tagged user's key replaced");
    let account = seeded(size.users, size.due)?;
    let emulator = server(&account, limits())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let most = if report.judges_speed() { most } else { most.min(50) };
    let looped = runtime.block_on(baseline::one_by_one(&emulator, most, size.due))?;
    report.tell("calls made", emulator.stats().calls().to_string());
    let scaled = if looped.tried < size.users {
        format!(", worked out from {}", looped.tried)
    } else {
        String::new()
    };
    report.tell(&format!("time{scaled}"), seconds(looped.wall));
    report.tell("time if it replaced only what is due (it cannot know)", seconds(looped.part));
    if let Some(swept) = swept {
        let times = looped.wall.as_secs_f64() / swept.as_secs_f64();
        report.check_at_size(
            "keyrot is faster, times",
            format!("{times:.1}"),
            ">= 20",
            times >= 20.0,
        );
        let times = looped.part.as_secs_f64() / swept.as_secs_f64();
        report.tell("and than the loop on what is due, times", format!("{times:.1}"));
    }
    Ok(())
}

/// Runs on due users only, with few keys per second.
fn under_a_limit(size: &Size, report: &mut Report) -> Result<(), Box<dyn Error>> {
    const RATE: f64 = 5.0;
    report.part(&format!("{} users, all due, 5 CreateAccessKey a second, bucket 5", size.limited));
    let account = seeded(size.limited, size.limited)?;
    let emulator = server(&account, vec![RateLimit::new(&["CreateAccessKey"], RATE, RATE)])?;
    let used = rotate(&emulator)?;
    let stats = emulator.stats();
    let done = rotated(&account.world, &emulator.world(), &account.due);
    report.check(
        "due users rotated, new key current and proved",
        done,
        size.limited,
        done == size.limited,
    );
    let created =
        stats.log.iter().filter(|e| e.action == "CreateAccessKey" && e.outcome == Outcome::Done);
    let times: Vec<f64> = created.map(|e| e.at.as_secs_f64()).collect();
    // The first fifth is left out, because there the full bucket is used up, and the limiter
    // searches the rate.
    let steady = &times[times.len() / 5..];
    let (Some(first), Some(last)) = (steady.first(), steady.last()) else {
        return Err("no key was made".into());
    };
    let share = (steady.len() - 1) as f64 / (last - first) / RATE;
    report.check_at_size("of the limit used, steady part", percent(share), ">= 90 %", share >= 0.9);
    let count = stats.of("CreateAccessKey");
    let throttled = count.throttled as f64 / count.calls as f64;
    report.check_at_size(
        "of the calls throttled, whole run",
        percent(throttled),
        "<= 5 %",
        throttled <= 0.05,
    );
    report.tell("CreateAccessKey calls", count.calls.to_string());
    report.tell("time", seconds(used.wall));
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn start_up(size: &Size, report: &mut Report) -> Result<(), Box<dyn Error>> {
    report.part(&format!("keyrot --version, {} times", size.starts));
    let dir = tempfile::tempdir()?;
    let mut times = Vec::new();
    for _ in 0..size.starts {
        let used = launch::keyrot(dir.path(), &["--version"], &[])?;
        if used.code != Some(0) {
            return Err(format!("keyrot --version ended with {:?}", used.code).into());
        }
        times.push(used.wall);
    }
    times.sort();
    let median = times[times.len() / 2];
    report.check("median time", millis(median), "< 20 ms", median < Duration::from_millis(20));
    Ok(())
}
