//! Replaces the caller in a build without AWS, which reads only the sandbox.

use crate::backend::Backend;
use crate::error::CliError;
use crate::no_aws;
use keyrot_core::consumer::{KeyReader, SecretId, VersionStage};
use keyrot_core::settings::Settings;

pub(super) struct Caller {
    pub(super) read: String,
    pub(super) starts_process: bool,
}

pub(super) fn find(_settings: &Settings, secret: &SecretId) -> Result<Caller, CliError> {
    Ok(Caller { read: format!("{secret}, in the sandbox"), starts_process: false })
}

impl Caller {
    pub(super) fn reader(
        &self,
        _: SecretId,
        _: VersionStage,
        _: bool,
    ) -> Result<KeyReader, CliError> {
        Err(no_aws::refused())
    }

    pub(super) fn region(&self) -> Option<String> {
        None
    }

    pub(super) async fn connect(&self) -> Result<Backend, CliError> {
        Err(no_aws::refused())
    }
}
