//! Mistyped words, and invalid combinations.

use crate::support::Sandbox;
use serde_json::Value;

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
fn each_command_suggests_the_intended_user() {
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
