//! Help, completion, manual pages, times in a zone, and suggestions for mistyped words.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Ran, Sandbox};

/// A zone by its rules, which needs nothing of the machine: Central European Time (POSIX.1-2024,
/// 8.3 "TZ").
const CENTRAL_EUROPE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// The manual pages by name, as `keyrot man` writes them for every command that clap knows.
fn pages(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let ran = sandbox.run(&["man", "--out", "pages/man1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    let files =
        std::fs::read_dir(sandbox.dir().join("pages/man1")).unwrap().map(|file| file.unwrap());
    let pages: BTreeMap<_, _> = files
        .map(|file| {
            (file.file_name().into_string().unwrap(), std::fs::read_to_string(file.path()).unwrap())
        })
        .collect();
    assert!(
        ran.stderr.contains(&format!("wrote {} pages to pages/man1", pages.len())),
        "{}",
        ran.stderr
    );
    pages
}

/// The commands that `--help` lists, with those below them: `["sandbox", "show"]`.
fn commands(sandbox: &Sandbox, above: &[String]) -> Vec<Vec<String>> {
    let args: Vec<&str> = above.iter().map(String::as_str).chain(["-h"]).collect();
    let help = sandbox.run(&args).stdout;
    let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names =
        names.map(|line| line.split_whitespace().next().unwrap()).filter(|name| *name != "help");
    let mut all = Vec::new();
    for name in names {
        let command = [above, &[name.to_owned()]].concat();
        all.extend(commands(sandbox, &command));
        all.push(command);
    }
    all
}

/// The flags of the settings, from the page that lists them.
fn settings(sandbox: &Sandbox) -> BTreeSet<String> {
    let page = sandbox.run(&["help", "settings"]).stdout;
    page.lines()
        .filter_map(|line| line.strip_prefix("--")?.split([' ', ',']).next().map(str::to_owned))
        .collect()
}

#[test]
fn the_page_of_settings_has_each_with_its_variable_and_its_default() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["help", "settings"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for info in keyrot_core::settings::SETTINGS {
        let flag = match info.kind {
            keyrot_core::settings::Kind::Switch => {
                format!("{}, {}", info.flag(), info.flag().replacen("--", "--no-", 1))
            }
            kind => format!("{} <{}>", info.flag(), kind.placeholder()),
        };
        let head = format!("\n{flag}, {}\n    ", info.env());
        let (_, meaning) =
            ran.stdout.split_once(&head).unwrap_or_else(|| panic!("no {head} in {}", ran.stdout));
        let meaning = meaning.lines().next().unwrap();
        assert!(meaning.starts_with(info.help), "{meaning}");
        if let Some(default) = info.default.filter(|default| !default.is_empty()) {
            assert!(meaning.ends_with(&format!(" [default: {default}]")), "{meaning}");
        }
    }
    // The help of a command names the page, and has none of the settings.
    for args in [
        &["--help"][..],
        &["-h"],
        &["rotate", "--help"],
        &["rotate", "-h"],
        &["sandbox", "use", "--help"],
    ] {
        let help = sandbox.run(args).stdout;
        assert!(
            help.contains("keyrot help settings") && !help.contains("--probe-limit"),
            "{args:?}: {help}"
        );
    }
    assert_eq!(sandbox.run(&["help", "rotte"]).code, Some(2));
}

/// The short help of each command fits a screen, and its summary is short.
#[test]
fn short_help_fits_a_screen() {
    let sandbox = Sandbox::new();
    for command in commands(&sandbox, &[]).into_iter().chain([Vec::new()]) {
        let args: Vec<&str> = command.iter().map(String::as_str).chain(["-h"]).collect();
        let help = sandbox.run(&args).stdout;
        assert!(help.lines().count() <= 54, "{args:?}: {help}");
        let summary = help.lines().next().unwrap();
        assert!(summary.split(' ').count() <= 10 && !summary.ends_with('.'), "{args:?}: {summary}");
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let sandbox = Sandbox::new();
    let pages = pages(&sandbox);
    let commands = commands(&sandbox, &[]);
    assert!(
        commands.len() > 20 && commands.contains(&vec!["sandbox".into(), "show".into()]),
        "{commands:?}"
    );
    let names = commands.iter().map(|command| format!("keyrot-{}.1", command.join("-")));
    let expected: BTreeSet<String> = names.chain(["keyrot.1".to_owned()]).collect();
    assert_eq!(pages.keys().cloned().collect::<BTreeSet<_>>(), expected);
    let settings = settings(&sandbox);
    assert!(settings.len() > 20 && settings.contains("max-age"), "{settings:?}");
    for (file, text) in &pages {
        let name = file.strip_suffix(".1").unwrap();
        assert!(text.starts_with(&format!(".TH {name} 1 ")), "{file}: {text}");
        let escaped = name.replace('-', r"\-");
        assert!(text.contains(&format!("\n.SH NAME\n{escaped} \\- ")), "{file}: {text}");
        assert!(
            text.contains("\n.SH SYNOPSIS\n")
                && text.contains("\n.SH SETTINGS\n")
                && text.is_ascii(),
            "{file}"
        );
        assert_eq!(text.matches(".SH SETTINGS\n").count(), 1, "{file}: {text}");
        // The main page has each setting, the others say where they are.
        for setting in &settings {
            let flag = format!("\\-\\-{}\\fR", setting.replace('-', r"\-"));
            assert_eq!(text.contains(&flag), name == "keyrot", "{file}: --{setting}");
        }
        // A flag without a word on it is a flag left out.
        assert!(
            !text.lines().zip(text.lines().skip(2)).any(|(a, c)| a == ".TP" && c == ".TP"),
            "{file}"
        );
    }
    // What the help says of exit codes stands where a reader of manual pages looks for it.
    let mut with_codes = BTreeSet::new();
    for (file, text) in &pages {
        let says = text.to_lowercase().contains("exit code");
        let has = text.contains("\n.SH \"EXIT STATUS\"\n.nf\n");
        assert!(has || !says, "{file} has exit codes outside of a list: {text}");
        if has {
            with_codes.insert(file.trim_start_matches("keyrot-").trim_end_matches(".1"));
        }
    }
    let expected = [
        "audit", "doctor", "enroll", "exec", "keyrot", "move", "my-key", "plan", "release",
        "resolve", "revoke", "rollback", "rotate", "status", "who-uses",
    ];
    assert_eq!(with_codes, expected.into());
    let main = &pages["keyrot.1"];
    assert!(
        main.contains("\n.SH EXAMPLES\n.nf\n")
            && main.contains("\n.SH \"EXIT STATUS\"\n.nf\n0  ok\n")
    );
    assert!(
        pages["keyrot-completion.1"].contains(r"\(ti/.local/share/bash"),
        "a tilde stays a tilde"
    );
    assert_eq!(&sandbox.run(&["man"]).stdout, main);
    assert!(!sandbox.file().exists(), "no account was needed");
}

/// On a terminal of 80 columns no example breaks, and what it does stands apart from it.
#[test]
fn every_example_fits_a_narrow_terminal() {
    let sandbox = Sandbox::new();
    let mut seen = 0;
    for command in commands(&sandbox, &[]).into_iter().chain([Vec::new()]) {
        let args: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = sandbox.run(&args).stdout;
        let examples = help.split_once("\nExamples:\n").map_or("", |(_, rest)| rest);
        for line in examples.lines().take_while(|line| !line.is_empty()) {
            seen += 1;
            assert!(line.chars().count() <= 78, "{args:?}: {line}");
            let typed = line.trim_start().split("  ").next().unwrap();
            let plain = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase());
            let prose = typed.starts_with("keyrot")
                && typed
                    .split(' ')
                    .collect::<Vec<_>>()
                    .windows(4)
                    .any(|words| words.iter().all(plain));
            assert!(!prose, "{args:?}: two blanks belong before what it does: {line}");
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn a_page_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.dir().join("pages"), "").unwrap();
    let ran = sandbox.run(&["man", "--out", "pages"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("pages cannot be written") && ran.stderr.contains("hint:"),
        "{}",
        ran.stderr
    );
}

#[test]
fn completion_knows_every_command_and_every_flag() {
    let sandbox = Sandbox::new();
    // It has to work where the settings cannot be read.
    std::fs::write(sandbox.dir().join("keyrot.toml"), "overlpa = 1\n").unwrap();
    let commands = commands(&sandbox, &[]);
    let settings = settings(&sandbox);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = sandbox.run(&["completion", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        let words: BTreeSet<&str> =
            ran.stdout.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
        for name in commands.iter().flatten() {
            assert!(words.contains(name.as_str()), "{shell} has no {name}");
        }
        for flag in
            settings.iter().map(String::as_str).chain(["sandbox", "utc", "local", "user", "force"])
        {
            // fish has its flags without the dashes.
            let known = words.contains(flag) || words.contains(format!("--{flag}").as_str());
            assert!(known, "{shell} has no --{flag}");
        }
        if shell == "bash" {
            let mut bash = Command::new("bash")
                .arg("-n")
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            bash.stdin.take().unwrap().write_all(ran.stdout.as_bytes()).unwrap();
            let checked = bash.wait_with_output().unwrap();
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    assert!(!sandbox.file().exists(), "no account was needed");
}

/// bash itself, asked for what comes after these words.
#[test]
fn bash_completes() {
    let sandbox = Sandbox::new();
    let script = sandbox.dir().join("completion.bash");
    std::fs::write(&script, sandbox.run(&["completion", "bash"]).stdout).unwrap();
    let complete = |words: &[&str]| -> BTreeSet<String> {
        let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = words.len() - 1;
        let (current, before) = (words[last], words[last - 1]);
        let ask = format!(
            "source \"$1\"; COMP_WORDS=({list}); COMP_CWORD={last}; _keyrot keyrot '{current}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let done = Command::new("bash")
            .args(["--norc", "-c", &ask, "bash"])
            .arg(&script)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
    };
    assert_eq!(complete(&["keyrot", "rot"]), ["rotate".to_owned()].into());
    assert_eq!(
        complete(&["keyrot", "rotate", "--max"]),
        ["--max-adoptions", "--max-age", "--max-changes"].map(str::to_owned).into()
    );
    assert_eq!(complete(&["keyrot", "audit", "--output", "c"]), ["csv".to_owned()].into());
    assert!(complete(&["keyrot", "sandbox", ""]).contains("reactivate"));
}

#[test]
fn output_that_is_not_json_is_refused_with_json() {
    let sandbox = Sandbox::new();
    for args in
        [&["completion", "bash"][..], &["man"], &["man", "--out", "pages"], &["help", "settings"]]
    {
        let (code, document) = sandbox.json(args);
        assert_eq!(
            (code, &document["schema"]),
            (Some(2), &Value::from("keyrot.error/1")),
            "{args:?}"
        );
    }
    assert!(!sandbox.dir().join("pages").exists());
}

fn in_zone(sandbox: &Sandbox, zone: &str, args: &[&str]) -> Ran {
    let output = sandbox.command(args).env("TZ", zone).output().unwrap();
    sandbox.take(&output)
}

#[test]
fn local_times_have_their_offset_and_documents_stay_in_utc() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "show"]);
    let mut zones = vec![CENTRAL_EUROPE];
    // By its name, where the machine knows it.
    if Path::new("/usr/share/zoneinfo/Europe/Zurich").exists() {
        zones.push("Europe/Zurich");
    }
    let utc = sandbox.run(&["status"]).stdout;
    assert!(utc.contains(" UTC)") && utc.contains("2026-01-04 23:00 UTC"), "{utc}");
    for zone in zones {
        // The machine's zone alone changes nothing.
        assert_eq!(in_zone(&sandbox, zone, &["status"]).stdout, utc);
        assert_eq!(in_zone(&sandbox, zone, &["status", "--utc"]).stdout, utc);
        let local = in_zone(&sandbox, zone, &["status", "--local"]).stdout;
        // In a table, and inside a message from the engine.
        assert!(!local.contains("UTC") && local.contains("+01:00)"), "{local}");
        assert!(local.contains("last used 2026-01-05 00:00 +01:00 for dynamodb"), "{local}");
        let plan = in_zone(&sandbox, zone, &["--local", "plan"]);
        assert!(plan.stderr.contains("clock 2026-01-05 05:00 +01:00"), "{}", plan.stderr);
        // In summer the offset is another.
        let summer = in_zone(
            &sandbox,
            zone,
            &["status", "--local", "--user", "report-mailer", "--max-age", "200d"],
        );
        assert!(summer.stdout.contains("+02:00"), "{}", summer.stdout);
        for args in [
            &["--json", "status"][..],
            &["--json", "who-uses", "backup-agent"],
            &["audit", "--output", "csv"],
            &["audit", "--output", "html"],
            &["audit", "--output", "asff"],
            &["--json", "audit"],
        ] {
            // A look takes time on the sandbox's clock, too: each sees it as it was.
            let before = std::fs::read(sandbox.file()).unwrap();
            let here = in_zone(&sandbox, zone, &[args, &["--local"]].concat()).stdout;
            std::fs::write(sandbox.file(), before).unwrap();
            assert_eq!(here, sandbox.run(args).stdout, "{args:?}");
        }
        let uses = in_zone(&sandbox, zone, &["who-uses", "backup-agent", "--local"]).stdout;
        assert!(uses.contains("+01:00") && !uses.contains(" UTC"), "{uses}");
    }
    // A place that is a day ahead: the day is that of the place.
    let day = |zone| in_zone(&sandbox, zone, &["audit", "--local"]).stdout;
    assert!(day("AHEAD-14").contains("2026-01-05 18:00 +14:00"), "{}", day("AHEAD-14"));
    assert!(day("BEHIND+5").contains("2026-01-04 23:00 -05:00"), "{}", day("BEHIND+5"));
}

#[test]
fn the_record_of_an_incident_is_in_one_zone() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "show"]);
    let record =
        in_zone(&sandbox, "AHEAD-5", &["revoke", "ci-deployer", "--local", "--yes"]).stdout;
    let rows = record
        .lines()
        .filter_map(|line| line.trim_start().get(..8))
        .filter(|at| at.as_bytes()[2] == b':');
    let hours: BTreeSet<&str> = rows.map(|at| &at[..2]).collect();
    assert_eq!(hours, ["09"].into(), "04:00 UTC, five hours ahead: {record}");
    assert!(!record.contains("UTC") && record.contains("2026-01-05 09:00 +05:00"), "{record}");
}

#[test]
fn only_one_of_utc_and_local() {
    let sandbox = Sandbox::new();
    for args in [
        &["--utc", "--local", "plan"][..],
        &["--local", "plan", "--utc"],
        &["plan", "--utc", "--local"],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("--utc") && ran.stderr.contains("--local"),
            "{args:?}: {}",
            ran.stderr
        );
    }
    assert!(!sandbox.file().exists());
}

#[test]
fn a_mistyped_word_gets_a_suggestion() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.dir().join("bad.toml"), "overlpa = \"8d\"\n").unwrap();
    for (args, meant) in [
        (&["rotte"][..], "'rotate'"),
        (&["who-use", "ci"], "'who-uses'"),
        (&["sandbox", "shw"], "'show'"),
        (&["audit", "--outptu"], "'--output'"),
        (&["plan", "--max-aeg", "1d"], "'--max-age'"),
        (&["audit", "--output", "csw"], "'csv'"),
        (&["audit", "--only", "finding"], "'findings'"),
        (&["audit", "--check=hihg"], "'high'"),
        (&["policy", "--format", "terrafrom"], "'terraform'"),
        (&["policy", "--for", "lamda"], "'lambda'"),
        (&["completion", "powershel"], "'powershell'"),
        (&["plan", "--color", "alwys"], "'always'"),
        (&["--config", "bad.toml", "plan"], "`overlap`"),
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(meant), "{args:?}: {}", ran.stderr);
        assert!(!sandbox.file().exists(), "{args:?}");
    }
    let output = sandbox.command(&["plan"]).env("KEYROT_OVERLPA", "8d").output().unwrap();
    let ran = sandbox.take(&output);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("did you mean `KEYROT_OVERLAP`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn each_command_suggests_the_user_that_was_meant() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "show"]);
    let before = std::fs::read(sandbox.file()).unwrap();
    for args in [
        &["plan", "--user"][..],
        &["rotate", "--user"],
        &["status", "--user"],
        &["enroll", "--yes"],
        &["move", "--yes"],
        &["release", "--yes"],
        &["who-uses"],
        &["credentials"],
        &["exec"],
        &["sandbox", "use"],
        &["sandbox", "tag"],
        &["sandbox", "untag"],
    ] {
        let after: &[&str] = match args {
            ["exec"] => &["--", "true"],
            ["sandbox", "tag"] => &["RotateKey=True"],
            ["sandbox", "untag"] => &["RotateKey"],
            _ => &[],
        };
        let ran = sandbox.run(&[args, &["ci-delpoyer"], after].concat());
        assert_ne!(ran.code, Some(0), "{args:?}");
        assert!(ran.stderr.contains("did you mean ci-deployer?"), "{args:?}: {}", ran.stderr);
        let ran = sandbox.run(&[args, &["nobody-like-this"], after].concat());
        assert!(
            ran.code != Some(0) && !ran.stderr.contains("did you mean"),
            "{args:?}: {}",
            ran.stderr
        );
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{args:?}: {}", ran.stdout);
    }
    let (before, after): (Value, Value) = (
        serde_json::from_slice(&before).unwrap(),
        serde_json::from_slice(&std::fs::read(sandbox.file()).unwrap()).unwrap(),
    );
    assert_eq!(before["world"]["users"], after["world"]["users"]);
    sandbox.kept_its_secrets();
}
