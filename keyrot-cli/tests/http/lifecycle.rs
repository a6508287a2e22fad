//! An account on an emulator of its own, and the binary's processes that work on it day after day.

use crate::witness::{Witness, published, secret_of};
use crate::{clock, support};
use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, When, WorldTime};
use keyrot_core::memory::{Label, World};
use keyrot_core::{KeyStatus, Timestamp, UserName};
use serde_json::Value;
use std::cell::RefCell;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// A certificate to trust, whose key was thrown away. To read all that a machine trusts takes most
/// of an unoptimised process's time, and nothing here goes over TLS.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/root.pem");

/// No process takes this long, on however busy a machine.
const LONGEST: Duration = Duration::from_secs(50);

/// An account, and what its witness knows: where lives can begin again and again.
#[derive(Clone)]
pub(crate) struct Scene {
    world: World,
    witness: Witness,
}

/// What keyrot finds when it first comes to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// No key, no secret.
    NoKey,
    /// One key that consumers have, no secret.
    OneKey,
}

impl Scene {
    /// Users on the first day.
    pub(crate) fn first_day(users: impl IntoIterator<Item = Start>) -> Self {
        let mut world = World::new("2026-01-05T04:00:00.250Z".parse().unwrap());
        for (n, start) in users.into_iter().enumerate() {
            let user =
                world.add_user(&format!("team/ci-{n:02}"), &[("RotateKey", "True")]).unwrap();
            if start == Start::OneKey {
                world.add_key(&user).unwrap();
            }
        }
        let witness = Witness::of(&world);
        Self { world, witness }
    }

    /// Users with a key and no secret.
    pub(crate) fn adoption(users: usize) -> Self {
        Self::first_day(vec![Start::OneKey; users])
    }

    /// Users without key and secret.
    pub(crate) fn first_keys(users: usize) -> Self {
        Self::first_day(vec![Start::NoKey; users])
    }

    /// Adopted a day ago: the old keys are in their overlap.
    pub(crate) fn overlap(users: usize) -> Self {
        Self::adoption(users).after_a_run(DAY)
    }

    /// Adopted, and the overlap is over: the old keys are to be retired.
    pub(crate) fn retirement(users: usize) -> Self {
        Self::adoption(users).after_a_run(DAY * 8)
    }

    /// The old keys have been Inactive for their soak.
    pub(crate) fn deletion(users: usize) -> Self {
        Self::retirement(users).after_a_run(DAY * 8)
    }

    /// One key each, in its secret, and so old that it is due.
    pub(crate) fn rotation(users: usize) -> Self {
        Self::deletion(users).after_a_run(DAY * 91)
    }

    fn after_a_run(&self, time: Duration) -> Self {
        let life = Life::new(self);
        let (code, document) = life.run(None);
        assert_eq!(code, Some(0), "{document:#}");
        life.pass(time);
        life.is_well();
        Self { world: life.emulator.world(), witness: life.witness }
    }

    /// How many calls a process makes for a user that nothing disturbs.
    pub(crate) fn calls(&self) -> usize {
        let life = Life::new(self);
        assert_eq!(life.run(life.users().first()).0, Some(0));
        life.emulator.stats().calls()
    }
}

/// A scene that goes on.
pub(crate) struct Life {
    pub(crate) emulator: Emulator,
    pub(crate) witness: Witness,
    dir: tempfile::TempDir,
    printed: RefCell<String>,
}

impl Life {
    pub(crate) fn new(scene: &Scene) -> Self {
        Self::with(scene, Duration::ZERO)
    }

    /// With calls that take this long.
    pub(crate) fn with(scene: &Scene, latency: Duration) -> Self {
        Self::on(scene, EmulatorOptions { latency, ..EmulatorOptions::default() })
    }

    pub(crate) fn on(scene: &Scene, options: EmulatorOptions) -> Self {
        let options = EmulatorOptions { time: WorldTime::Still, ..options };
        let emulator = Emulator::start(scene.world.clone(), options).unwrap();
        let witness = scene.witness.apart();
        witness.look_on(&emulator);
        Self { emulator, witness, dir: tempfile::tempdir().unwrap(), printed: RefCell::default() }
    }

