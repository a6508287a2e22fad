//! An account on its own emulator, and the binary's processes that work on it day after day.

use crate::scene::Scene;
use crate::services::{Served, TOKENS, server};
use crate::witness::{Witness, published, secret_of};
use crate::{clock, support};
use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Gate, When, WorldTime};
use keyrot_core::memory::{Label, World};
use keyrot_core::{KeyStatus, Timestamp, UserName};
use serde_json::Value;
use std::cell::RefCell;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// A trusted certificate whose private key was discarded. Nothing here uses TLS, and reading all of
/// a machine's trusted certificates takes most of an unoptimized process's time.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/root.pem");

/// The number of processes that ended so far.
pub(crate) static PROCESSES: AtomicUsize = AtomicUsize::new(0);

/// The time limit of a process: longer than any takes, even on a busy machine.
const LONGEST: Duration = Duration::from_secs(50);

/// A scene in progress.
pub(crate) struct Life {
    pub(crate) emulator: Emulator,
    pub(crate) witness: Witness,
    destinations: Option<Served>,
    dir: tempfile::TempDir,
    printed: RefCell<String>,
}

impl Life {
    pub(crate) fn new(scene: &Scene) -> Self {
        Self::with(scene, Duration::ZERO)
    }

    /// Continues the scene with calls that take this long.
    pub(crate) fn with(scene: &Scene, latency: Duration) -> Self {
        Self::on(scene, EmulatorOptions { latency, ..EmulatorOptions::default() })
    }

    pub(crate) fn on(scene: &Scene, options: EmulatorOptions) -> Self {
        let options = EmulatorOptions { time: WorldTime::Still, ..options };
        let emulator = Emulator::start(scene.world.clone(), options).unwrap();
        let witness = scene.witness.apart();
        witness.look_on(&emulator);
        let destinations = scene.places.as_ref().map(|places| places.serve(&emulator));
        let (dir, printed) = (tempfile::tempdir().unwrap(), RefCell::default());
        Self { emulator, witness, destinations, dir, printed }
    }

    /// Returns a scene from which other lifecycles can continue.
    pub(crate) fn scene(self) -> Scene {
        let places = self.destinations.as_ref().map(Served::places);
        Scene { world: self.emulator.world(), witness: self.witness, places }
    }

    /// The services to which keys are delivered.
    pub(crate) fn destinations(&self) -> &Served {
        self.destinations.as_ref().expect("a scene with destinations")
    }

    /// Returns all users, by name.
    pub(crate) fn users(&self) -> Vec<UserName> {
        self.emulator.world().users().map(|u| u.arn.name().clone()).collect()
    }

    /// Starts `keyrot rotate` at the account's present time, for one user or for all.
    pub(crate) fn spawn(&self, user: Option<&UserName>) -> Child {
        self.command(user).spawn().unwrap()
    }

    /// Returns that command without starting it.
    pub(crate) fn command(&self, user: Option<&UserName>) -> Command {
        let user = user.iter().flat_map(|user| ["--user", user.as_str()]);
        self.keyrot(["rotate"].into_iter().chain(user))
    }

    /// Returns any command in the same way.
    pub(crate) fn keyrot<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrot"));
        command.arg("--json").args(args);
        command.current_dir(self.dir.path()).env_clear().envs(self.emulator.env());
        // This is the most verbose logging.
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
        command.env("SSL_CERT_FILE", ROOT);
        if let Some(destinations) = &self.destinations {
            destinations.settings(self.dir.path(), &mut command);
        }
        clock::at(&mut command, self.emulator.now());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs one process whose clock differs from the account's. Returns its exit code and its
    /// output.
    pub(crate) fn run_at(&self, time: Timestamp) -> (Option<i32>, String) {
        let mut command = self.command(None);
        clock::at(&mut command, time);
        let (code, stdout, stderr) = self.take(&command.output().unwrap());
        (code, stdout + &stderr)
    }

    /// Waits for a process to end by itself. Returns its exit code and its document.
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

    /// Runs one process to its end.
    pub(crate) fn run(&self, user: Option<&UserName>) -> (Option<i32>, Value) {
        self.ended(self.spawn(user))
    }

    /// Runs one process of any command to its end.
    pub(crate) fn ask(&self, args: &[&str]) -> (Option<i32>, Value) {
        self.ended(self.keyrot(args.iter().copied()).spawn().unwrap())
    }

