//! The backend of a command: AWS, or a sandbox.

use crate::cli::Invocation;
use crate::error::CliError;
#[cfg(not(feature = "aws"))]
use crate::no_aws::{self, Aws};
use crate::sandbox::SandboxAccount;
use crate::sandbox::region::{SANDBOX_ACCOUNT, SANDBOX_REGION};
#[cfg(feature = "aws")]
use crate::terminal::patience::Patience;
use crate::terminal::stdio::note;
use crate::terminal::style::{self, paint};
#[cfg(feature = "aws")]
use keyrot_aws::{
    Aws, AwsSettings, ConnectError, ProfileError,
    notify::{self, FromEnvironment},
};
use keyrot_core::audit::AccountPort;
use keyrot_core::consumer::{CredentialSource, HomeSource};
#[cfg(feature = "aws")]
use keyrot_core::ports::Wrapped;
use keyrot_core::ports::{TagPort, UserPolicyPort};
use keyrot_core::settings::Settings;
use keyrot_core::trail::TrailPort;
use keyrot_core::{Homes, Notifier, Ports, Target, UserArn};
use std::sync::{Arc, Once};

/// The ports, and the account behind them.
pub(crate) struct Backend {
    pub(crate) ports: Ports,
    /// The consumer's source.
    pub(crate) source: Arc<dyn CredentialSource>,
    /// Where to find the home, if the user moved away from the secret.
    pub(crate) whereabouts: Arc<dyn HomeSource>,
    /// The port for the tags that select users.
    pub(crate) tags: Arc<dyn TagPort>,
    /// The port for the policies that end users' sessions.
    pub(crate) policies: Arc<dyn UserPolicyPort>,
    /// The account as a whole, for audits.
    pub(crate) account: Arc<dyn AccountPort>,
    /// The uses of keys.
    pub(crate) trail: Arc<dyn TrailPort>,
    /// Whether this is a sandbox.
    pub(crate) sandbox: bool,
    /// The AWS account, unless this is a sandbox.
    pub(crate) aws: Option<Arc<Aws>>,
}

impl Backend {
    /// Builds the ports. With AWS nothing is called yet.
    pub(crate) async fn open(
        invocation: &Invocation,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        Self::in_region(invocation, settings, settings.region()).await
    }

    /// Builds the ports for the secrets of this region, whatever the settings say.
    pub(crate) async fn in_region(
        invocation: &Invocation,
        settings: &Settings,
        region: Option<&str>,
    ) -> Result<Self, CliError> {
        if !invocation.is_sandbox() {
            let backend = Self::aws(settings, region).await?;
            return backend.of_the_account(&invocation.arns).await;
        }
        if let Some(switch) =
            std::env::var("KEYROT_SANDBOX").ok().filter(|value| is_a_switch(value))
        {
            return Err(CliError::usage(format!("KEYROT_SANDBOX = {switch:?} is not a file"))
                .hint("set it to the file of the simulated account, or unset it to use AWS"));
        }
        say_of_environment(invocation);
        if !settings.destinations().is_empty() {
            note("destinations are simulated, too: nothing is delivered");
        }
        let file = invocation.sandbox.as_ref().and_then(Option::as_deref);
        let account =
            SandboxAccount::open(file, region.unwrap_or(SANDBOX_REGION), settings.home_regions())
                .await?;
        let all = account.all();
        let backend = Self {
            ports: account.ports(settings.destinations()),
            source: all.clone(),
            whereabouts: all.clone(),
            tags: all.clone(),
            policies: all.clone(),
            trail: Arc::new(account),
            account: all,
            sandbox: true,
            aws: None,
        };
        backend.of_the_account(&invocation.arns).await
    }

    /// Refuses users that were named by the ARN of another account, because the same name there is
    /// another user.
    async fn of_the_account(self, arns: &[UserArn]) -> Result<Self, CliError> {
        if arns.is_empty() {
            return Ok(self);
        }
        let (account, partition) = match &self.aws {
            None => (SANDBOX_ACCOUNT.to_owned(), "aws".to_owned()),
            Some(aws) => {
                let caller = aws.caller_identity().await.map_err(|error| {
                    CliError::failed(format!("could not find out which account this is: {error}"))
                        .hint("name the user by name, not by ARN; nothing was done")
                })?;
                let partition = caller.arn.split(':').nth(1).unwrap_or_default().to_owned();
                (caller.account, partition)
            }
        };
        let wrong = |text: String| {
            Err(CliError::usage(text)
                .hint("check the profile and the credentials; nothing was done"))
        };
        for arn in arns {
            if arn.account() != account {
                return wrong(format!(
                    "{arn} is a user of another account: these credentials are for {account}"
                ));
            }
            if arn.partition() != partition {
                return wrong(format!(
                    "{arn} is a user of another partition: these credentials are for {partition}"
                ));
            }
        }
        Ok(self)
    }

    /// Returns where users' secrets are. An account and region from the environment do not count as
    /// chosen on purpose; a sandbox does.
    pub(crate) fn homes(&self, settings: &Settings) -> Homes {
        match &self.aws {
            Some(aws) => settings.homes(aws.region(), false),
            None => settings.homes(settings.region().unwrap_or(SANDBOX_REGION), true),
        }
    }

    /// Returns the account and region, as headers and questions name them.
    pub(crate) fn place(&self, account: &str, region: &str) -> String {
        format!("account {account}, {region}{}", if self.sandbox { " (sandbox)" } else { "" })
    }

    /// Returns the region of the secrets.
    pub(crate) fn region(&self, settings: &Settings) -> String {
        self.homes(settings).region
    }

