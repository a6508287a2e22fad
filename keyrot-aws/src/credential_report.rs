//! IAM's credential report: made, waited for, and read.

mod parse;

use crate::connect::Aws;
use crate::errors::Failure;
use crate::op::Op;
use crate::retry::send;
use crate::time::instant;
use async_trait::async_trait;
use aws_sdk_iam::operation::get_credential_report::GetCredentialReportOutput;
use aws_sdk_iam::types::{ReportFormatType, ReportStateType};
use keyrot_core::audit::{AccountPort, CredentialReport};
use keyrot_core::{CallError, ErrorKind};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[cfg(any(test, feature = "emulator"))]
pub(crate) use parse::write;

/// Before IAM is asked a second time whether the report is there; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// IAM makes the report of a large account within a minute; this is when something is wrong.
const PATIENCE: Duration = Duration::from_secs(180);

const ACCOUNT: &str = "the account's credential report";

#[async_trait]
impl AccountPort for Aws {
    async fn credential_report(&self) -> Result<CredentialReport, CallError> {
        make(self).await?;
        match fetch(self).await {
            // It grew too old between the two calls, or another caller's took its place.
            Err(again) if again.is(&["ReportExpired", "ReportNotPresent", "ReportInProgress"]) => {
                make(self).await?;
                read(self, fetch(self).await?)
            }
            answer => read(self, answer?),
        }
    }
}

/// Asks for the report until it is there. IAM makes none while the last is younger than four hours
/// (IAM user guide, "Generate credential reports for your AWS account"): then it is there
/// immediately.
async fn make(aws: &Aws) -> Result<(), CallError> {
    // To ask twice is to ask once: while a report is being made, IAM says so.
    let op = Op::read("iam:GenerateCredentialReport", ACCOUNT, &aws.inner.limits.discovery);
    let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        let answer =
            send(&op, &aws.budget(), || aws.inner.iam.generate_credential_report().send()).await?;
        match answer.state {
            Some(ReportStateType::Complete) => return Ok(()),
            Some(ReportStateType::Started | ReportStateType::Inprogress)
                if begun.elapsed() + pause <= PATIENCE => {}
            Some(ReportStateType::Started | ReportStateType::Inprogress) => {
                let message = format!(
                    "{} for {ACCOUNT}: IAM did not finish it within {} s; ask again in a few minutes",
                    op.action,
                    PATIENCE.as_secs()
                );
                return Err(CallError::refused(ErrorKind::Unavailable, message));
            }
            other => {
                let state = other.as_ref().map_or("none", ReportStateType::as_str);
                return Err(op.malformed_response(&format!(
                    "the report's state is {state}, expected STARTED, INPROGRESS or COMPLETE"
                )));
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn fetch(aws: &Aws) -> Result<GetCredentialReportOutput, Failure> {
    send(&get(aws), &aws.budget(), || aws.inner.iam.get_credential_report().send()).await
}

fn get(aws: &Aws) -> Op<'_> {
    Op::read("iam:GetCredentialReport", ACCOUNT, &aws.inner.limits.discovery)
}

fn read(aws: &Aws, answer: GetCredentialReportOutput) -> Result<CredentialReport, CallError> {
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
    parse::read(content.as_ref(), generated)
        .map_err(|error| op.malformed_response(&error.to_string()))
}
