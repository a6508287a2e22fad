//! Runs the documents' snippets that handle values, with values that try to break out of them.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Texts that a shell, a string or a line could misinterpret.
const HOSTILE: [&str; 11] = [
    "$(touch stolen)",
    "`touch stolen`",
    "'; touch stolen; '",
    "\"; touch stolen; \"",
    "x touch stolen",
    "  blanks at both ends  ",
    "a\\nb\\",
    "$HOME ${HOME} * ~ !",
    "-n %s %d",
    "file:///etc/passwd",
    "two\nlines; touch stolen",
];

/// A fenced block: its place, its language, and its text.
struct Snippet {
    file: String,
    language: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn snippets() -> Vec<Snippet> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|file| file.unwrap().path());
    let files = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let mut found = Vec::new();
    for path in files.chain([root().join("README.md")]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut open: Option<Snippet> = None;
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(language), None) => {
                    let file = path.file_name().unwrap().to_str().unwrap().to_owned();
                    open =
                        Some(Snippet { file, language: language.to_owned(), text: String::new() });
                }
                (Some(_), Some(done)) => found.push(done),
                (None, Some(mut snippet)) => {
                    snippet.text.push_str(line);
                    snippet.text.push('\n');
                    open = Some(snippet);
                }
                (None, None) => {}
            }
        }
    }
    assert!(found.len() > 30, "{} blocks", found.len());
    found
}

/// Returns the one block of the file that contains this text.
fn snippet(file: &str, part: &str) -> String {
    let mut found: Vec<_> =
        snippets().into_iter().filter(|s| s.file == file && s.text.contains(part)).collect();
    assert_eq!(found.len(), 1, "{file}: {part}");
    found.remove(0).text
}

/// A folder with fake programs, which give fixed answers and record how they were called.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new(answer: &str) -> Self {
        let stage = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::write(stage.path("answer"), answer).unwrap();
        std::fs::write(stage.path("failed"), "0\n").unwrap();
        std::fs::create_dir_all(stage.path("bin")).unwrap();
        std::fs::create_dir_all(stage.path("calls")).unwrap();
        let script = format!(
            "#!/bin/sh\ncall={0}/calls/$$\nfor word; do printf '%s\\0' \"$word\"; done > \"$call\"\n\
             case \"$*\" in *file:///dev/stdin*) cat > {0}/stdin ;; *import*) cat {0}/failed ;; *create*|*rotate-secret*) ;; *) cat {0}/answer ;; esac\n",
            stage.dir.path().display()
        );
        for name in ["aws", "keyrot", "openssl"] {
            use std::os::unix::fs::PermissionsExt;
            let path = stage.path(&format!("bin/{name}"));
            std::fs::write(&path, &script).unwrap();
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, program: &str, args: &[&str], typed: &str) -> Output {
        let inherited = std::env::var("PATH").unwrap();
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("PATH", format!("{}:{inherited}", self.path("bin").display()));
        command.env("PYTHONPATH", self.dir.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that reads nothing has ended by now.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let output = child.wait_with_output().unwrap();
        assert!(!self.path("stolen").exists(), "{program} {args:?}: a value was run");
        output
    }

    /// Returns the arguments of each call, in any order.
    fn calls(&self) -> Vec<Vec<String>> {
        let files = std::fs::read_dir(self.path("calls"))
            .unwrap()
            .map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files
            .map(|text| {
                text.split(|b| *b == 0)
                    .map(|word| String::from_utf8(word.to_vec()).unwrap())
                    .collect()
            })
            .collect()
    }
}

fn document(value: &str) -> String {
    json!({ "AccessKeyId": value, "SecretAccessKey": format!("{value}2"), "SessionToken": "x", "Version": value })
        .to_string()
}

#[test]
fn a_shell_gets_the_values_and_runs_none() {
    let text = snippet("consumers.md", "export AWS_ACCESS_KEY_ID");
    let shown = format!(
        "{text}printf '%s\\0' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\"; sh -c 'test -n \"$AWS_ACCESS_KEY_ID\"'"
    );
    for shell in ["sh", "bash"] {
        for value in HOSTILE {
            let output = Stage::new(&document(value)).run(shell, &["-c", &shown], "");
            assert!(
                output.status.success(),
                "{shell}, {value:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                format!("{value}\0{value}2\0"),
                "{shell}"
            );
        }
        let output = Stage::new("{\"password\": \"x\"}").run(shell, &["-c", &text], "");
        assert!(!output.status.success(), "{shell}: what is no key is an error");
    }
}

#[test]
fn a_credential_process_gets_the_values_and_runs_none() {
    let text = snippet("consumers.md", "sh -c \"aws");
    let line = text.lines().find_map(|line| line.strip_prefix("credential_process = ")).unwrap();
    let words = shell_words::split(line).unwrap();
    let (program, args) = words.split_first().unwrap();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    for value in HOSTILE {
        // Some SDKs pass the line to a shell, others split it.
        for (program, args) in [("sh", &["-c", line][..]), (program, &args)] {
            let output = Stage::new(&document(value)).run(program, args, "");
            let found: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(
                (&found["Version"], found.as_object().unwrap().len()),
                (&json!(1), 4),
                "{found}"
            );
            assert_eq!(
                (&found["AccessKeyId"], &found["SecretAccessKey"]),
                (&json!(value), &json!(format!("{value}2")))
            );
        }
    }
}

