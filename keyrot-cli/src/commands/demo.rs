//! `demo`: 104 days in the life of a key, simulated in an in-memory account with the engine that
//! rotates real users.
//!
//! Only the account is simulated. Each line is an event of the engine, an answer of the account, or
//! is read from the account's state.

use crate::cli::Invocation;
use crate::cli::sandbox::Demo;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::demo::{Stage, Who};
use crate::terminal::stdio::{print_json, warn};
use futures_util::FutureExt;
use keyrot_core::engine::Progress;
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, Rules, Value, World};
use keyrot_core::model::ProbeAnswer;
use keyrot_core::{
    Cancel, Credentials, Event, EventKind, Homes, KeyId, Limits, Mode, Ports, Rotator, Selection,
    Target, Timestamp, UserName, WaitPolicy, Waits, select,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

const DAYS: u32 = 104;
const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);
/// The day from which the nightly job reads its key from the secret.
const NIGHTLY_MOVES: u32 = 16;
/// The first day on which the monthly job runs, with the key that it got long ago.
const MONTHLY_COMES: u32 = 18;
/// The day from which the monthly job reads its key from the secret.
const MONTHLY_MOVES: u32 = 48;
const MONTH: u32 = 30;

/// The whole demo as a document.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    days: u32,
    runs: u32,
    lines: &'a [crate::screens::demo::Line],
    changes_watched: usize,
    promises_broken: Vec<String>,
    requests: u32,
    requests_refused: u32,
}

struct Play {
    account: MemoryAccount,
    rotator: Rotator,
    chosen: Target,
    first_key: KeyId,
    stage: Stage,
    runs: u32,
    requests: u32,
    refused: u32,
    days_held: u32,
}

pub(crate) async fn demo(invocation: &Invocation, args: &Demo) -> Result<Exit, CliError> {
    if !invocation.settings.is_empty() || invocation.sandbox.is_some() {
        warn("the demo uses its own account and settings; yours are ignored");
    }
    let watched = std::io::stdout().is_terminal() && !invocation.json && !args.fast;
    let pace =
        args.pace.unwrap_or(if watched { Duration::from_millis(420) } else { Duration::ZERO });
    let mut play = Play::new(Stage::new(!invocation.json, pace))?;
    play.all().await;
    let broken: Vec<String> = play.account.broken().iter().map(ToString::to_string).collect();
    let changes = changes(&play.account.calls());
    if invocation.json {
        print_json(&Document {
            schema: "keyrot.demo/2",
            days: DAYS,
            runs: play.runs,
            lines: play.stage.lines(),
            changes_watched: changes,
            promises_broken: broken.clone(),
            requests: play.requests,
            requests_refused: play.refused,
        });
    } else {
        let (runs, requests, refused) = (play.runs, play.requests, play.refused);
        let refused = match refused {
            0 => "none refused".to_owned(),
            more => format!("{more} refused"),
        };
        let broken = if broken.is_empty() {
            "none broken".to_owned()
        } else {
            format!("BROKEN: {}", broken.join("; "))
        };
        play.stage.summary(&format!(
            "{DAYS} days, {runs} runs. {requests} requests by the jobs, {refused}. {changes} changes to keys and secret were checked \
             against the promises: {broken}."
        ));
    }
    Ok(if broken.is_empty() { Exit::Success } else { Exit::Failed })
}

/// Returns how many of the calls were changes. The watch has seen each of them.
fn changes(calls: &BTreeMap<&'static str, usize>) -> usize {
    let reads = [
        "users",
        "list_keys",
        "describe",
        "inspect_version",
        "versions",
        "last_use",
        "read",
        "probe",
    ];
    calls.iter().filter(|(name, _)| !reads.contains(name)).map(|(_, count)| count).sum()
}

