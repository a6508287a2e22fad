//! The real binary with its own sandbox, and everything that it printed.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod hook;
pub mod own;
pub mod reader;

use serde_json::Value;
use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A sandbox in its own directory.
pub struct Sandbox {
    dir: tempfile::TempDir,
    printed: RefCell<String>,
}

/// How a command ended, and what it printed.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), printed: RefCell::default() }
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("sandbox.json")
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the binary, in the sandbox's directory and without the tester's own environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrot"));
        command.args(args).current_dir(self.dir.path()).env_clear();
        command
            .env("KEYROT_SANDBOX", self.file())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        self.take(&output)
    }

    /// Stores the output for the search at the end.
    pub fn take(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let ran = Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        self.printed.borrow_mut().push_str(&ran.stdout);
        self.printed.borrow_mut().push_str(&ran.stderr);
        ran
    }

    /// Runs with `--json`, and checks the document against the schema.
    pub fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let ran = self.run(&[&["--json"], args].concat());
        let document = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|e| panic!("{args:?}: {e}\n{}", ran.stdout));
        conforms(&document);
        (ran.code, document)
    }

    /// Returns the secret halves of all keys in versions in the file.
    pub fn secrets(&self) -> Vec<String> {
        let file: Value =
            serde_json::from_str(&std::fs::read_to_string(self.file()).unwrap()).unwrap();
        let mut found = Vec::new();
        let regions = file["world"]["secrets"].as_object().unwrap().values();
        for secret in regions.flat_map(|secrets| secrets.as_object().unwrap().values()) {
            for value in secret["versions"].as_object().unwrap().values() {
                let value: Value = serde_json::from_str(value.as_str().unwrap()).unwrap();
                found.extend(value["SecretAccessKey"].as_str().map(str::to_owned));
            }
        }
        found
    }

    /// Checks that no output contains any of the secrets.
    pub fn kept_its_secrets(&self) {
        let (secrets, printed) = (self.secrets(), self.printed.borrow());
        assert!(!secrets.is_empty() && !printed.is_empty());
        for secret in secrets {
            assert_eq!(secret.len(), 40);
            assert!(!printed.contains(&secret), "a secret was printed");
        }
    }
}

/// Returns a terminal of this width: the person's side, and the process's side.
#[cfg(unix)]
pub fn terminal(columns: u16) -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Winsize, tcsetwinsize};
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    tcsetwinsize(&person, Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })
        .unwrap();
    let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
    (person.into(), File::options().read(true).write(true).open(name).unwrap())
}

/// Reads the terminal until its other side is closed; reading then ends with an error.
pub fn all_of(terminal: &mut File) -> String {
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = terminal.read(&mut piece) {
        text.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(text).unwrap().replace('\r', "")
}

/// Returns the user of that name in a run's document.
pub fn user<'a>(document: &'a Value, name: &str) -> &'a Value {
    document["users"]
        .as_array()
        .unwrap()
        .iter()
        .find(|u| u["user"] == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

pub fn conforms(document: &Value) {
    let schema: Value =
        serde_json::from_str(include_str!("../../schema/keyrot.schema.json")).unwrap();
    // It is checked against the one document that it claims to be, because the messages of `oneOf`
    // name no member.
    let name = document["schema"].as_str().unwrap();
    let kinds: Vec<&String> = schema["$defs"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, part)| {
            let named = &part["properties"]["schema"];
            named["const"] == name
                || named["enum"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
        })
        .map(|(kind, _)| kind)
        .collect();
    let [kind] = kinds[..] else { panic!("{name} is {kinds:?} in keyrot.schema.json") };
    let part = serde_json::json!({ "$ref": format!("#/$defs/{kind}"), "$defs": schema["$defs"] });
    let validator = jsonschema::options().should_validate_formats(true).build(&part).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
}
