//! What a shell offers: commands, flags after a hyphen, and the users of the last listing.
#![cfg(unix)]

use crate::support::Sandbox;
use std::os::unix::fs::PermissionsExt;

/// The names of the last listing, in a file that only the user can read.
#[test]
fn completion_knows_the_users_of_the_last_listing() {
    let sandbox = Sandbox::new();
    let cache = sandbox.dir().join("cache");
    let run = |args: &[&str]| {
        let output = sandbox.command(args).env("XDG_CACHE_HOME", &cache).output().unwrap();
        sandbox.take(&output)
    };
    assert_eq!(run(&["users"]).stdout, "");
    // A listing of only some users is not stored.
    run(&["status", "--user", "ci-deployer"]);
    assert_eq!(run(&["users"]).stdout, "");
    run(&["status"]);
    let names = run(&["users"]).stdout;
    let (_, document) = sandbox.json(&["status"]);
    let listed = document["users"].as_array().unwrap().iter();
    assert_eq!(
        names.lines().collect::<Vec<_>>(),
        listed.map(|one| &one["user"]).collect::<Vec<_>>()
    );
    let file = cache.join("keyrot/sandbox-users");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), names, "names and nothing else");
    // A text that is not a valid name is not passed to a shell.
    std::fs::write(&file, "ci-deployer\n$(touch x)\n;rm\n").unwrap();
    assert_eq!(run(&["users"]).stdout, "ci-deployer\n");

    let script = sandbox.dir().join("completion.bash");
    std::fs::write(&script, sandbox.run(&["completion", "bash"]).stdout).unwrap();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_keyrot")).parent().unwrap();
    let complete_in = |words: &[&str], sandboxed: bool| -> Vec<String> {
        let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = words.len() - 1;
        let ask = format!(
            "PATH={}:$PATH; source \"$1\"; COMP_WORDS=({list}); COMP_CWORD={last}; _keyrot_with_users keyrot '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            bin.display(),
            words[last],
            words[last - 1]
        );
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", &ask, "bash"]).arg(&script);
        bash.env_remove("KEYROT_SANDBOX").env("XDG_CACHE_HOME", &cache);
        bash.envs(sandboxed.then(|| ("KEYROT_SANDBOX", sandbox.file())));
        let done = bash.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
    };
    let complete = |words: &[&str]| complete_in(words, true);
    for command in ["revoke", "rotate", "resolve", "who-uses", "exec", "release"] {
        let found = complete(&["keyrot", command, "ci-"]);
        assert!(found.contains(&"ci-deployer".to_owned()), "{command}: {found:?}");
    }
    // These are the simulated account's users, if the command will run there. bash splits words at
    // `=`.
    std::fs::write(cache.join("keyrot/sandbox-users"), "ci-simulated\n").unwrap();
    std::fs::write(cache.join("keyrot/users"), "ci-real\n").unwrap();
    for (words, expected) in [
        (&["keyrot", "revoke", "ci-"][..], "ci-real"),
        (&["keyrot", "--sandbox", "revoke", "ci-"], "ci-simulated"),
        (&["keyrot", "--sandbox", "=", "a.json", "revoke", "ci-"], "ci-simulated"),
        (&["keyrot", "--region", "eu-west-1", "revoke", "ci-"], "ci-real"),
    ] {
        let found = complete_in(words, false);
        assert!(found.contains(&expected.to_owned()), "{words:?}: {found:?}");
        assert_eq!(found.iter().filter(|word| word.starts_with("ci-")).count(), 1, "{found:?}");
    }
    // Commands come first, and flags only after a hyphen.
    let first = complete(&["keyrot", ""]);
    let hidden = |word: &String| word.starts_with('-') || word == "users";
    assert!(first.contains(&"rotate".to_owned()) && !first.iter().any(hidden), "{first:?}");
    assert!(complete(&["keyrot", "-"]).contains(&"--json".to_owned()));
    assert_eq!(complete(&["keyrot", "help", "rol"]), ["rollback"]);
    assert_eq!(complete(&["keyrot", "status", "--user", "ci-"]), ["ci-simulated"]);
    assert!(!complete(&["keyrot", "audit", "ci-"]).contains(&"ci-deployer".to_owned()));
    assert!(!complete(&["keyrot", "revoke", "--"]).contains(&"ci-deployer".to_owned()));
    for (shell, part, least) in [("zsh", ":_keyrot_users", 10), ("fish", "users 2>/dev/null)", 4)] {
        let script = sandbox.run(&["completion", shell]).stdout;
        assert!(script.matches(part).count() >= least, "{shell}: {script}");
        assert!(
            !script.contains(":_users") && !script.contains("__fish_complete_users"),
            "{shell}"
        );
    }
}

/// fish offers the values of a flag, also before a command. The machine of a developer may lack
/// fish, so the script's part is compared as well.
#[test]
fn fish_offers_the_values_of_a_flag_before_a_command() {
    let sandbox = Sandbox::new();
    let script = sandbox.run(&["completion", "fish"]).stdout;
    assert_eq!(script.matches("set -e cmd[-1]").count(), 1, "{script}");
    let file = sandbox.dir().join("completion.fish");
    std::fs::write(&file, script).unwrap();
    let offered = |line: &str| {
        let mut fish = std::process::Command::new("fish");
        let ask = format!("source {}; complete -C {line:?}", file.display());
        let bin = std::path::Path::new(env!("CARGO_BIN_EXE_keyrot")).parent().unwrap();
        let path = std::env::join_paths(
            std::iter::once(bin.to_owned())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        fish.args(["--no-config", "-c", &ask]).env("PATH", path.unwrap());
        let done = fish.current_dir(sandbox.dir()).env("HOME", sandbox.dir()).output().ok()?;
        let lines = String::from_utf8(done.stdout).unwrap();
        let word = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        Some(lines.lines().map(word).collect::<Vec<_>>())
    };
    for line in ["keyrot --color ", "keyrot -q --color ", "keyrot plan --color "] {
        if let Some(found) = offered(line) {
            assert_eq!(found, ["always", "auto", "never"], "{line}");
        }
    }
    if let Some(found) = offered("keyrot --color never rol") {
        assert_eq!(found, ["rollback"]);
    }
}
