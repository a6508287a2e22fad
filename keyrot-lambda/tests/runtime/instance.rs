//! One instance of the function: its process, with everything that it printed.

use crate::api::{Answer, RuntimeApi};
use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::{Label, Value as Stored, World};
use keyrot_core::{KeyId, SecretName, UserName};
use serde_json::Value;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// The function's time limit.
pub(crate) const FIFTEEN_MINUTES: Duration = Duration::from_secs(900);
const HUNDRED_DAYS: Duration = Duration::from_secs(100 * 24 * 60 * 60);

/// Returns an account whose users have keys that are a hundred days old.
pub(crate) fn account(users: &[&str]) -> Emulator {
    let mut world = World::new((SystemTime::now() - HUNDRED_DAYS).into());
    for name in users {
        let user = world.add_user(name, &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
    }
    Emulator::start(world, EmulatorOptions::default()).unwrap()
}

pub(crate) fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

pub(crate) fn secret(name: &str) -> SecretName {
    SecretName::parse(format!("/iam/{name}/access_key")).unwrap()
}

/// Returns the key under AWSCURRENT.
pub(crate) fn published(emulator: &Emulator, name: &str) -> Option<KeyId> {
    let world = emulator.world();
    let found = world.secret(&secret(name))?;
    found
        .value(found.labelled(Label::Current)?)
        .and_then(Stored::read)
        .map(|credentials| credentials.key)
}

pub(crate) fn keys(emulator: &Emulator, name: &str) -> Vec<KeyId> {
    let world = emulator.world();
    world.user(&user(name)).unwrap().keys().iter().map(|key| key.listed.id.clone()).collect()
}

pub(crate) struct Instance {
    api: RuntimeApi,
    child: Child,
    printed: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Instance {
    pub(crate) fn start(emulator: &Emulator, settings: &[(&str, &str)]) -> Self {
        let api = RuntimeApi::start();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
        command.env_clear().envs(emulator.env()).envs(settings.iter().copied());
        command
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "keyrot");
        command
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        command
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/keyrot")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let reader = |mut stream: Box<dyn Read + Send>| {
            let printed = printed.clone();
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    printed.lock().unwrap().extend_from_slice(&piece[..count]);
                }
            })
        };
        let readers = streams.into_iter().map(reader).collect();
        Self { api, child, printed, readers }
    }

    pub(crate) fn send(&self, event: Value) {
        self.api.send(event, FIFTEEN_MINUTES);
    }

    pub(crate) fn answer(&self) -> Answer {
        self.api.answer()
    }

    pub(crate) fn invoke(&self, event: Value) -> Answer {
        self.invoke_within(event, FIFTEEN_MINUTES)
    }

    pub(crate) fn invoke_within(&self, event: Value, time: Duration) -> Answer {
        self.api.send(event, time);
        self.api.answer()
    }

    /// Ends the process as Lambda does, and returns everything that it printed, without any key's
    /// secret half.
    pub(crate) fn end(mut self, emulator: &Emulator) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        let text = String::from_utf8(self.printed.lock().unwrap().clone()).unwrap();
        for user in emulator.world().users() {
            for key in user.keys() {
                let hidden = World::secret_of(&key.listed.id);
                assert!(!text.contains(hidden.expose()), "a secret was printed");
            }
        }
        // Every line is JSON, so that CloudWatch Logs Insights can read it; the last one may be cut
        // off.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let line =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        whole.lines().map(line).collect()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
