//! A service that embeds keyrot: it reads the settings, connects to AWS, and works on all selected
//! users every few hours until it is asked to stop.
//!
//! ```text
//! cargo run -p keyrot-examples --example embed            # every six hours, until Ctrl-C
//! cargo run -p keyrot-examples --example embed -- --once  # one pass
//! ```
//!
//! It acts on the account that the AWS CLI would use. To try it safely, start the emulator in
//! another shell with `cargo run -p keyrot-aws --features emulator --example
//! emulator`, and set the variables that it prints, such as `AWS_ENDPOINT_URL`, in this one. A pass
//! may be cut off at any moment: the next one continues from what it finds in AWS.

use keyrot_aws::notify::FromEnvironment;
use keyrot_aws::{Aws, AwsSettings};
use keyrot_core::engine::NotifierError;
use keyrot_core::service::Service;
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{Cancel, Event, Notifier, Report, Severity, async_trait};
use std::error::Error;
use std::sync::Arc;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let settings = Settings::load(&Sources::default().env(std::env::vars_os()))?;
    // A program with its own `SdkConfig` uses `Aws::from_sdk_config`.
    let aws = Aws::connect(&AwsSettings::default().with(&settings)?).await?;
    println!("acting as {}", aws.caller_identity().await?.arn);
    let service = service(&Arc::new(aws), &settings)?;

    if std::env::args().any(|argument| argument == "--once") {
        println!("{}", serde_json::to_string_pretty(&service.pass(&Cancel::default()).await?)?);
        return Ok(());
    }
    // Steps under way are finished, and no new one starts; then the task ends.
    let stop = Cancel::when(async { drop(tokio::signal::ctrl_c().await) });
    let running = service.clone();
    let passes = tokio::spawn(async move { running.run(&stop).await });
    println!("{} passes; {:?}", passes.await?, service.health());
    Ok(())
}

/// The part of the program that owns the rotation.
pub(crate) fn service(aws: &Arc<Aws>, settings: &Settings) -> Result<Service, Failure> {
    Ok(aws.service(settings, FromEnvironment::Allowed)?.notify(Arc::new(OneLineEach)).each_pass(
        |pass| match pass {
            Ok(document) => println!("{:?}: {:?}", document.result, document.counts),
            Err(error) => eprintln!("{error}"),
        },
    ))
}

/// The program's own notifier: one log line for each event, at a higher level if manual action is
/// needed.
pub(crate) struct OneLineEach;

#[async_trait]
impl Notifier for OneLineEach {
    fn name(&self) -> String {
        "log".to_owned()
    }

    async fn happened(&self, events: &[Event]) -> Result<(), NotifierError> {
        for event in events {
            let level = match event.kind.severity() {
                Severity::Info => "info",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            eprintln!("{level}: {}: {} ({})", event.user, event.kind, event.kind.code());
        }
        Ok(())
    }

    async fn finished(&self, _: &Report) -> Result<(), NotifierError> {
        Ok(())
    }
}
