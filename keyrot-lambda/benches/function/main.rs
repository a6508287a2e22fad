//! Compares the function with the article's, in Python, behind the same Runtime API and with the
//! same AWS, in one run.
//!
//! ```text
//! scripts/lambda-bench             1,000 users, 100 of them due, 20 ms a call; two minutes
//! scripts/lambda-bench --quick     100 users, to see that it works
//! ```
//!
//! The script installs boto3 and Lambda's own runtime client for Python, which the Python function
//! needs.
#![allow(missing_docs)]

mod account;
#[path = "../../tests/runtime/api.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the tests use more of it")]
mod api;

use account::account;
use api::{Answer, RuntimeApi};
use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use serde_json::{Value, json};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LATENCY: Duration = Duration::from_millis(20);
const TIME: Duration = Duration::from_secs(900);
const STARTS: usize = 15;

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (users, due) = if quick { (100, 10) } else { (1_000, 100) };
    let python = std::env::var_os("KEYROT_BENCH_PYTHON")
        .ok_or("KEYROT_BENCH_PYTHON is not set; run scripts/lambda-bench")?;
    let article = Kind::Article(PathBuf::from(python));
    println!(
        "{users} users, {due} due, {} ms a call, {STARTS} starts; medians\n",
        LATENCY.as_millis()
    );

    let mut starts = [Vec::new(), Vec::new()];
    let emulator = Emulator::start(account(1, 0)?, EmulatorOptions::default())?;
    for _ in 0..STARTS {
        for (kind, times) in [&Kind::Keyrot, &article].into_iter().zip(&mut starts) {
            times.push(Function::start(kind, &emulator)?.until_first_poll()?);
        }
    }
    let [keyrot_start, article_start] = starts.map(median);
    let keyrot = sweep(&Kind::Keyrot, users, due)?;
    let theirs = sweep(&article, users, due)?;

    println!("{:<44} {:>12} {:>12} {:>9}  target", "", "keyrot", "article", "ratio");
    row(
        "process start to the first /next",
        &millis(keyrot_start),
        &millis(article_start),
        ratio(article_start, keyrot_start),
        ">= 20",
    );
    let memory = theirs.peak as f64 / keyrot.peak as f64;
    row("memory peak, after the sweep", &mib(keyrot.peak), &mib(theirs.peak), memory, ">= 3");
    row(
        "warm sweep",
        &seconds(keyrot.sweep),
        &seconds(theirs.sweep),
        ratio(theirs.sweep, keyrot.sweep),
        "",
    );
    println!("{:<44} {:>12} {:>12}", "keys replaced in it", keyrot.rotated, theirs.rotated);
    println!("{:<44} {:>12} {:>12}", "calls in it", keyrot.calls, theirs.calls);
    zip_size();
    println!(
        "\nThe article's function replaces every tagged user's key each time, and verifies none."
    );
    let met = ratio(article_start, keyrot_start) >= 20.0 && memory >= 3.0;
    println!("{}", if met { "every target is met" } else { "a target is missed" });
    if met || quick { Ok(()) } else { Err("a target is missed".into()) }
}

enum Kind {
    Keyrot,
    /// Runs the function with this Python.
    Article(PathBuf),
}

struct Function {
    api: RuntimeApi,
    child: Child,
    started: Instant,
}

impl Function {
    fn start(kind: &Kind, emulator: &Emulator) -> Result<Self, Failed> {
        let api = RuntimeApi::start();
        let mut command = match kind {
            Kind::Keyrot => Command::new(env!("CARGO_BIN_EXE_bootstrap")),
            Kind::Article(python) => {
                let mut command = Command::new(python);
                command.args(["-m", "awslambdaric", "article.handler"]);
                command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/function"));
                command
            }
        };
        command.env_clear().envs(emulator.env()).env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", std::env::temp_dir());
        command
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench");
        command
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        command
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench");
        let started = Instant::now();
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
        Ok(Self { api, child, started })
    }

    fn until_first_poll(self) -> Result<Duration, Failed> {
        Ok(self.api.polled(Duration::from_secs(60))?.duration_since(self.started))
    }

    fn invoke(&self, event: Value) -> Result<Value, Failed> {
        self.api.send(event, TIME);
        match self.api.answer_within(TIME)? {
            Answer::Response(value) => Ok(value),
            Answer::Error(kind, message) => Err(format!("{kind}: {message}").into()),
        }
    }

    /// Returns the process's peak memory, in bytes (Linux: `VmHWM` in proc(5)).
    fn peak(&self) -> Result<u64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Swept {
    sweep: Duration,
    peak: u64,
    rotated: usize,
    calls: usize,
}

/// Measures one invocation of a warm process: it has answered once, on an account without users to
/// rotate.
fn sweep(kind: &Kind, users: usize, due: usize) -> Result<Swept, Failed> {
    let emulator = Emulator::start(
        account(0, 0)?,
        EmulatorOptions { latency: LATENCY, log: false, ..EmulatorOptions::default() },
    )?;
    let function = Function::start(kind, &emulator)?;
    function.invoke(json!({}))?;
    let full = account(users, due)?;
    let made = full.users().map(|user| user.keys().len()).sum::<usize>();
    emulator.change(|world| *world = full);
    emulator.reset_stats();
    let begun = Instant::now();
    let answer = function.invoke(json!({}))?;
    let sweep = begun.elapsed();
    let peak = function.peak()?;
    let calls = emulator.stats().calls();
    let rotated = emulator.world().users().map(|user| user.keys().len()).sum::<usize>() - made;
    let expected = if matches!(kind, Kind::Keyrot) { due } else { users };
    if rotated != expected {
        return Err(format!("{rotated} keys were made, {expected} expected: {answer:#}").into());
    }
    Ok(Swept { sweep, peak, rotated, calls })
}

fn zip_size() {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    match std::fs::metadata(target.join("lambda/keyrot/bootstrap.zip")) {
        Ok(zip) => println!(
            "{:<44} {:>9.2} MB {:>12} {:>9}  < 8 MB",
            "zip",
            zip.len() as f64 / 1e6,
            "",
            ""
        ),
        Err(_) => println!("{:<44} not built: scripts/lambda-zip", "zip"),
    }
}

fn row(what: &str, keyrot: &str, article: &str, ratio: f64, target: &str) {
    println!("{what:<44} {keyrot:>12} {article:>12} {ratio:>8.1}x  {target}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ratio(more: Duration, less: Duration) -> f64 {
    more.as_secs_f64() / less.as_secs_f64()
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
