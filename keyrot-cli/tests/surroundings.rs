//! Files and variables that others may have left where keyrot runs.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_core::memory::World;
use keyrot_core::{KeyId, UserName};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use support::Sandbox;
use support::reader::{Ran, Scene, ended, key};

/// A settings file that an attacker with write access to a directory might leave there.
fn hostile(url: &str) -> [String; 4] {
    [
        format!("endpoint_url = \"{url}\"\n"),
        "secret_name = \"/planted/{user}\"\nfield_access_key_id = \"x\"\n".to_owned(),
        "profile = \"planted\"\nallow_short_waits = true\noverlap = \"1s\"\n".to_owned(),
        "this is = no TOML\n".to_owned(),
    ]
}

fn write(scene: &Scene, path: &str, text: &str) {
    let path = scene.home.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    // The mode is set whatever the umask is; another test covers group-writable files.
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
}

/// The published key.
fn current(scene: &Scene) -> KeyId {
    scene.emulator.world().user(&Scene::user()).unwrap().keys()[0].listed.id.clone()
}

#[test]
fn commands_that_print_or_replace_a_key_ignore_a_file_in_the_current_directory() {
    let (scene, theirs) = (Scene::new(), Scene::new());
    let published = current(&scene);
    let own = format!(
        "[default]\naws_access_key_id = {published}\naws_secret_access_key = {}\n",
        World::secret_of(&published).expose()
    );
    write(&scene, ".aws/credentials", &own);
    scene.emulator.change(|world| {
        world.user_mut(&Scene::user()).unwrap().policies.push("AdministratorAccess".into());
    });
    for text in hostile(&theirs.emulator.url()) {
        write(&scene, "keyrot.toml", &text);
        assert_eq!(key(&scene.run(&["credentials", "ci", "--no-cache"])), published, "{text}");
        let ran =
            scene.run(&["exec", "ci", "--no-cache", "--", "sh", "-c", "echo $AWS_ACCESS_KEY_ID"]);
        assert_eq!(
            (ran.code, ran.out.trim()),
            (Some(0), published.as_str()),
            "{text}: {}",
            ran.said
        );
        assert!(
            ran.said.contains("this command ignores keyrot.toml in the current directory"),
            "{}",
            ran.said
        );
        let mut command = scene.command(&["my-key", "--dry-run", "--force"]);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        let ran = ended(command);
        assert_eq!(ran.code, Some(0), "{text}: {}", ran.said);
        assert!(ran.out.contains("would create a new key for ci"), "{}", ran.out);
    }
    assert!(theirs.emulator.stats().actions.is_empty(), "nobody else was called");
}

#[test]
fn other_commands_refuse_restricted_settings_in_such_a_file_unless_it_is_named() {
    let (scene, theirs) = (Scene::new(), Scene::new());
    write(
        &scene,
        "keyrot.toml",
        &format!("overlap = \"8d\"\nendpoint_url = \"{}\"\n", theirs.emulator.url()),
    );
    for args in [
        &["plan"][..],
        &["rotate"],
        &["status"],
        &["doctor"],
        &["audit"],
        &["policy"],
        &["enroll", "ci", "--yes"],
        &["move", "ci", "--yes"],
        &["release", "ci", "--yes"],
        &["rollback", "ci", "--yes"],
        &["revoke", "ci", "--yes"],
        &["resolve", "ci"],
        &["who-uses", "ci"],
        &["init", "--out", "other.toml"],
    ] {
        let ran = scene.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}: {}", ran.said);
        assert!(
            ran.said.contains("error: `endpoint_url` in keyrot.toml line 2 is refused"),
            "{args:?}: {}",
            ran.said
        );
        let own = scene.home.path().join(".config/keyrot/keyrot.toml");
        let ways = format!(
            "--config keyrot.toml or set KEYROT_CONFIG=keyrot.toml; or move the setting to {}",
            own.display()
        );
        assert!(ran.said.contains(&ways), "{args:?}: {}", ran.said);
    }
    assert!(theirs.emulator.stats().actions.is_empty(), "nobody else was called");
    scene.run(&["plan", "--config", "keyrot.toml"]);
    let first = theirs.emulator.stats().actions.len();
    assert!(first > 0, "it was named, so it is meant");
    theirs.emulator.reset_stats();
    let mut command = scene.command(&["credentials", "ci", "--no-cache"]);
    command.env("KEYROT_CONFIG", "keyrot.toml");
    ended(command);
    assert_eq!(theirs.emulator.stats().actions.len(), 1);
}

