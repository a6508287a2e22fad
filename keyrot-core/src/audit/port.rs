//! What an audit needs in addition to [`IamPort`](crate::ports::IamPort).

use crate::audit::view::CredentialReport;
use crate::model::error::CallError;
use crate::ports::wrapped::wrapped_port;
use async_trait::async_trait;

/// The account as a whole.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait AccountPort: Send + Sync {
    /// Returns IAM's credential report. IAM creates a new one if the last is older than four hours
    /// (IAM user guide, "Generate credential reports for your AWS account"); this waits for it up
    /// to a time limit.
    ///
    /// # Errors
    /// [`CallError`] if there is none in time, or if any part of it could not be read: a partial
    /// report would look complete.
    async fn credential_report(&self) -> Result<CredentialReport, CallError>;
}

wrapped_port!(AccountPort {
    credential_report() of "account" => CredentialReport;
});
