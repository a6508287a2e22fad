//! A user whose key leaked, on the emulator.

use crate::support::{self, Ran, Sandbox};
use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
use keyrot_core::memory::World;
use keyrot_core::{KeyStatus, SecretName, UserName};
use serde_json::Value;
use std::process::Command;

pub(crate) const SECRETS: [&str; 6] = [
    "DescribeSecret",
    "GetSecretValue",
    "ListSecretVersionIds",
    "CreateSecret",
    "PutSecretValue",
    "TagResource",
];

/// The binary, with an emulator that has one adopted user.
pub(crate) struct Company {
    pub(crate) emulator: Emulator,
    pub(crate) sandbox: Sandbox,
    /// The leaked key.
    pub(crate) leaked: String,
}

pub(crate) fn name() -> UserName {
    UserName::parse("ci").unwrap()
}

pub(crate) fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

impl Company {
    /// Creates a user whose key is in its secret.
    pub(crate) fn new() -> Self {
        let mut world = World::new(std::time::SystemTime::now().into());
        world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
        let mut company = Self { emulator, sandbox: Sandbox::new(), leaked: String::new() };
        assert_eq!(company.run(&["rotate"]).code, Some(0));
        company.leaked = company.keys()[0].0.clone();
        company.emulator.reset_stats();
        company
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.sandbox.take(&self.command(args).output().unwrap())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.command(args);
        command.env_remove("KEYROT_SANDBOX").envs(self.emulator.env());
        command
    }

    pub(crate) fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let ran = self.run(&[&["--json"], args].concat());
        let document = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|e| panic!("{e}: {} {}", ran.stdout, ran.stderr));
        support::conforms(&document);
        (ran.code, document)
    }

    pub(crate) fn keys(&self) -> Vec<(String, bool)> {
        let world = self.emulator.world();
        let keys = world.user(&name()).unwrap().keys().iter();
        keys.map(|key| (key.listed.id.to_string(), key.listed.status == KeyStatus::Active))
            .collect()
    }

    pub(crate) fn works(&self) -> bool {
        self.keys().contains(&(self.leaked.clone(), true))
    }

    /// Returns the command that revokes the key without a successor, by the user's name and the
    /// key's id.
    pub(crate) fn off_args<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["revoke", "ci", &self.leaked, "--without-successor", "--yes"], more].concat()
    }

    pub(crate) fn off(&self, more: &[&str]) -> Ran {
        self.run(&self.off_args(more))
    }

    pub(crate) fn off_json(&self, more: &[&str]) -> (Option<i32>, Value) {
        self.json(&self.off_args(more))
    }

    /// Makes every call of Secrets Manager fail.
    pub(crate) fn without_secrets(&self, fault: &Fault) {
        for action in SECRETS {
            self.emulator.inject(CallAt::every(action), fault.clone());
        }
    }

    pub(crate) fn called(&self) -> Vec<&'static str> {
        self.emulator
            .stats()
            .actions
            .into_iter()
            .filter(|(_, count)| count.calls > 0)
            .map(|(name, _)| name)
            .collect()
    }

    /// Checks that the key was confirmed Inactive: exit code 0, and the first line says so.
    pub(crate) fn is_off(&self, ran: &Ran) {
        let first = first_line(ran);
        assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
        assert_eq!(
            first,
            format!("done: {} is Inactive: requests with it are refused", self.leaked),
            "{}",
            ran.stdout
        );
        assert!(!self.works());
    }
}

pub(crate) fn first_line(ran: &Ran) -> &str {
    ran.stdout.lines().next().unwrap_or_default()
}
