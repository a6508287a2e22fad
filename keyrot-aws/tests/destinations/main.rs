//! Tests of destinations over HTTP, against servers that behave as documented.
#![allow(clippy::unwrap_used)]

mod circleci;
mod circleci_server;
mod command;
mod ecs;
mod ecs_server;
mod github;
mod github_app;
mod github_server;
mod gitlab;
mod gitlab_server;
mod hostile;
mod kubernetes;
mod kubernetes_access;
mod kubernetes_server;
mod parameters;
mod profile;
mod replica;
mod replica_server;
mod role;
mod rules;
mod secrets_manager;
mod server;
mod settings;
mod ssm;
mod vault;
mod vault_server;

use keyrot_aws::notify::FromEnvironment;
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints, FieldNames, SecretSettings};
use keyrot_core::SecretKey;
use keyrot_core::ports::Destination;
use keyrot_core::settings::{Settings, Sources};
use std::sync::Arc;

/// Returns an account with every service at this URL.
async fn aws(url: &str) -> Aws {
    Aws::connect(&connection(url)).await.unwrap()
}

/// Returns the same account, with an SMTP password in each secret.
async fn aws_with_smtp(url: &str) -> Aws {
    Aws::connect(&with_smtp(connection(url))).await.unwrap()
}

fn connection(url: &str) -> AwsSettings {
    let caller =
        CallerCredentials::new("AKIAIOSFODNN7EXAMPLE", SecretKey::new("caller-secret".into()));
    AwsSettings::default()
        .with_region("us-east-1")
        .with_endpoints(Endpoints::all_at(url.to_owned()))
        .with_credentials(caller)
}

fn with_smtp(settings: AwsSettings) -> AwsSettings {
    let regions = vec!["eu-west-1".to_owned()];
    let fields = FieldNames::default().with_smtp_regions(regions);
    settings.with_secret(SecretSettings::default().with_fields(fields))
}

fn settings(text: &str) -> Settings {
    Settings::load(&Sources::default().file("keyrot.toml", text)).unwrap()
}

/// Returns the destination `x` of this kind, for AWS at this URL. `more` has other keys.
async fn destination(kind: &str, to: &str, more: &str, url: &str) -> Arc<dyn Destination> {
    let text = format!(
        "[[destination]]\nname = 'x'\nkind = '{kind}'\nusers = ['ci']\nto = '{to}'\n{more}\n"
    );
    let all = aws(url).await.destinations(&settings(&text), FromEnvironment::Refused).unwrap();
    all.into_values().next().unwrap()
}
