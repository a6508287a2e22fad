//! The emulator, called by the real SDK.
#![allow(clippy::unwrap_used)]

use aws_sdk_iam::config::{BehaviorVersion, Credentials as SdkCredentials, Region};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::operation::RequestId;
use aws_sdk_iam::types::{EntityType, StatusType, Tag};
use aws_sdk_secretsmanager::types::Tag as SecretTag;
use aws_smithy_types::retry::RetryConfig;
use keyrot_aws::emulator::{
    ADMINISTRATOR, CallAt, Emulator, EmulatorOptions, Fault, Outcome, RateLimit, SECRET_READS,
    When, WorldTime,
};
use keyrot_core::memory::World;
use keyrot_core::{Credentials, KeyId, SecretKey, UserName};
use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime};

const A: &str = "keyrot-key-AKIAAAAAAAAAAAAAAAAA-1700000000";
const B: &str = "keyrot-key-AKIABBBBBBBBBBBBBBBB-1700000001";

fn world() -> World {
    World::new("2026-01-05T04:00:00Z".parse().unwrap())
}

fn start(world: World) -> Emulator {
    with(world, EmulatorOptions::default())
}

fn with(world: World, options: EmulatorOptions) -> Emulator {
    Emulator::start(world, EmulatorOptions { time: WorldTime::Still, ..options }).unwrap()
}

fn named(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

macro_rules! client {
    ($sdk:ident, $emulator:expr, $credentials:expr) => {{
        let Credentials { key, secret } = $credentials;
        let config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url($emulator.url())
            .retry_config(RetryConfig::disabled())
            .credentials_provider(SdkCredentials::new(
                key.as_str(),
                secret.expose(),
                None,
                None,
                "test",
            ));
        $sdk::Client::from_conf(config.build())
    }};
}

mod callers;
#[cfg(feature = "settings")]
mod clocks;
mod observers;
mod sdk_config;
mod services;
mod traffic;
#[cfg(feature = "trail")]
mod trail;

fn iam(emulator: &Emulator) -> aws_sdk_iam::Client {
    client!(aws_sdk_iam, emulator, emulator.admin_credentials())
}

fn secrets(emulator: &Emulator) -> aws_sdk_secretsmanager::Client {
    client!(aws_sdk_secretsmanager, emulator, emulator.admin_credentials())
}

async fn identity(emulator: &Emulator, credentials: &Credentials) -> Result<String, String> {
    match client!(aws_sdk_sts, emulator, credentials).get_caller_identity().send().await {
        Ok(answer) => Ok(answer.arn.unwrap()),
        Err(error) => Err(refused::<(), _>(Err(error)).0),
    }
}

/// Returns the code and the HTTP status of a refusal.
fn refused<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E, aws_smithy_runtime_api::http::Response>>,
) -> (String, u16) {
    match result.unwrap_err() {
        SdkError::ServiceError(e) => {
            (e.err().code().unwrap().to_owned(), e.raw().status().as_u16())
        }
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

fn says(code: &str, status: u16) -> (String, u16) {
    (code.to_owned(), status)
}
