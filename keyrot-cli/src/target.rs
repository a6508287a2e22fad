//! What a command works on: AWS, or a sandbox.

use crate::args::Invocation;
use crate::problem::Problem;
use crate::sandbox::SandboxAccount;
use keyrot_aws::{Aws, AwsSettings, Endpoints, FieldNames, SecretSettings, TokioClock};
use keyrot_core::settings::Settings;
use keyrot_core::{IamPort, Ports};
use std::sync::Arc;

/// The ports, and what they stand for.
pub(crate) struct Target {
    pub(crate) ports: Ports,
    /// Whether it is made up.
    pub(crate) sandbox: bool,
}

impl Target {
    /// Builds the ports. With AWS nothing is called yet.
    pub(crate) async fn open(invocation: &Invocation, settings: &Settings) -> Result<Self, Problem> {
        match &invocation.sandbox {
            Some(file) => {
                let account = SandboxAccount::open(file.as_deref()).await?;
                Ok(Self { ports: Ports::of(account), sandbox: true })
            }
            None if std::env::var_os("KEYROT_SANDBOX").is_some_and(|v| !v.is_empty()) => {
                let account = SandboxAccount::open(None).await?;
                Ok(Self { ports: Ports::of(account), sandbox: true })
            }
            None => Self::aws(settings).await,
        }
    }

    async fn aws(settings: &Settings) -> Result<Self, Problem> {
        let fields = FieldNames::new(settings.field_access_key_id(), settings.field_secret_access_key());
        let aws = AwsSettings {
            profile: settings.profile().map(str::to_owned),
            region: settings.region().map(str::to_owned),
            fips: settings.fips().unwrap_or(false),
            dual_stack: settings.dual_stack().unwrap_or(false),
            endpoints: Endpoints { all: settings.endpoint_url().map(str::to_owned), ..Endpoints::default() },
            secret: SecretSettings {
                kms_key: settings.kms_key().map(str::to_owned),
                description: settings.secret_description().map(str::to_owned),
                tags: settings.secret_tags().clone(),
                fields: fields.map_err(|error| Problem::usage(error.to_string()))?,
            },
            ..AwsSettings::default()
        };
        let aws = Aws::connect(&aws).await.map_err(|error| {
            Problem::usage(error.to_string()).hint("to try keyrot without an AWS account: keyrot --sandbox rotate")
        })?;
        let aws = Arc::new(aws);
        let iam: Arc<dyn IamPort> = aws.clone();
        let ports = Ports { iam, store: aws.clone(), probe: aws, clock: Arc::new(TokioClock) };
        Ok(Self { ports, sandbox: false })
    }
}
