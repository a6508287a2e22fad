//! In a build without AWS only the sandbox is read.

use crate::no_aws;
use crate::problem::Problem;
use crate::target::Target;
use keyrot_core::SecretId;
use keyrot_core::settings::Settings;

pub(super) struct Caller {
    pub(super) scope: String,
    pub(super) read: String,
    pub(super) starts_process: bool,
}

pub(super) fn find(_settings: &Settings, secret: &SecretId) -> Result<Caller, Problem> {
    Ok(Caller { scope: String::new(), read: format!("{secret}, in the sandbox"), starts_process: false })
}

impl Caller {
    pub(super) async fn connect(&self) -> Result<Target, Problem> {
        Err(no_aws::refused())
    }
}
