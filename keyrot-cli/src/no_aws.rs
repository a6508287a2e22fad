//! Replaces `keyrot-aws` in a build without the feature `aws`, which has only the sandbox: the
//! README's first command then builds in a fraction of the time.

use crate::error::CliError;
use keyrot_core::CallError;

/// A connection to AWS, which does not exist in this build.
#[derive(Debug)]
pub(crate) enum Aws {}

/// The caller's identity in AWS.
pub(crate) struct Caller {
    pub(crate) arn: String,
    pub(crate) account: String,
}

impl Aws {
    pub(crate) fn region(&self) -> &str {
        match *self {}
    }

    pub(crate) async fn caller_identity(&self) -> Result<Caller, CallError> {
        match *self {}
    }
}

/// Returns the error of a command that needs AWS.
pub(crate) fn refused() -> CliError {
    CliError::usage("this build of keyrot does not include AWS; it only works with --sandbox")
        .hint("add --sandbox, or build with AWS: cargo install --path keyrot-cli")
}