    /// All users, by name.
    pub(crate) fn users(&self) -> Vec<UserName> {
        self.emulator.world().users().map(|u| u.arn.name().clone()).collect()
    }

    /// Begins `keyrot rotate` at the account's present, for one user or for all.
    pub(crate) fn spawn(&self, user: Option<&UserName>) -> Child {
        self.command(user).spawn().unwrap()
    }

    /// The same, not yet begun.
    pub(crate) fn command(&self, user: Option<&UserName>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrot"));
        command
            .args(["--json", "rotate"])
            .args(user.iter().flat_map(|user| ["--user", user.as_str()]));
        command.current_dir(self.dir.path()).env_clear().envs(self.emulator.env());
        // The loudest that a log could be.
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
        command.env("SSL_CERT_FILE", ROOT);
        clock::at(&mut command, self.emulator.now());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// One process whose clock is not the account's: its exit code, and all that it printed.
    pub(crate) fn run_at(&self, time: Timestamp) -> (Option<i32>, String) {
        let mut command = self.command(None);
        clock::at(&mut command, time);
        let (code, stdout, stderr) = self.take(&command.output().unwrap());
        (code, stdout + &stderr)
    }

    /// Waits for a process that ends by itself: its exit code and its document.
    pub(crate) fn ended(&self, child: Child) -> (Option<i32>, Value) {
        let (code, stdout, stderr) = self.take(&child.wait_with_output().unwrap());
        let document: Value = serde_json::from_str(&stdout)
            .unwrap_or_else(|e| panic!("{e}: {code:?} {stdout}\n{stderr}"));
        support::conforms(&document);
        if document["schema"] == "keyrot.rotate/2" {
            clock::check(&document["started"], self.emulator.now());
        }
        (code, document)
    }

    /// One whole process.
    pub(crate) fn run(&self, user: Option<&UserName>) -> (Option<i32>, Value) {
        self.ended(self.spawn(user))
    }

    /// Runs a process for one user up to its nth call, counted from zero, does something to it
    /// there, and lets the call go on or, if it was not yet carried out, get lost, as `release`
    /// says. `None` if it ended without making so many calls.
    pub(crate) fn disturbed(
        &self,
        user: &UserName,
        (n, when): (usize, When),
        release: bool,
        disturb: impl FnOnce(&mut Child),
    ) -> Option<Output> {
        let gate = self.emulator.pause(CallAt::nth(n), when);
        let mut child = self.spawn(Some(user));
        let began = Instant::now();
        while !gate.is_reached() {
            if child.try_wait().unwrap().is_some() {
                assert_eq!(self.ended(child).0, Some(0), "undisturbed it goes well");
                return None;
            }
            assert!(began.elapsed() < LONGEST, "the process neither ends nor makes call {n}");
            std::thread::sleep(Duration::from_millis(2));
        }
        disturb(&mut child);
        if release {
            gate.release();
        } else {
            drop(gate);
        }
        let output = child.wait_with_output().unwrap();
        self.take(&output);
        Some(output)
    }

    fn take(&self, output: &Output) -> (Option<i32>, String, String) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        self.printed.borrow_mut().extend([stdout.as_str(), stderr.as_str()]);
        (output.status.code(), stdout, stderr)
    }

    /// Time goes by, and consumers work.
    pub(crate) fn pass(&self, time: Duration) {
        self.consume();
        self.emulator.advance(time);
        self.consume();
    }

    /// The consumers work with their credentials. IAM records it.
    fn consume(&self) {
        for credentials in self.witness.in_use(&self.emulator.world()) {
            self.emulator.change(|world| world.authenticate(&credentials, "s3", "eu-west-1"));
        }
    }