    /// Runs a process for one user up to its nth call, counted from zero, interferes with it there,
    /// and lets the call continue or, if it was not yet carried out, get lost, depending on
    /// `release`. `None` if the process ended before that call.
    pub(crate) fn disturbed(
        &self,
        user: &UserName,
        (n, when): (usize, When),
        release: bool,
        disturb: impl FnOnce(&mut Child),
    ) -> Option<Output> {
        let gate = self.emulator.pause(CallAt::nth(n), when);
        self.disturbed_at(self.command(Some(user)), gate, release, disturb)
    }

    /// Does the same for any command about one user, at a gate.
    pub(crate) fn disturbed_at(
        &self,
        mut command: Command,
        gate: impl AnyGate,
        release: bool,
        disturb: impl FnOnce(&mut Child),
    ) -> Option<Output> {
        let mut child = command.spawn().unwrap();
        let began = Instant::now();
        while !gate.is_reached() {
            if child.try_wait().unwrap().is_some() {
                assert_eq!(self.ended(child).0, Some(0), "undisturbed it goes well");
                return None;
            }
            assert!(began.elapsed() < LONGEST, "the process neither ends nor makes that call");
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
        PROCESSES.fetch_add(1, Ordering::Relaxed);
        (output.status.code(), stdout, stderr)
    }

    /// Lets time pass while consumers work.
    pub(crate) fn pass(&self, time: Duration) {
        self.consume();
        self.emulator.advance(time);
        if let Some(destinations) = &self.destinations {
            destinations.at(self.emulator.now());
        }
        self.consume();
    }

    /// Lets the consumers use their credentials. IAM records it.
    fn consume(&self) {
        let jobs = self.destinations.iter().flat_map(|d| d.readers.in_use(self.emulator.now()));
        for credentials in self.witness.in_use(&self.emulator.world()).into_iter().chain(jobs) {
            self.emulator.change(|world| world.authenticate(&credentials, "s3", "eu-west-1"));
        }
    }

    /// Starts new processes on the following days, each as soon as there is something to do, until
    /// every user is settled.
    pub(crate) fn converges(&self) {
        let mut last = Value::Null;
        for _ in 0..20 {
            let (code, document) = self.run(None);
            assert_eq!(code, Some(0), "{document:#}");
            self.is_well();
            self.is_whole();
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
            // The extra hour makes users whose waits end at about the same time continue together.
            self.pass(wait.map_or(DAY, |wait| wait + HOUR));
            last = document;
        }
        panic!("not settled: {last:#}");
    }

    /// Checks that no promise was broken at any call.
    pub(crate) fn is_well(&self) {
        let elsewhere = self.destinations.iter().flat_map(|d| d.readers.wrong());
        let wrong: Vec<_> = self.witness.wrong().into_iter().chain(elsewhere).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Checks that a run without interference leaves no broken pair in GitHub.
    pub(crate) fn is_whole(&self) {
        let torn: Vec<_> = self.destinations.iter().flat_map(|d| d.readers.torn()).collect();
        assert!(torn.is_empty(), "{torn:?}");
    }

    /// Checks that no process ever printed the secret half of any key that ever existed.
    pub(crate) fn kept_its_secrets(&self) {
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
        for token in TOKENS {
            assert!(token.len() > 20 && !printed.contains(token), "a token was printed");
        }
    }

    /// Checks that every user has one young key that works and is published, and no other key.
    pub(crate) fn is_settled(&self) {
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
            for (place, key) in self.destinations.iter().flat_map(|d| d.readers.keys(&user)) {
                assert_eq!(key.as_ref(), Some(&credentials.key), "{user}, {place:?}");
            }
        }
    }
}

/// The gate that holds a call: the emulator's, or a destination's.
pub(crate) trait AnyGate {
    fn is_reached(&self) -> bool;
    fn release(self);
}

impl AnyGate for Gate {
    fn is_reached(&self) -> bool {
        Self::is_reached(self)
    }

    fn release(self) {
        Self::release(self);
    }
}

impl AnyGate for server::Gate {
    fn is_reached(&self) -> bool {
        Self::is_reached(self)
    }

    fn release(self) {
        Self::release(self);
    }
}

/// Interferes with one user after the other, each in a different way, and then lets all converge.
/// Several such accounts run at the same time, because a process spends much of its time waiting.
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

/// The largest number of users in an account.
const USERS: usize = 8;
