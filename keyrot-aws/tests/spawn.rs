//! Tests that every public future can be spawned: it is `Send`, for any lifetime of its borrows.
#![allow(clippy::unwrap_used)]

use keyrot_aws::doctor::{self, Check};
use keyrot_aws::limiter::Limiter;
use keyrot_aws::notify::Channels;
use keyrot_aws::{Aws, AwsSettings};
use keyrot_core::audit::AccountPort;
use keyrot_core::consumer::{CredentialSource, VersionStage};
use keyrot_core::ports::TagPort;
use keyrot_core::ports::UserPolicyPort;
use keyrot_core::settings::Settings;
use keyrot_core::trail::TrailPort;
use keyrot_core::{Clock, CredentialProbe, IamPort, Ports, SecretStorePort};
use std::path::Path;
use std::sync::Arc;

/// The bounds of `tokio::spawn`.
fn spawned<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) {
    drop(future);
}

fn any<T>() -> T {
    unreachable!("compiled, never run")
}

/// Each body owns what its future borrows, as a spawned task has to.
#[allow(dead_code, unreachable_code, reason = "compiled, never run")]
fn every_public_future() {
    spawned(async move { Aws::connect(&AwsSettings::default()).await });
    let aws: Arc<Aws> = any();
    spawned(async move {
        let _ = aws.caller_identity().await;
        let _ = aws.mfa_session("", "").await;
        let _ = aws.parameter("").await;
    });
    let (aws, settings): (Arc<Aws>, Settings) = any();
    spawned(async move {
        let tell: Box<dyn Fn(&Check) + Send + Sync> = any();
        doctor::of_aws(&aws, &settings, doctor::Verify::No, &|_| {}).await;
        doctor::of_ports(&any::<Ports>(), &settings, &any(), doctor::Verify::No, &*tell).await;
        doctor::on_aws(&settings, doctor::Verify::No, doctor::TestMessage::None, &*tell).await;
        doctor::send_test(&aws, &settings, None, any(), &*tell).await;
    });
    let to: Arc<dyn keyrot_core::ports::Destination> = any();
    spawned(async move {
        let _ = to.inspect("").await;
        let _ = to.deliver("", &any()).await;
    });
    let gate: keyrot_aws::emulator::Gate = any();
    spawned(async move { gate.reached().await });
    let channels: Channels = any();
    spawned(async move {
        channels.readiness().await;
        channels.send_test(None, any()).await;
    });
    let rotated: keyrot_aws::RotatedCredentials = any();
    spawned(async move { rotated.credentials().await });
    let limiter: Limiter = any();
    spawned(async move {
        let _ = limiter.acquire().await;
    });
}

/// A host program may also call the ports directly by type, not only as `dyn`.
#[allow(dead_code, unreachable_code, reason = "compiled, never run")]
fn every_port() {
    let aws: Arc<Aws> = any();
    spawned(async move {
        let _ = aws.users("/").await;
        let _ = aws.describe(&any()).await;
        let _ = aws.stage(&any(), &any(), &any(), Some(any())).await;
        let _ = aws.promote(&any(), &any(), &any()).await;
        let _ = aws.probe(&any()).await;
        let _ = aws.published(&any(), VersionStage::Current).await;
        let _ = aws.credential_report().await;
        let _ = aws.page(&any(), None).await;
        let _ = aws.tag_user(&any(), "", "").await;
        let _ = aws.user_policy(&any(), "").await;
        aws.clock().sleep(any()).await;
    });
}

#[test]
fn no_public_future_is_left_out() {
    let listed = include_str!("spawn.rs");
    let mut found = 0;
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = std::fs::read_to_string(&entry).unwrap();
            for name in
                text.split("pub async fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next())
            {
                assert!(
                    listed.contains(&format!("{name}(")),
                    "{name} of {} is not spawned here",
                    entry.display()
                );
                found += 1;
            }
        }
    }
    assert!(found > 10, "only {found} public futures found");
}