    /// Returns the notifiers of a run on these users. A sandbox sends no notifications.
    ///
    /// # Errors
    /// The reason why a notifier's settings cannot be used.
    #[cfg_attr(not(feature = "aws"), allow(unused_variables))]
    pub(crate) fn notifiers(
        &self,
        settings: &Settings,
        chosen: &[Target],
    ) -> Result<Vec<Arc<dyn Notifier>>, String> {
        #[cfg(feature = "aws")]
        if let Some(aws) = &self.aws {
            let notifiers =
                notify::from_specs(settings.notify(), aws, FromEnvironment::Allowed, chosen);
            return notifiers.map_err(|error| error.to_string());
        }
        Ok(Vec::new())
    }

    /// Builds the ports for what needs only IAM. IAM is global: if no region is known, any works.
    /// Also returns why the secrets cannot be reached, if so.
    pub(crate) async fn open_for_iam(
        invocation: &Invocation,
        settings: &Settings,
    ) -> Result<(Self, Option<String>), CliError> {
        if invocation.is_sandbox() {
            return Ok((Self::open(invocation, settings).await?, None));
        }
        let (backend, no_secrets) = Self::aws_for_iam(settings).await?;
        Ok((backend.of_the_account(&invocation.arns).await?, no_secrets))
    }

    #[cfg(not(feature = "aws"))]
    async fn aws_for_iam(_settings: &Settings) -> Result<(Self, Option<String>), CliError> {
        Err(no_aws::refused())
    }

    #[cfg(feature = "aws")]
    async fn aws_for_iam(settings: &Settings) -> Result<(Self, Option<String>), CliError> {
        let with = AwsSettings::default()
            .with(settings)
            .map_err(|error| CliError::usage(error.to_string()))?;
        match Aws::connect(&with).await {
            Err(error @ ConnectError::NoRegion { .. }) => {
                let with = with.with_region(ANY_REGION.to_owned());
                let aws = Aws::connect(&with).await.map_err(|error| refused(&error))?;
                Ok((Self::of(aws), Some(error.to_string())))
            }
            Err(error) => Err(refused(&error)),
            Ok(aws) => Ok((Self::of(aws).with_destinations(settings)?, None)),
        }
    }

    #[cfg(not(feature = "aws"))]
    async fn aws(_settings: &Settings, _region: Option<&str>) -> Result<Self, CliError> {
        Err(no_aws::refused())
    }

    #[cfg(feature = "aws")]
    async fn aws(settings: &Settings, region: Option<&str>) -> Result<Self, CliError> {
        let aws = AwsSettings::default()
            .with(settings)
            .map_err(|error| CliError::usage(error.to_string()))?;
        let aws = match region {
            Some(region) => aws.with_region(region),
            None => aws,
        };
        let aws = Aws::connect(&aws).await.map_err(|error| refused(&error))?;
        Self::of(aws).with_destinations(settings)
    }

    /// Returns the ports with the destinations of the settings.
    #[cfg(feature = "aws")]
    fn with_destinations(mut self, settings: &Settings) -> Result<Self, CliError> {
        if let Some(aws) = &self.aws {
            let ports = aws.ports_with(settings, FromEnvironment::Allowed);
            let ports = ports.map_err(|error| CliError::usage(error.to_string()))?;
            self.ports = patient(aws, ports);
        }
        Ok(self)
    }

    #[cfg(feature = "aws")]
    pub(crate) fn of(aws: Aws) -> Self {
        let aws = Arc::new(aws);
        Self {
            ports: patient(&aws, aws.ports()),
            source: aws.clone(),
            whereabouts: aws.clone(),
            tags: aws.clone(),
            policies: aws.clone(),
            account: aws.clone(),
            trail: aws.clone(),
            sandbox: false,
            aws: Some(aws),
        }
    }
}

/// Returns the ports of a connection, which say on a terminal if a call takes long.
#[cfg(feature = "aws")]
fn patient(aws: &Arc<Aws>, ports: Ports) -> Ports {
    let wrapped = |service| {
        let inner = aws.as_ref().clone();
        Arc::new(Wrapped { inner, around: Patience(service) })
    };
    // The probe may be more than the connection: it may also log in at SES.
    Ports { iam: wrapped("IAM"), store: wrapped("Secrets Manager"), ..ports }
}

/// Returns the error of a connection that was not set up. A caller that names a profile already has
/// an account.
#[cfg(feature = "aws")]
pub(crate) fn refused(error: &ConnectError) -> CliError {
    let problem = CliError::usage(error.to_string());
    match error {
        ConnectError::NoRegion { .. } => {
            problem.hint("to try keyrot without an AWS account: keyrot --sandbox rotate")
        }
        ConnectError::Profile(ProfileError::Missing { known, .. }) if !known.is_empty() => {
            problem.hint("to list the profiles: aws configure list-profiles")
        }
        _ => problem,
    }
}

#[cfg(feature = "aws")]
/// A region for IAM only: its endpoint for the partition `aws` is the same from each of the
/// partition's regions (AWS General Reference, "IAM endpoints and quotas").
const ANY_REGION: &str = "us-east-1";

/// Says once that a variable made the command work in the sandbox. Always printed: without a flag,
/// the sandbox could be mistaken for AWS.
pub(crate) fn say_of_environment(invocation: &Invocation) {
    static SAID: Once = Once::new();
    if invocation.sandbox.is_none() && invocation.is_sandbox() {
        let text = "KEYROT_SANDBOX is set: this is a simulated account, not AWS";
        SAID.call_once(|| say!("{}", paint(style::DIM, text)));
    }
}

/// Whether a value looks like a switch instead of a file.
fn is_a_switch(value: &str) -> bool {
    ["0", "1", "true", "false", "yes", "no", "on", "off"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}
