//! Tests that help, manual pages and completion have every command and every flag.

use crate::support::Sandbox;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

/// Returns the manual pages by name, as `keyrot man` writes them for every command that clap has.
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

/// Returns the commands that `--help` lists, with their subcommands: `["sandbox", "show"]`.
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

/// Returns the flags of the settings, from the page that lists them.
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
            keyrot_core::settings::Kind::Tables => format!("[[{}]]", info.name),
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
        // A flag without a description counts as missing.
        assert!(
            !text.lines().zip(text.lines().skip(2)).any(|(a, c)| a == ".TP" && c == ".TP"),
            "{file}"
        );
    }
    // The exit codes from the help are in the section where readers of manual pages expect them.
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
        "audit", "deliver", "doctor", "enroll", "exec", "keyrot", "move", "my-key", "plan",
        "release", "resolve", "revoke", "rollback", "rotate", "status", "who-uses",
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

/// On a terminal of 80 columns, no example is broken, and its description is set apart from it.
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
    // It has to work even if the settings cannot be read.
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

/// Returns bash's own completions after these words.
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
