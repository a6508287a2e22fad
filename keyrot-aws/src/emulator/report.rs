//! IAM's credential report: requested, created, and valid for four hours.

use super::reply::{Output, Refused, Xml};
use super::request::ApiCall;
use crate::iam::credential_report::write;
use aws_smithy_types::base64;
use keyrot_core::Timestamp;
use keyrot_core::memory::World;
use keyrot_core::model::after;
use std::time::Duration;

/// IAM creates no new report while the last is younger than this (IAM user guide, "Generate
/// credential reports for your AWS account").
const GOOD_FOR: Duration = Duration::from_secs(4 * 3600);

/// The account's last report.
#[derive(Debug, Default)]
pub(super) enum Reports {
    #[default]
    None,
    /// It was requested.
    Begun,
    /// It was created at this time.
    Made(Timestamp, Vec<u8>),
}

impl Reports {
    pub(super) fn answer(&mut self, call: &ApiCall, world: &World) -> Result<Output, Refused> {
        match call.action {
            "GenerateCredentialReport" => self.generate(world),
            _ => self.get(world),
        }
    }

    /// The first call requests the report, and the next one finds it created.
    fn generate(&mut self, world: &World) -> Result<Output, Refused> {
        let state = |state: &str| {
            Xml::of(|x| {
                x.text("State", state);
                x.text("Description", "No report exists. Starting a new report generation task");
            })
        };
        match self {
            Self::Made(at, _) if world.now() < after(*at, GOOD_FOR) => {}
            Self::Begun => {
                let report = world.credential_report();
                let text = write(&report)
                    .map_err(|error| Refused::new("ServiceFailure", error.to_string()))?;
                *self = Self::Made(report.generated, text);
            }
            Self::None | Self::Made(..) => {
                *self = Self::Begun;
                return Ok(state("STARTED"));
            }
        }
        Ok(Xml::of(|x| x.text("State", "COMPLETE")))
    }

    fn get(&self, world: &World) -> Result<Output, Refused> {
        match self {
            Self::None => {
                Err(Refused::new("ReportNotPresent", "No report exists. Ask for one first."))
            }
            Self::Begun => Err(Refused::new("ReportInProgress", "The report is being made.")),
            Self::Made(at, _) if world.now() >= after(*at, GOOD_FOR) => Err(Refused::new(
                "ReportExpired",
                "The report is older than four hours. Ask for a new one.",
            )),
            Self::Made(at, text) => Ok(Xml::of(|x| {
                x.text("Content", &base64::encode(text));
                x.text("ReportFormat", "text/csv");
                x.time("GeneratedTime", *at);
            })),
        }
    }
}