/// Returns the user as IAM lists it now.
fn choose(world: &World) -> Option<Target> {
    let (users, homes) = (world.list_users("/"), Homes::in_region(world.region()));
    select(&users, &Selection::default(), &homes, &WaitPolicy::default()).chosen.into_iter().next()
}

impl Play {
    fn new(stage: Stage) -> Result<Self, CliError> {
        let wrong = |error: &dyn std::fmt::Display| {
            CliError::failed(format!("the demo cannot start: {error}"))
        };
        let start = Timestamp::from_timestamp(1_767_585_600, 0).unwrap_or_default();
        let mut world = World::new(start - chrono::Duration::days(200));
        let s = Duration::from_secs;
        let moment = Duration::from_millis(40);
        world.rules =
            Rules { listing_lag: s(2), propagation: s(6), call_time: moment, ..Rules::default() };
        let user =
            world.add_user("ci-deployer", &[("RotateKey", "True")]).map_err(|e| wrong(&e))?;
        let first_key = world.add_key(&user).map_err(|e| wrong(&e))?.credentials.key;
        world.advance(DAY * 200);
        let chosen = choose(&world).ok_or_else(|| wrong(&"the user is not selected"))?;
        let policy = WaitPolicy::new(Waits::default(), false).map_err(|e| wrong(&e))?;
        let account = MemoryAccount::new(world);
        account.watch(&chosen.subject.user, &chosen.subject.secret, &policy);
        let rotator = Rotator::new(Ports::of(account.clone()));
        Ok(Self {
            account,
            rotator,
            chosen,
            first_key,
            stage,
            runs: 0,
            requests: 0,
            refused: 0,
            days_held: 0,
        })
    }

    async fn all(&mut self) {
        let (user, key) = (self.user().clone(), self.first_key.clone());
        self.stage.title(&format!(
            "{user} has one key, {key}, 200 days old; three jobs use it. keyrot runs daily."
        ));
        self.work(0).await;
        self.crash().await;
        for _ in 0..2 {
            self.account.advance(HOUR);
            self.run().await;
        }
        for day in 1..=DAYS {
            // Each run starts a minute later than on the day before, as in schedules with some
            // jitter, so that a wait of whole days is over in time.
            self.advance_to(day, 3 * HOUR + Duration::from_secs(60) * day);
            self.work(day).await;
            if day >= MONTHLY_COMES && (day - MONTHLY_COMES).is_multiple_of(MONTH) {
                self.monthly(day).await;
            }
            self.run().await;
        }
    }

    /// The jobs that use the key every day sign one request each.
    async fn work(&mut self, day: u32) {
        let published = self.published();
        let reader = published.clone().unwrap_or_else(|| self.first_key.clone());
        self.sign(&reader, "ecr").await;
        let nightly = if day < NIGHTLY_MOVES { self.first_key.clone() } else { reader.clone() };
        if day == NIGHTLY_MOVES {
            self.line(
                Who::Job,
                &format!("nightly: now reads its key from the secret, and finds {reader}"),
            )
            .await;
        }
        self.sign(&nightly, "s3").await;
    }

    /// A forgotten job uses the first key, which is still Active: a late use made keyrot wait for
    /// jobs that may come back.
    async fn monthly(&mut self, day: u32) {
        let published = self.published().filter(|_| day >= MONTHLY_MOVES);
        if let Some(key) = published.as_ref().filter(|_| day == MONTHLY_MOVES) {
            let text = format!("monthly: now reads its key from the secret, and finds {key}");
            self.line(Who::Job, &text).await;
        }
        let key = published.clone().unwrap_or_else(|| self.first_key.clone());
        let accepted = self.sign(&key, "s3").await;
        if published.is_none() {
            let answer = if accepted { "accepted" } else { "refused" };
            self.line(Who::Job, &format!("monthly: {answer} with {key}, its old copy")).await;
        }
    }

