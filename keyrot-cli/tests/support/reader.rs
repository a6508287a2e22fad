//! An account with a published key, and a machine on which it is read.

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::{Label, Value, World};
use keyrot_core::model::VersionId;
use keyrot_core::{Credentials, KeyId, SecretName, UserName};
use serde_json::Value as Json;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub const SECRET: &str = "/iam/ci/access_key";
/// A trusted certificate whose private key was discarded. Nothing here uses TLS, and reading all of
/// a machine's trusted certificates takes long.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/root.pem");

/// An account with one rotated user, and a machine on which it is used.
pub struct Scene {
    pub emulator: Emulator,
    pub home: tempfile::TempDir,
}

pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub said: String,
}

pub fn version(text: &str) -> VersionId {
    VersionId::parse(format!("{text:0>32}")).unwrap()
}

pub fn secret() -> SecretName {
    SecretName::parse(SECRET).unwrap()
}

impl Scene {
    pub fn new() -> Self {
        let mut world = World::new(std::time::SystemTime::now().into());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.create_secret(&secret(), Some((version("first"), Value::placeholder()))).unwrap();
        let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
        let scene = Self { emulator, home: tempfile::tempdir().unwrap() };
        scene.publish(&user, "key1");
        scene
    }

    /// Rotates the key, as consumers see it.
    pub fn publish(&self, user: &UserName, name: &str) -> Credentials {
        self.emulator.change(|world| {
            let made = world.add_key(user).unwrap().credentials;
            let value = Value::credentials(&made, None);
            world.put_secret_value(&secret(), &version(name), value, &[Label::Pending]).unwrap();
            let from = world.secret(&secret()).unwrap().labelled(Label::Current).cloned();
            world
                .move_label(&secret(), Label::Current, from.as_ref(), Some(&version(name)))
                .unwrap();
            made
        })
    }

    pub fn put(&self, name: &str, text: &str) {
        self.emulator.change(|world| {
            world
                .put_secret_value(&secret(), &version(name), Value::text(text), &[Label::Current])
                .unwrap();
        });
    }

    pub fn user() -> UserName {
        UserName::parse("ci").unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrot"));
        command.args(args).current_dir(self.home.path()).env_clear().envs(self.emulator.env());
        command
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("SSL_CERT_FILE", ROOT);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        ended(self.command(args))
    }

    pub fn reads(&self) -> usize {
        self.emulator.stats().actions.get("GetSecretValue").map_or(0, |count| count.calls)
    }

    pub fn dir(&self) -> PathBuf {
        self.home.path().join(".cache/keyrot")
    }

    /// Returns the one cache entry.
    pub fn entry(&self) -> Option<PathBuf> {
        let files = std::fs::read_dir(self.dir()).unwrap().map(|f| f.unwrap().path());
        let entries: Vec<_> =
            files.filter(|f| f.extension().is_some_and(|e| e == "json")).collect();
        assert!(entries.len() <= 1, "{entries:?}");
        entries.into_iter().next()
    }
}

pub fn ended(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), said: text(output.stderr) }
}

/// Returns the key in the output of a `credential_process`.
pub fn key(ran: &Ran) -> KeyId {
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let document: Json = serde_json::from_str(&ran.out).unwrap();
    let key = KeyId::parse(document["AccessKeyId"].as_str().unwrap()).unwrap();
    assert_eq!(document["SecretAccessKey"], World::secret_of(&key).expose());
    assert!(!ran.said.contains(World::secret_of(&key).expose()), "a secret on stderr");
    key
}

/// Writes the shared configuration file, and removes the credentials from the environment.
pub fn by_profile(scene: &Scene, config: &str, args: &[&str]) -> Command {
    std::fs::create_dir_all(scene.home.path().join(".aws")).unwrap();
    let admin = scene.emulator.admin_credentials();
    let reader = format!(
        "[profile reader]\naws_access_key_id={}\naws_secret_access_key={}\n",
        admin.key,
        admin.secret.expose()
    );
    std::fs::write(scene.home.path().join(".aws/config"), format!("{config}\n{reader}")).unwrap();
    let mut command = scene.command(args);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command
}
