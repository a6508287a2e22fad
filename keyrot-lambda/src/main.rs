//! keyrot as an AWS Lambda function: each invocation is one pass over all selected users.
//!
//! Nothing is decided here. Settings come from `KEYROT_*` in the environment, the answer is the document of `keyrot rotate --json`
//! (`keyrot.rotate/1`), and no new step is begun in the last minute of the invocation. An invocation in which some user failed fails as a whole, so that Lambda's
//! `Errors` metric tells the truth; the document is in the log. A blocked user is no error of the function: it is in the answer.

use keyrot_aws::{Aws, AwsSettings, Endpoints, FieldNames, SecretSettings, TokioClock};
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{
    Cancel, Clock, IamPort, Limits, Mode, Ports, Rotator, RunDocument, Timestamp, Verdict, after, select,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A step that is under way may take this long to end: the limit of one call to AWS.
const LAST_STEP: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::load(&Sources::default().env(std::env::vars_os()))?;
    let aws = Arc::new(Aws::connect(&connection(&settings)?).await?);
    let iam: Arc<dyn IamPort> = aws.clone();
    let ports = Ports { iam, store: aws.clone(), probe: aws, clock: Arc::new(TokioClock) };
    let (settings, ports) = (&settings, &ports);
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        sweep(settings, ports, event.context.deadline()).await
    }))
    .await
}

/// One pass. A list of users that cannot be read is an error: nobody is selected then.
async fn sweep(settings: &Settings, ports: &Ports, end: std::time::SystemTime) -> Result<Value, Error> {
    let selection = settings.selection();
    let users = ports.iam.users(&selection.path_prefix).await?;
    let waits = settings.policy().waits();
    let selected = select(&users, selection, settings.template(), waits, settings.allow_short_waits());
    let limits = Limits {
        concurrency: settings.concurrency(),
        max_changes: settings.max_changes(),
        deadline: Some(deadline(ports.clock.as_ref(), settings.deadline(), end)),
    };
    let rotator = Rotator::new(ports.clone());
    let report = rotator.run(selected.chosen.clone(), Mode::Act, &limits, &Cancel::default(), &|_| {}).await;
    let document = RunDocument::new("keyrot.rotate/1", &report, &selected);
    let answer = serde_json::to_value(&document)?;
    if document.result == Verdict::Failed {
        eprintln!("{answer}");
        let failed = document.counts.failed;
        return Err(format!(
            "{failed} of {} users failed or were not done in time; the log has the document",
            document.counts.users
        )
        .into());
    }
    Ok(answer)
}

/// When no step is begun any more: as the settings say, and early enough before the invocation's end.
fn deadline(clock: &dyn Clock, asked: Duration, end: std::time::SystemTime) -> Timestamp {
    let end: Timestamp = end.into();
    after(clock.now(), asked).min(end - LAST_STEP)
}

fn connection(settings: &Settings) -> Result<AwsSettings, Error> {
    Ok(AwsSettings {
        profile: settings.profile().map(str::to_owned),
        region: settings.region().map(str::to_owned),
        fips: settings.fips().unwrap_or(false),
        dual_stack: settings.dual_stack().unwrap_or(false),
        endpoints: Endpoints { all: settings.endpoint_url().map(str::to_owned), ..Endpoints::default() },
        secret: SecretSettings {
            kms_key: settings.kms_key().map(str::to_owned),
            description: settings.secret_description().map(str::to_owned),
            tags: settings.secret_tags().clone(),
            fields: FieldNames::new(settings.field_access_key_id(), settings.field_secret_access_key())?,
        },
        ..AwsSettings::default()
    })
}