#[test]
fn python_gets_the_values_and_runs_none() {
    let text = snippet("consumers.md", "import json, boto3");
    let shown = format!("{text}\nimport json\nprint(json.dumps(session()))\n");
    for value in HOSTILE {
        let stage = Stage::new(&document(value));
        let boto3 = "import types\ndef client(name):\n    return types.SimpleNamespace(get_secret_value=lambda SecretId: {'SecretString': open('answer').read()})\ndef Session(**given):\n    return given\n";
        std::fs::write(stage.path("boto3.py"), boto3).unwrap();
        let output = stage.run("python3", &["-c", &shown], "");
        let found: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(
            found,
            json!({ "aws_access_key_id": value, "aws_secret_access_key": format!("{value}2") })
        );
    }
}

#[test]
fn findings_reach_security_hub_unchanged() {
    let text = snippet("audit.md", "while read -r batch");
    for value in HOSTILE {
        let findings = json!([{ "Title": value }, { "Title": "other" }]);
        let stage = Stage::new(&findings.to_string());
        let output = stage.run("sh", &["-c", &text], "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let call = stage.calls().into_iter().find(|words| words[0] == "securityhub").unwrap();
        let at = call.iter().position(|word| word == "--findings").unwrap() + 1;
        assert_eq!(serde_json::from_str::<Value>(&call[at]).unwrap(), findings);
    }
}

/// The AWS CLI succeeds even if Security Hub refused findings; it only prints how many.
#[test]
fn a_partly_refused_import_stops() {
    let findings: Vec<_> = (0..60).map(|n| json!({ "Title": format!("{n}") })).collect();
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_keyrot"))
        .args(["audit", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let from = help.find("keyrot audit --output asff |").unwrap();
    let to = help[from..].find("done").unwrap() + "done".len();
    for text in [snippet("audit.md", "while read -r batch"), help[from..from + to].to_owned()] {
        for (failed, calls, success) in [("0\n", 3, true), ("1\n", 1, false), ("", 1, false)] {
            let stage = Stage::new(&json!(findings).to_string());
            std::fs::write(stage.path("failed"), failed).unwrap();
            let output = stage.run("sh", &["-c", &text], "");
            assert_eq!(output.status.success(), success, "{text}: {failed:?}");
            let imports = stage.calls().into_iter().filter(|words| words[0] == "securityhub");
            assert_eq!(imports.count(), calls, "{text}: {failed:?}");
        }
    }
}

#[test]
fn typed_or_generated_values_are_stored_unchanged_and_not_in_a_process_list() {
    for (file, part, before) in [
        ("notifications.md", "--name keyrot/slack", ""),
        ("notifications.md", "--name keyrot/teams", ""),
        ("notifications.md", "--name keyrot/hook", ""),
        ("notifications.md", "--name keyrot/hmac", "whsec_"),
    ] {
        let block = snippet(file, part);
        let line = block.lines().find(|line| line.contains(part)).unwrap();
        for value in HOSTILE.iter().filter(|value| !value.contains('\n')) {
            let stage = Stage::new(value);
            let output = stage.run("bash", &["-c", line], &format!("{value}\n"));
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(
                std::fs::read_to_string(stage.path("stdin")).unwrap(),
                format!("{before}{value}"),
                "{line}"
            );
            assert!(
                stage.calls().iter().flatten().all(|word| !word.contains(value)),
                "{line}: {:?}",
                stage.calls()
            );
        }
    }
}

#[test]
fn an_answer_becomes_one_argument() {
    let text = snippet("deploy.md", "$(aws lambda get-function");
    for value in HOSTILE {
        let stage = Stage::new(value);
        assert!(stage.run("sh", &["-c", &text], "").status.success());
        let call = stage
            .calls()
            .into_iter()
            .find(|words| words.contains(&"rotate-secret".to_owned()))
            .unwrap();
        let at = call.iter().position(|word| word == "--rotation-lambda-arn").unwrap() + 1;
        assert_eq!(call[at], value);
    }
}

/// The tests above cover all such snippets.
#[test]
fn every_snippet_that_handles_a_value_is_run() {
    const RUN: [(&str, &str); 8] = [
        ("audit.md", "while read -r batch"),
        ("consumers.md", "export AWS_ACCESS_KEY_ID"),
        ("consumers.md", "sh -c \"aws"),
        ("consumers.md", "import json, boto3"),
        ("deploy.md", "$(aws lambda get-function"),
        ("notifications.md", "--name keyrot/slack"),
        ("notifications.md", "--name keyrot/teams"),
        ("notifications.md", "--name keyrot/hmac"),
    ];
    // The webhook's signature is checked by a test of keyrot-aws, which runs the snippet.
    const ELSEWHERE: [(&str, &str); 1] = [("notifications.md", "def verify(")];
    let known = |snippet: &Snippet| {
        RUN.iter()
            .chain(&ELSEWHERE)
            .any(|(file, part)| snippet.file == *file && snippet.text.contains(part))
    };
    let code = [
        "sh",
        "bash",
        "console",
        "ini",
        "python",
        "yaml",
        "js",
        "javascript",
        "go",
        "java",
        "ruby",
        "",
    ];
    let mut seen = 0;
    for snippet in snippets().iter().filter(|snippet| code.contains(&snippet.language.as_str())) {
        let marks = [
            "$(", "`", "eval", "read -", "xargs", "| sh", "| bash", "source ", "import ",
            "require(", "sh -c", "$1", "\"$",
        ];
        let handles = marks.iter().any(|mark| {
            snippet.text.lines().any(|line| line.split(" # ").next().unwrap().contains(mark))
        });
        if handles {
            seen += 1;
            assert!(
                known(snippet),
                "{}: this handles a value; run it in a test here:\n{}",
                snippet.file,
                snippet.text
            );
        }
    }
    assert_eq!(seen, RUN.len() + ELSEWHERE.len());
}
