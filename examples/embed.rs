//! A service that has keyrot inside: it reads the settings, connects to AWS, and every few hours works on all selected users until it is told
//! to stop.
//!
//! ```text
//! cargo run -p keyrot-examples --example embed            # every six hours, until Ctrl-C
//! cargo run -p keyrot-examples --example embed -- --once  # one pass
//! ```
//!
//! It acts on the account that the AWS CLI would use. To try it on nothing that matters, start the emulator in another shell with
//! `cargo run -p keyrot-aws --features emulator --example emulator`, and first set here the variables that it prints, `AWS_ENDPOINT_URL`
//! among them. A pass may be cut off at any moment: the next one goes on from what it finds in AWS.

use async_trait::async_trait;
use keyrot_aws::{Aws, AwsSettings};
use keyrot_core::report::RunStatus;
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{Cancel, Event, Mode, Notifier, Report, Rotator, RunDocument, Severity};
use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// A quarter of a day: often enough that a user whose pass failed is done well before anybody has to know.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let file = read("keyrot.toml")?;
    let mut sources = Sources::default().env(std::env::vars_os());
    if let Some(text) = &file {
        sources = sources.file("keyrot.toml", text);
    }
    let settings = Settings::load(&sources)?;
    let rotation = Rotation::connect(settings, AwsSettings::default()).await?.tell(Arc::new(OneLineEach));
    println!("acting as {}", rotation.caller().await?);

    if std::env::args().any(|argument| argument == "--once") {
        println!("{}", serde_json::to_string_pretty(&rotation.pass(&Cancel::default()).await?)?);
        return Ok(());
    }
    let cancel = Cancel::default();
    let passes = rotation.run_every(EVERY, &cancel);
    let stop = async {
        // The step under way is finished, and no new one begun: `run_every` returns when that is done.
        let heard = tokio::signal::ctrl_c().await;
        cancel.cancel();
        heard
    };
    let (_, heard) = tokio::join!(passes, stop);
    Ok(heard?)
}

/// The part of the service that owns the rotation.
pub(crate) struct Rotation {
    settings: Settings,
    aws: Arc<Aws>,
    rotator: Rotator,
}

impl Rotation {
    /// Makes the clients; no call is made yet. `base` has what the service knows better than the settings, such as credentials of its own.
    pub(crate) async fn connect(settings: Settings, base: AwsSettings) -> Result<Self, Failure> {
        let base = AwsSettings { app_name: Some("embed-example".to_owned()), ..base };
        let aws = Arc::new(Aws::connect(&base.with(&settings)?).await?);
        let rotator = Rotator::new(aws.ports());
        Ok(Self { settings, aws, rotator })
    }

    /// Tells this notifier too.
    pub(crate) fn tell(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.rotator = self.rotator.notify(notifier);
        self
    }

    /// Who calls AWS: a good first call, which needs no permission.
    pub(crate) async fn caller(&self) -> Result<String, Failure> {
        Ok(self.aws.caller_identity().await?.arn)
    }

    /// One pass over all selected users. What is wrong with one of them is in the document; an error means that the account's users could
    /// not be listed, and then nobody is touched.
    pub(crate) async fn pass(&self, cancel: &Cancel) -> Result<RunDocument, Failure> {
        let settings = &self.settings;
        let ports = self.rotator.ports();
        // The service is deployed for its account and region: users who have no secret yet may be given one here.
        let homes = settings.homes(self.aws.region(), true);
        let selected = settings.find(ports.iam.as_ref(), &homes, &[]).await?;
        for pattern in &selected.unmatched_exclusions {
            eprintln!("the exclusion {pattern} fits no user; is it mistyped?");
        }
        let limits = settings.limits(ports.clock.now());
        let report = self.rotator.run(selected.chosen.clone(), Mode::Act, &limits, cancel, &|_| {}).await;
        for failure in &report.notifier_failures {
            eprintln!("{} was not told of {} events: {}", failure.notifier, failure.untold, failure.reason);
        }
        Ok(RunDocument::new("embed-example/1", &report, &selected))
    }

    /// A pass now and then one every `every`, until it is cancelled. Returns how many passes were made.
    pub(crate) async fn run_every(&self, every: Duration, cancel: &Cancel) -> usize {
        let mut ticks = interval(every);
        // After a pass that took longer than `every`, the next one is not made twice.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut passes = 0;
        while until_cancelled(ticks.tick(), cancel).await {
            match self.pass(cancel).await {
                Ok(document) => {
                    let counts = &document.counts;
                    println!("{} users, {} rotated, {} failed", counts.users, counts.rotated, counts.failed);
                    if document.result == RunStatus::Blocked || document.result == RunStatus::Failed {
                        eprintln!("somebody has to look: {:?}", document.result);
                    }
                }
                // Nothing was touched; the next pass tries again.
                Err(error) => eprintln!("no user was worked on: {error}"),
            }
            passes += 1;
        }
        passes
    }
}

/// The service's own notifier: a line to its log for everything that happens, loud where somebody has to act.
pub(crate) struct OneLineEach;

#[async_trait]
impl Notifier for OneLineEach {
    fn name(&self) -> String {
        "log".to_owned()
    }

    async fn happened(&self, events: &[Event]) -> Result<(), String> {
        for event in events {
            let level = match event.kind.severity() {
                Severity::Info => "info",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            eprintln!("{level}: {}: {}", event.user, event.kind);
        }
        Ok(())
    }

    async fn finished(&self, report: &Report) -> Result<(), String> {
        eprintln!("info: {} users looked after", report.users.len());
        Ok(())
    }
}

/// Waits, and says whether to go on.
async fn until_cancelled<T>(wait: impl Future<Output = T>, cancel: &Cancel) -> bool {
    let cancelled = async {
        while !cancel.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        biased;
        () = cancelled => false,
        _ = wait => true,
    }
}

fn read(path: &str) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{path} cannot be read: {error}").into()),
    }
}
