//! The function's settings, and its connection to AWS.

use crate::function::Function;
use keyrot_aws::notify::{Channels, FromEnvironment};
use keyrot_aws::{Aws, AwsSettings};
use keyrot_core::settings::{Settings, Sources};
use lambda_runtime::{Diagnostic, tracing};
use std::fmt;
use std::sync::Arc;

/// The variable that names the SSM parameter with the settings file.
const PARAMETER: &str = "KEYROT_CONFIG_PARAMETER";

/// Reads the settings and creates the clients.
pub(crate) async fn function() -> Result<Function, Diagnostic> {
    let settings = match std::env::var(PARAMETER).ok().filter(|name| !name.is_empty()) {
        None => settings(None)?,
        Some(name) => {
            // This uses Lambda's own region and credentials; the parameter may name others for the
            // work.
            let aws = Aws::connect(&AwsSettings::default()).await.map_err(unusable)?;
            let text = aws
                .parameter(&name)
                .await
                .map_err(|why| unusable(format!("{PARAMETER}={name}: {why}")))?;
            settings(Some((&format!("ssm:{name}"), text.expose())))?
        }
    };
    let aws = AwsSettings::default().with(&settings).map_err(unusable)?;
    let aws = Arc::new(Aws::connect(&aws).await.map_err(unusable)?);
    // Anyone who may read the function's configuration sees its environment.
    let channels =
        Channels::new(settings.notify(), &aws, FromEnvironment::Refused).map_err(unusable)?;
    // The function was deployed for this account and region.
    let homes = settings.homes(aws.region(), true);
    let ports = aws.ports_with(&settings, FromEnvironment::Refused).map_err(unusable)?;
    let rotator = aws.rotator(ports.clone(), &settings);
    Ok(Function { homes, ports, rotator, settings, channels })
}

fn settings(file: Option<(&str, &str)>) -> Result<Settings, Diagnostic> {
    let mut sources = Sources::default().env(std::env::vars_os()).allow_env(PARAMETER);
    if let Some((name, text)) = file {
        sources = sources.file(name, text);
    }
    let settings = Settings::load(&sources).map_err(unusable)?;
    for name in settings.unknown_variables() {
        tracing::warn!(target: "keyrot", "the environment variable {name} is not known, and has no effect");
    }
    Ok(settings)
}

fn unusable(error: impl fmt::Display) -> Diagnostic {
    Diagnostic { error_type: "keyrot.Settings".to_owned(), error_message: error.to_string() }
}