#[test]
fn the_users_own_file_is_read_everywhere_and_the_later_source_wins() {
    let scene = Scene::new();
    let policy = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = scene.command(&[&["policy"], args].concat());
        command.envs(env.iter().copied());
        ended(command)
    };
    let has = |ran: &Ran, name: &str| {
        assert!(ran.out.contains(&format!("secret:/{name}/*")), "{name}: {}{}", ran.out, ran.said);
    };
    has(&policy(&[], &[]), "iam");
    write(
        &scene,
        ".config/keyrot/keyrot.toml",
        "secret_name = \"/own/{user}\"\nallow_short_waits = true\n",
    );
    let ran = policy(&[], &[]);
    has(&ran, "own");
    let own = scene.home.path().join(".config/keyrot/keyrot.toml").display().to_string();
    assert!(ran.said.contains(&format!("note: settings from {own}\n")), "{}", ran.said);
    assert!(!policy(&["-q"], &[]).said.contains("settings from"));
    write(&scene, "keyrot.toml", "secret_name = \"/here/{user}\"\n");
    let ran = policy(&[], &[]);
    has(&ran, "here");
    assert!(
        ran.said.contains(&format!("note: settings from {own}, then keyrot.toml\n")),
        "{}",
        ran.said
    );
    has(&policy(&[], &[("KEYROT_SECRET_NAME", "/env/{user}")]), "env");
    has(
        &policy(&["--secret-name", "/flag/{user}"], &[("KEYROT_SECRET_NAME", "/env/{user}")]),
        "flag",
    );
    write(&scene, "named.toml", "overlap = \"8d\"\n");
    has(&policy(&["--config", "named.toml"], &[]), "iam");
    let elsewhere = scene.home.path().join("xdg");
    has(&policy(&[], &[("XDG_CONFIG_HOME", elsewhere.to_str().unwrap())]), "here");
    write(&scene, "xdg/keyrot/keyrot.toml", "secret_name = \"/xdg/{user}\"\n");
    std::fs::remove_file(scene.home.path().join("keyrot.toml")).unwrap();
    has(&policy(&[], &[("XDG_CONFIG_HOME", elsewhere.to_str().unwrap())]), "xdg");

    // The commands that read nothing from the current directory read this.
    let ran = scene.run(&["credentials", "ci", "--no-cache"]);
    assert!(ran.code == Some(1) && ran.said.contains("than /own/ci"), "{}", ran.said);
    write(&scene, ".config/keyrot/keyrot.toml", "overlpa = 1\n");
    let ran = scene.run(&["credentials", "ci", "--no-cache"]);
    assert!(ran.code == Some(2) && ran.said.contains("did you mean `overlap`?"), "{}", ran.said);
}

#[test]
fn doctor_names_the_files() {
    let sandbox = Sandbox::new();
    let says = |text: &str| {
        let (_, found) = sandbox.json(&["doctor"]);
        let checks = found["checks"].as_array().unwrap();
        assert!(
            checks.iter().any(|check| check["message"].as_str().unwrap().contains(text)),
            "{text}: {checks:#?}"
        );
    };
    says("no settings file; 0 set");
    std::fs::write(sandbox.dir().join("keyrot.toml"), "overlap = \"8d\"\n").unwrap();
    says("settings from keyrot.toml; 1 set");
}

#[test]
fn an_unknown_variable_is_an_error_only_if_it_resembles_a_known_one() {
    let sandbox = Sandbox::new();
    let policy = |variables: &[(&str, &str)]| {
        let mut command =
            sandbox.command(&["policy", "--account", "123456789012", "--region", "eu-west-1"]);
        command.envs(variables.iter().copied());
        sandbox.take(&command.output().unwrap())
    };
    let ran = policy(&[
        ("KEYROT_SERVICE_HOST", "10.0.0.11"),
        ("KEYROT_SERVICE_PORT", "8080"),
        ("KEYROT_SERVICE_PORT_HTTP", "8080"),
        ("KEYROT_PORT", "tcp://10.0.0.11:8080"),
        ("KEYROT_PORT_8080_TCP", "tcp://10.0.0.11:8080"),
        ("KEYROT_PORT_8080_TCP_ADDR", "10.0.0.11"),
    ]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "what Kubernetes sets is expected");
    let ran = policy(&[("KEYROT_CONFIG", ""), ("KEYROT_OVERLAP", "")]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "what is empty counts as not set");
    let ran = policy(&[("KEYROT_BUILD_NUMBER", "7")]);
    assert_eq!(ran.code, Some(0));
    assert_eq!(
        ran.stderr,
        "warning: unknown environment variable KEYROT_BUILD_NUMBER has no effect\n"
    );
    let ran = policy(&[("KEYROT_MAX_AGES", "7")]);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("did you mean `KEYROT_MAX_AGE`?"),
        "{}",
        ran.stderr
    );
}