    /// Fresh processes on the following days, each as soon as there is something to do, until every
    /// user is settled.
    pub(crate) fn converges(&self) {
        let mut last = Value::Null;
        for _ in 0..20 {
            let (code, document) = self.run(None);
            assert_eq!(code, Some(0), "{document:#}");
            self.is_well();
            let users = document["users"].as_array().unwrap();
            if users.iter().all(|user| user["state"] == "settled") {
                self.is_settled();
                self.kept_its_secrets();
                return;
            }
            let now = self.emulator.now();
            let untils = users
                .iter()
                .filter(|u| u["state"] == "waiting")
                .filter_map(|u| u["until"].as_str());
            let wait =
                untils.filter_map(|u| (u.parse::<Timestamp>().unwrap() - now).to_std().ok()).min();
            // The hour lets all users' runs that ended about the same time go on together.
            self.pass(wait.map_or(DAY, |wait| wait + HOUR));
            last = document;
        }
        panic!("not settled: {last:#}");
    }

    /// Nothing was wrong at any call.
    pub(crate) fn is_well(&self) {
        let wrong = self.witness.wrong();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// No process ever printed the secret of any key there ever was.
    fn kept_its_secrets(&self) {
        let printed = self.printed.borrow();
        assert!(printed.contains("keyrot.rotate/2"));
        let keys = self.witness.keys();
        assert!(
            keys.len() >= self.users().len() && self.witness.changes() > keys.len(),
            "nobody looked on"
        );
        let secrets = keys.iter().map(|key| World::secret_of(key).expose().to_owned());
        for secret in secrets.chain([self.emulator.admin_credentials().secret.expose().to_owned()])
        {
            assert_eq!(secret.len(), 40);
            assert!(!printed.contains(&secret), "a secret was printed");
        }
    }

    /// Every user has one young key that works and is published, and nothing else.
    fn is_settled(&self) {
        let mut world = self.emulator.world();
        for user in self.users() {
            let name = secret_of(&user);
            let credentials = published(&world, &name)
                .unwrap_or_else(|| panic!("nothing is published for {user}"));
            let keys = world.user(&user).unwrap().keys();
            let [only] = keys else { panic!("{user} has {keys:?}") };
            assert_eq!(
                (&only.listed.id, &only.listed.status),
                (&credentials.key, &KeyStatus::Active),
                "{user}"
            );
            let age = world.now() - only.listed.created;
            assert!(age < chrono::TimeDelta::days(60), "{user}'s key is {age} old");
            let secret = world.secret(&name).unwrap();
            let pending = secret
                .labelled(Label::Pending)
                .filter(|v| Some(*v) != secret.labelled(Label::Current));
            assert_eq!(pending, None, "{user}");
            let answer = world.authenticate(&credentials, "s3", "eu-west-1");
            assert!(
                matches!(answer, keyrot_core::model::ProbeAnswer::Authenticated(_)),
                "{user}: {answer:?}"
            );
        }
    }
}

/// Disturbs one user after the other, each in another way, and then lets all converge. Several such
/// accounts go on at a time, because a process spends much of its time waiting.
pub(crate) fn each<T: Clone + Send + Sync, R: Send>(
    ways: impl IntoIterator<Item = T>,
    scene: fn(usize) -> Scene,
    disturb: impl Fn(&Life, &UserName, T) -> R + Sync,
) -> Vec<R> {
    let ways: Vec<T> = ways.into_iter().collect();
    let one_account = |ways: &[T]| {
        let life = Life::new(&scene(ways.len()));
        let users = life.users();
        let results: Vec<R> =
            users.iter().zip(ways).map(|(user, way)| disturb(&life, user, way.clone())).collect();
        assert_eq!(results.len(), ways.len());
        life.converges();
        results
    };
    std::thread::scope(|scope| {
        let accounts = ways.chunks(USERS);
        let one_account = &one_account;
        let working: Vec<_> = accounts.map(|ways| scope.spawn(move || one_account(ways))).collect();
        working
            .into_iter()
            .flat_map(|account| account.join().expect("what went wrong was printed"))
            .collect()
    })
}

/// How many users an account has at most.
const USERS: usize = 8;
