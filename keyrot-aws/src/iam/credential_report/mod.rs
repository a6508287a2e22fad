//! IAM's credential report: requests it, waits for it, and reads it.

mod parse;

use crate::calls::errors::Failure;
use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::calls::time::instant;
use crate::connection::Aws;
use async_trait::async_trait;
use aws_sdk_iam::operation::get_credential_report::GetCredentialReportOutput;
use aws_sdk_iam::types::{ReportFormatType, ReportStateType};
use keyrot_core::audit::{AccountPort, CredentialReport};
use keyrot_core::{CallError, Clock, ErrorKind};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[cfg(any(test, feature = "emulator"))]
pub(crate) use parse::write;

/// The pause before IAM is asked again whether the report is ready; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The time limit for the report: IAM creates that of a large account within a minute.
const PATIENCE: Duration = Duration::from_secs(180);
/// The time limit after `LimitExceeded`, which IAM answers if reports were requested too often.
/// That may last for hours, so the last report is soon better than none.
const PATIENCE_WITH_A_LIMIT: Duration = Duration::from_secs(20);

const ACCOUNT: &str = "the account's credential report";

#[async_trait]
impl AccountPort for Aws {
    async fn credential_report(&self) -> Result<CredentialReport, CallError> {
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let (why, patience) = match generate(self).await {
                Ok(true) => match fetch(self).await {
                    Ok(answer) => return read(self, answer, None),
                    // The report expired between the two calls, or another caller's report replaced
                    // it.
                    Err(again) if again.is(&NOT_THERE) => (again.into(), PATIENCE),
                    Err(failure) => return Err(failure.into()),
                },
                Ok(false) => (unfinished(self), PATIENCE),
                Err(failure) if failure.is(&["LimitExceeded"]) => {
                    (failure.into(), PATIENCE_WITH_A_LIMIT)
                }
                Err(failure) => (failure.into(), Duration::ZERO),
            };
            if begun.elapsed() + pause > patience {
                return last(self, why).await;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// There is no report, or none that is younger than four hours, or it is being created (IAM API
/// reference, `GetCredentialReport`, "Errors": the codes, and the names that the reference lists
/// them under).
const NOT_THERE: [&str; 6] = [
    "ReportExpired",
    "ReportNotPresent",
    "ReportInProgress",
    "CredentialReportExpired",
    "CredentialReportNotPresent",
    "CredentialReportNotReady",
];

/// Requests the report, and returns whether it is ready. If the last one is younger than four
/// hours, IAM creates no new one (IAM user guide, "Generate credential reports for your AWS
/// account"): then it is ready immediately.
async fn generate(aws: &Aws) -> Result<bool, Failure> {
    let op = making(aws);
    let answer =
        send(&op, &aws.budget(), || aws.inner.iam.generate_credential_report().send()).await?;
    match answer.state {
        Some(ReportStateType::Complete) => Ok(true),
        Some(ReportStateType::Started | ReportStateType::Inprogress) => Ok(false),
        other => {
            let state = other.as_ref().map_or("none", ReportStateType::as_str);
            let error = op.malformed_response(&format!(
                "the report's state is {state}, expected STARTED, INPROGRESS or COMPLETE"
            ));
            Err(Failure { code: None, detail: String::new(), by_clock: false, error })
        }
    }
}

/// Returns IAM's last report if IAM creates no new one. It may be old, and has its creation time.
/// If there is none, `why` is the error.
async fn last(aws: &Aws, why: CallError) -> Result<CredentialReport, CallError> {
    match fetch(aws).await {
        Ok(answer) => read(aws, answer, Some(&why)),
        Err(_) => Err(why),
    }
}

fn making(aws: &Aws) -> Op<'_> {
    // The call is idempotent: while a report is being created, IAM says so.
    Op::read("iam:GenerateCredentialReport", ACCOUNT, &aws.inner.limits.discovery)
}

fn unfinished(aws: &Aws) -> CallError {
    let message = format!(
        "{} for {ACCOUNT}: IAM did not finish it within {}s; ask again in a few minutes",
        making(aws).action,
        PATIENCE.as_secs()
    );
    CallError::refused(ErrorKind::Unavailable, message)
}

async fn fetch(aws: &Aws) -> Result<GetCredentialReportOutput, Failure> {
    send(&get(aws), &aws.budget(), || aws.inner.iam.get_credential_report().send()).await
}

fn get(aws: &Aws) -> Op<'_> {
    Op::read("iam:GetCredentialReport", ACCOUNT, &aws.inner.limits.discovery)
}

fn read(
    aws: &Aws,
    answer: GetCredentialReportOutput,
    not_renewed: Option<&CallError>,
) -> Result<CredentialReport, CallError> {
    let op = get(aws);
    match answer.report_format {
        None | Some(ReportFormatType::TextCsv) => {}
        Some(other) => {
            return Err(op.malformed_response(&format!(
                "its format is {}, expected text/csv",
                other.as_str()
            )));
        }
    }
    let generated = answer
        .generated_time
        .as_ref()
        .and_then(instant)
        .ok_or_else(|| op.malformed_response("it has no time"))?;
    let content = answer.content.ok_or_else(|| op.malformed_response("it is empty"))?;
    let report = parse::read(content.as_ref(), (generated, aws.clock().now()))
        .map_err(|error| op.malformed_response(&error.to_string()))?;
    Ok(CredentialReport { not_renewed: not_renewed.map(|why| why.message.clone()), ..report })
}