/// Every variable by which an SDK finds credentials, or that belongs to credentials that were set
/// before.
#[test]
fn a_command_gets_the_key_and_no_other_credentials() {
    const LEFT: [&str; 28] = [
        "AMAZON_ACCESS_KEY_ID",
        "AMAZON_SECRET_ACCESS_KEY",
        "AMAZON_SESSION_TOKEN",
        "AWS_ACCESS_KEY",
        "AWS_ACCOUNT_ID",
        "AWS_BEARER_TOKEN",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_BEARER_TOKEN_BEDROCK_AGENTCORE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_CREDENTIAL_FILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_IAM_ROLE_ARN",
        "AWS_IAM_ROLE_SESSION_NAME",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_SECRET_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_EXPIRATION",
        "AWS_SESSION_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "KEYROT_CREDENTIAL_PROCESS",
        "MY_SLACK",
        "MY_HMAC",
    ];
    let scene = Scene::new();
    let get = |ran: &Ran, name: &str| {
        ran.out.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    // A profile that does not exist would be refused, as in the AWS CLI.
    let config = scene.home.path().join("config");
    std::fs::write(&config, "[profile left-over]\nregion = us-east-1\n").unwrap();
    for name in LEFT {
        let mut command = scene.command(&["exec", "ci", "--", "sh", "-c", "env; exit 7"]);
        command.env(
            "KEYROT_NOTIFY",
            "slack env:MY_SLACK,webhook env:MY_SLACK hmac=env:MY_HMAC name=hook",
        );
        // A session token would belong to the key that reads the secret.
        command.env(name, if name == "AWS_SESSION_TOKEN" { "" } else { "left-over" });
        command.env("AWS_CONFIG_FILE", &config).env("MY_OWN", "kept");
        let ran = ended(command);
        // The lines above belong to other processes, so this process does not remove them.
        let kept = name == "KEYROT_CREDENTIAL_PROCESS";
        assert_eq!((ran.code, get(&ran, name).is_some()), (Some(7), kept), "{name}: {}", ran.said);
        let key = KeyId::parse(get(&ran, "AWS_ACCESS_KEY_ID").unwrap()).unwrap();
        assert_eq!(get(&ran, "AWS_SECRET_ACCESS_KEY").unwrap(), World::secret_of(&key).expose());
        let kept =
            ["AWS_REGION", "AWS_CONFIG_FILE", "MY_OWN"].map(|name| get(&ran, name).is_some());
        assert_eq!(kept, [true; 3], "{}", ran.out);
    }
}

/// Writes a configuration with this text and a profile `reader` that may do everything, and removes
/// the credentials from the environment.
fn with_profiles(scene: &Scene, config: &str, args: &[&str], profile: Option<&str>) -> Command {
    let mut command = support::reader::by_profile(scene, config, args);
    // Otherwise a process that waits forever would not be detected.
    command.env("AWS_MAX_ATTEMPTS", "1").envs(profile.map(|profile| ("AWS_PROFILE", profile)));
    command
}

fn script(scene: &Scene, path: &str, text: &str) -> String {
    write(scene, path, &format!("#!/bin/sh\n{text}\n"));
    let path = scene.home.path().join(path);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path.display().to_string()
}

const KEYROT: &str = env!("CARGO_BIN_EXE_keyrot");

#[test]
fn a_credential_process_that_reads_the_same_secret_again_is_stopped() {
    let scene = Scene::new();
    let begun = scene.home.path().join("begun");
    let wrapper = script(
        &scene,
        "bin/wrapper",
        &format!("echo x >> {}\nexec {KEYROT} credentials ci \"$@\"", begun.display()),
    );
    let config = format!(
        "[profile ci]\ncredential_process = {wrapper}\n[profile twice]\ncredential_process = {wrapper} --profile twice\n[profile job]\nsource_profile = ci\nrole_arn = arn:aws:iam::123456789012:role/job\n"
    );
    for (args, profile) in [
        (&["credentials", "ci"][..], Some("ci")),
        (&["credentials", "ci", "--profile", "twice"], None),
        (&["exec", "ci", "--profile", "ci", "--", "true"], None),
        (&["credentials", "ci"], Some("job")),
    ] {
        let _ = std::fs::remove_file(&begun);
        let ran = ended(with_profiles(&scene, &config, args, profile));
        let times = std::fs::read_to_string(&begun).unwrap().lines().count();
        assert!(
            matches!(ran.code, Some(1 | 2)) && ran.out.is_empty(),
            "{args:?}: {:?} {}",
            ran.code,
            ran.said
        );
        assert!(
            (1..=2).contains(&times),
            "{args:?} with {profile:?}: the wrapper ran {times} times"
        );
    }
    // Two processes that call each other.
    let config = format!(
        "[profile a]\ncredential_process = {wrapper} --profile b\n[profile b]\ncredential_process = {wrapper} --profile a\n"
    );
    let _ = std::fs::remove_file(&begun);
    let ran = ended(with_profiles(&scene, &config, &["credentials", "ci", "--profile", "a"], None));
    let times = std::fs::read_to_string(&begun).unwrap().lines().count();
    assert!(ran.code != Some(0) && times <= 3, "{times} times: {}", ran.said);
}

#[test]
fn a_profile_that_serves_the_secret_is_not_used_to_read_it() {
    let scene = Scene::new();
    for line in [
        "keyrot credentials ci",
        "keyrot credentials --cache-for 1m ci 2>/dev/null",
        "/opt/bin/keyrot exec ci -- env",
    ] {
        let config = format!(
            "[profile ci]\nregion = eu-west-3\ncredential_process = {line}\n[profile job]\nsource_profile = ci\nrole_arn = arn:aws:iam::123456789012:role/job"
        );
        for profile in ["ci", "job"] {
            let ran = ended(with_profiles(
                &scene,
                &config,
                &["credentials", "ci", "--profile", profile],
                None,
            ));
            assert_eq!(ran.code, Some(2), "{}", ran.said);
            assert!(
                ran.said.contains("gets its credentials from this same secret, /iam/ci/access_key"),
                "{}",
                ran.said
            );
            // The profile was passed on by the tool that runs keyrot, so the machine's own role is
            // used, which does not exist here.
            let mut command = with_profiles(&scene, &config, &["credentials", "ci"], Some(profile));
            command.env_remove("AWS_REGION");
            if profile == "job" {
                command.env("AWS_REGION", "eu-west-3");
            }
            let ran = ended(command);
            assert_eq!(ran.code, Some(1), "{}", ran.said);
            assert!(ran.said.contains("no AWS credentials"), "{}", ran.said);
        }
    }
}

#[test]
fn readers_of_other_secrets_and_other_programs_work_whatever_their_names() {
    let scene = Scene::new();
    // The keys of other users, which may read the secret.
    for name in ["broker", "courier"] {
        let user = UserName::parse(name).unwrap();
        scene.emulator.change(|world| {
            world.add_user(name, &[]).unwrap();
            world.user_mut(&user).unwrap().policies.push("AdministratorAccess".into());
            let made = world.add_key(&user).unwrap().credentials;
            let secret = keyrot_core::SecretName::parse(format!("/iam/{name}/access_key")).unwrap();
            let value = keyrot_core::memory::Value::credentials(&made, None);
            world.create_secret(&secret, Some((support::reader::version(name), value))).unwrap();
        });
    }
    let admin = scene.emulator.admin_credentials();
    let answer = format!(
        r#"{{"Version":1,"AccessKeyId":"{}","SecretAccessKey":"{}"}}"#,
        admin.key,
        admin.secret.expose()
    );
    let helper = script(&scene, "keyrot-tools/keyrot-helper", &format!("echo '{answer}'"));
    let config = format!(
        "[profile tool]\ncredential_process = {helper}\n[profile nested]\ncredential_process = {KEYROT} credentials broker --profile reader\n\
         [profile deep]\ncredential_process = {KEYROT} credentials courier --profile nested\n"
    );
    let published = current(&scene);
    write(&scene, "keyrot.toml", "overlap = \"8d\"\n");
    for profile in ["tool", "nested", "deep"] {
        let ran = ended(with_profiles(
            &scene,
            &config,
            &["credentials", "ci", "--no-cache", "--profile", profile],
            None,
        ));
        assert_eq!(key(&ran), published, "{profile}");
        let ran = ended(with_profiles(
            &scene,
            &config,
            &["credentials", "ci", "--no-cache"],
            Some(profile),
        ));
        assert_eq!(key(&ran), published, "{profile}, handed down");
        // A command that was started with the key may read it in the same way.
        let again = format!(
            "env | grep KEYROT_CREDENTIAL_PROCESS; {KEYROT} credentials ci --no-cache --profile {profile}"
        );
        let args = ["exec", "ci", "--profile", profile, "--", "sh", "-c", &again];
        let ran = ended(with_profiles(&scene, &config, &args, None));
        assert_eq!(key(&ran), published, "{profile}, below exec");
        // keyrot restarted itself, and prints nothing twice.
        assert_eq!(ran.said.matches("note:").count(), 1, "{}", ran.said);
    }
}