    /// Makes a run that dies right after IAM has created the key.
    async fn crash(&mut self) {
        self.account.inject(FaultAt::first("create_key", Fault::DeathAfter));
        let events = Mutex::new(Vec::new());
        {
            let progress = |progress| take(&events, progress);
            let (limits, cancel) = (Limits::default(), Cancel::default());
            let work =
                self.rotator.run(vec![self.chosen.clone()], Mode::Act, &limits, &cancel, &progress);
            // The answer never comes, and the run is dropped, as if its process died.
            if work.now_or_never().is_none() {
                self.runs += 1;
            }
        }
        self.account.heal();
        for event in events.into_inner().unwrap_or_default() {
            self.line(Who::Keyrot, &event.kind.to_string()).await;
        }
        let world = self.account.world();
        let keys = world
            .user(self.user())
            .map(|u| u.keys().iter().map(|k| k.listed.id.clone()).collect::<Vec<_>>());
        let first = self.first_key.clone();
        for lost in keys.into_iter().flatten().filter(|key| *key != first) {
            let text = format!(
                "the process dies right after CreateAccessKey: {lost} exists, but its secret is lost"
            );
            self.line(Who::Crash, &text).await;
        }
    }

    /// Makes an ordinary run.
    async fn run(&mut self) {
        self.chosen = choose(&self.account.world()).unwrap_or_else(|| self.chosen.clone());
        self.runs += 1;
        let events = Mutex::new(Vec::new());
        {
            let progress = |progress| take(&events, progress);
            let (limits, cancel) = (Limits::default(), Cancel::default());
            self.rotator
                .run(vec![self.chosen.clone()], Mode::Act, &limits, &cancel, &progress)
                .await;
        }
        let events = events.into_inner().unwrap_or_default();
        let held = events.iter().any(|event| matches!(event.kind, EventKind::Held(_)));
        let days = self.days_held;
        self.days_held = if held { days + 1 } else { 0 };
        for Event { kind, .. } in events {
            match kind {
                // This is the same every day, so it is shown only once.
                EventKind::Held(_) if days > 0 => {}
                EventKind::Retired { .. } if days > 0 => {
                    self.line(Who::Keyrot, &format!("{kind}, after it was held for {days} days"))
                        .await;
                }
                kind => self.line(Who::Keyrot, &kind.to_string()).await,
            }
        }
    }

    /// Signs a request for a job. Returns whether it was accepted.
    async fn sign(&mut self, key: &KeyId, service: &str) -> bool {
        let credentials: Credentials = World::credentials_of(key);
        let answer =
            self.account.change(|world| world.authenticate(&credentials, service, "eu-west-1"));
        let accepted = matches!(answer, ProbeAnswer::Authenticated(_));
        self.requests += 1;
        self.refused += u32::from(!accepted);
        accepted
    }

    /// Returns the key that readers of the secret get.
    fn published(&self) -> Option<KeyId> {
        let world = self.account.world();
        let secret = world.secret(&self.chosen.subject.secret)?;
        secret.value(secret.labelled(Label::Current)?).and_then(Value::read).map(|found| found.key)
    }

    fn user(&self) -> &UserName {
        &self.chosen.subject.user
    }

    fn advance_to(&self, day: u32, hour: Duration) {
        let start = Timestamp::from_timestamp(1_767_585_600, 0).unwrap_or_default();
        let then = keyrot_core::model::after(start, DAY * day + hour);
        self.account.advance((then - self.account.world().now()).to_std().unwrap_or_default());
    }

    async fn line(&mut self, who: Who, text: &str) {
        let start = Timestamp::from_timestamp(1_767_585_600, 0).unwrap_or_default();
        let now = self.account.world().now();
        let day = now.signed_duration_since(start).num_days();
        self.stage.line(day, now, who, text).await;
    }
}

fn take(events: &Mutex<Vec<Event>>, progress: Progress) {
    if let Progress::Event(event) = progress
        && let Ok(mut events) = events.lock()
    {
        events.push(event);
    }
}
