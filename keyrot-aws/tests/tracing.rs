//! What `tracing` shows about calls to AWS: enough to see what happened, and no secret.
#![allow(clippy::unwrap_used)]

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
use keyrot_aws::{Aws, AwsSettings, Endpoints};
use keyrot_core::memory::World;
use keyrot_core::{
    Cancel, CredentialProbe, Credentials, Homes, IamPort, Limits, Mode, Rotator, Selection,
    UserName, WaitPolicy, select,
};
use std::fmt::Debug;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

/// Stores the fields of every span and event of keyrot's own crates, at every level.
#[derive(Clone, Default)]
struct Everything {
    text: Arc<Mutex<String>>,
    spans: Arc<AtomicU64>,
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Everything {
    // The SDK's own logs contain whole requests: `SECRET_LOG_TARGETS` is about these.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("keyrot")
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut text = self.text.lock().unwrap();
        text.push_str(attributes.metadata().name());
        attributes.record(&mut Line(&mut text));
        text.push('\n');
        span::Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = self.text.lock().unwrap();
        write!(text, "{}", event.metadata().level()).unwrap();
        event.record(&mut Line(&mut text));
        text.push('\n');
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Line(&mut self.text.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn each_call_is_traced_with_its_outcome_and_without_any_secret() {
    let seen = Everything::default();
    tracing::subscriber::set_global_default(seen.clone()).unwrap();

    let mut world = World::new(SystemTime::now().into());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    let old = world.add_key(&user).unwrap();
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let settings = AwsSettings::default()
        .with_region("us-east-1")
        .with_credentials(emulator.admin_credentials().into())
        .with_endpoints(Endpoints::all_at(emulator.url()));
    let aws = Arc::new(Aws::connect(&settings).await.unwrap());

    let throttle =
        Fault::Error { code: "Throttling".into(), message: "Rate exceeded".into(), status: 400 };
    emulator.inject(CallAt::first("ListAccessKeys"), throttle);
    emulator.inject(CallAt::first("PutSecretValue"), Fault::LostReply);
    let users = aws.users("/").await.unwrap();
    let selected = select(
        &users,
        &Selection::default(),
        &Homes::in_region("us-east-1"),
        &WaitPolicy::default(),
    );
    let rotator = Rotator::new(aws.ports());
    rotator.run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    // Refused credentials, and an MFA code.
    let wrong = Credentials {
        key: old.credentials.key.clone(),
        secret: emulator.admin_credentials().secret.clone(),
    };
    let _ = aws.probe(&wrong).await;
    let _ = aws.mfa_session("arn:aws:iam::123456789012:mfa/ci", "135790").await;

    // The SDK's own text about a failure, for which the error has one sentence.
    let nowhere = AwsSettings::default()
        .with_region("us-east-1")
        .with_credentials(emulator.admin_credentials().into())
        .with_endpoints(Endpoints::all_at("http://127.0.0.1:9"));
    let error = Aws::connect(&nowhere).await.unwrap().caller_identity().await.unwrap_err();
    assert!(!error.to_string().contains("tcp connect error"), "{error}");

    let text = seen.text.lock().unwrap().clone();
    for part in [
        "aws_call action=\"iam:CreateAccessKey\" subject=\"user ci\"",
        "DEBUG message=AWS answered action=\"iam:CreateAccessKey\" subject=\"user ci\" attempt=1 took_ms=",
        "DEBUG message=AWS throttled the call action=\"iam:ListAccessKeys\"",
        "code=\"Throttling\" request_id=",
        "WARN message=no answer came action=\"secretsmanager:PutSecretValue\"",
        "retry_in_ms=",
        "WARN message=the SDK says why action=\"sts:GetCallerIdentity\"",
        "tcp connect error",
        "user user=\"ci\" secret=\"/iam/ci/access_key\"",
        "call=\"create_key\"",
        "event=\"rotated\" key=\"AKIA",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    let keys = aws.list_keys(&UserName::parse("ci").unwrap()).await.unwrap();
    assert_eq!(keys.len(), 2, "a key was made, whose secret was sent and read");
    let mut secrets: Vec<_> = keys.iter().map(|key| World::credentials_of(&key.id)).collect();
    secrets.push(emulator.admin_credentials().clone());
    for credentials in secrets {
        assert!(
            !text.contains(credentials.secret.expose()),
            "the secret of {} is in:\n{text}",
            credentials.key
        );
    }
    assert!(!text.contains("135790"), "an MFA code is in:\n{text}");
}
