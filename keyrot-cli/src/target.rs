//! What a command works on: AWS, or a sandbox.

use crate::args::Invocation;
use crate::problem::Problem;
use crate::sandbox::SandboxAccount;
use keyrot_aws::{Aws, AwsSettings};
use keyrot_core::settings::Settings;
use keyrot_core::{Ports, TrailPort};
use std::sync::Arc;

/// The ports, and what they stand for.
pub(crate) struct Target {
    pub(crate) ports: Ports,
    /// Who used which key.
    pub(crate) trail: Arc<dyn TrailPort>,
    /// Whether it is made up.
    pub(crate) sandbox: bool,
    /// The AWS account, if it is none that is made up.
    pub(crate) aws: Option<Arc<Aws>>,
}

impl Target {
    /// Builds the ports. With AWS nothing is called yet.
    pub(crate) async fn open(invocation: &Invocation, settings: &Settings) -> Result<Self, Problem> {
        match &invocation.sandbox {
            Some(file) => Ok(Self::made_up(SandboxAccount::open(file.as_deref()).await?)),
            None if std::env::var_os("KEYROT_SANDBOX").is_some_and(|v| !v.is_empty()) => {
                Ok(Self::made_up(SandboxAccount::open(None).await?))
            }
            None => Self::aws(settings).await,
        }
    }

    fn made_up(account: SandboxAccount) -> Self {
        Self { trail: Arc::new(account.clone()), ports: Ports::of(account), sandbox: true, aws: None }
    }

    async fn aws(settings: &Settings) -> Result<Self, Problem> {
        let aws = AwsSettings::default().with(settings).map_err(|error| Problem::usage(error.to_string()))?;
        let aws = Aws::connect(&aws).await.map_err(|error| {
            Problem::usage(error.to_string()).hint("to try keyrot without an AWS account: keyrot --sandbox rotate")
        })?;
        let aws = Arc::new(aws);
        Ok(Self { ports: aws.ports(), trail: aws.clone(), sandbox: false, aws: Some(aws) })
    }
}
