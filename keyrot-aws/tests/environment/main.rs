//! Tests that the environment and the shared configuration files are respected, as by every AWS
//! tool.
//!
//! A process cannot change its own environment safely while its tests run, so each case starts this
//! test program again, as the child below.
#![allow(clippy::unwrap_used)]

mod authority;
mod profiles;
mod tls;
mod variables;

use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints};
use keyrot_core::{IamPort, SecretKey, SecretName, SecretStorePort, UserName};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

const CHILD: &str = "KEYROT_TEST_CHILD";
/// The variable with a profile that the child requests by name.
const PROFILE: &str = "KEYROT_TEST_PROFILE";

/// This is not a test case: it prints the caller's identity in the environment in which it was
/// started.
#[tokio::test]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let settings = match std::env::var(PROFILE) {
        Ok(profile) => AwsSettings::default().with_profile(profile),
        Err(_) => AwsSettings::default(),
    };
    match Aws::connect(&settings).await {
        Err(error) => println!("SAID {error}"),
        Ok(aws) => match aws.caller_identity().await {
            Ok(caller) => println!("SAID {} in {}", caller.arn, aws.region()),
            Err(error) => println!("SAID {error}"),
        },
    }
}

/// Starts a proxy. Returns its address, and the first line of each request that reaches it. Its
/// answers say that it is a proxy.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            lines.lock().unwrap().push(line.trim().to_owned());
            let page = "<html>Sign in to the network</html>";
            let head = format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                page.len()
            );
            let _ = (&stream).write_all((head + page).as_bytes());
        }
    });
    (url, seen)
}

/// Serves a container's credentials.
fn container() -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/credentials", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        let body = r#"{"AccessKeyId":"ASIACONTAINERCONTAIN","SecretAccessKey":"x","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        (&stream).write_all((head + body).as_bytes()).unwrap();
    });
    (url, served)
}

#[test]
fn this_machine_its_metadata_and_its_containers_are_called_without_a_proxy() {
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        let (proxy, seen) = proxy();
        let (url, served) = sts();
        let (credentials, given) = container();
        let text = said(&[
            ("AWS_REGION", "eu-west-3"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &credentials),
            ("AWS_ENDPOINT_URL_STS", &url),
            (variable, &proxy),
        ]);
        assert_eq!(text, "arn:aws:iam::123456789012:user/me in eu-west-3", "{variable}");
        assert!(served.join().unwrap().contains("Credential=ASIACONTAINERCONTAIN/"));
        given.join().unwrap();
        // Instance metadata, which does not answer here, and the agents of ECS and EKS.
        let region = ("AWS_REGION", "eu-west-3");
        let relative =
            [region, ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"), (variable, &proxy)];
        let eks = [
            region,
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/x"),
            (variable, &proxy),
        ];
        let imds = [region, ("AWS_EC2_METADATA_DISABLED", "false"), (variable, &proxy)];
        for environment in [&relative, &eks, &imds] {
            let text = said(environment);
            assert!(text.contains("no AWS credentials"), "{text}");
        }
        assert_eq!(*seen.lock().unwrap(), Vec::<String>::new(), "{variable}");
    }
}

#[test]
fn everything_else_goes_through_the_proxy_of_the_environment() {
    let (proxy, seen) = proxy();
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let text = said(&[&keys[..], &[("AWS_REGION", "eu-west-3"), ("HTTPS_PROXY", &proxy)]].concat());
    assert!(
        text.contains("no connection to sts.eu-west-3.amazonaws.com: the proxy refused it"),
        "{text}"
    );
    assert!(text.contains(&proxy) && text.contains("HTTPS_PROXY"), "{text}");
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter().all(|line| line.starts_with("CONNECT sts.eu-west-3.amazonaws.com:443")),
        "{seen:?}"
    );
    assert!(!seen.is_empty());
}

#[test]
fn a_host_in_no_proxy_is_called_without_it() {
    let (proxy, seen) = proxy();
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"), ("AWS_SECRET_ACCESS_KEY", "x")];
    // A name that does not resolve, so that nothing leaves this machine.
    let url = ("AWS_ENDPOINT_URL", "https://sts.example.invalid");
    let proxies = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", "example.invalid")];
    let text = said(&[&keys[..], &[("AWS_REGION", "eu-west-3"), url], &proxies].concat());
    assert!(text.contains("no connection to sts.example.invalid"), "{text}");
    assert!(!text.contains("through the proxy"), "{text}");
    assert!(seen.lock().unwrap().is_empty());
}

/// As the AWS CLI does: see `proxies.rs`.
#[test]
fn an_empty_variable_in_upper_case_does_not_hide_the_one_in_lower_case() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_REGION", "eu-west-3"),
        ("AWS_ENDPOINT_URL", "https://sts.example.invalid"),
    ];
    let (proxy, seen) = proxy();
    let own = ("https_proxy", proxy.as_str());
    for (besides, goes_through) in [
        (&[("HTTPS_PROXY", "")][..], true),
        (&[("HTTPS_PROXY", "http://192.0.2.1:1")], true),
        (&[("NO_PROXY", "example.invalid"), ("no_proxy", "")], true),
        (&[("NO_PROXY", ""), ("no_proxy", "example.invalid")], false),
    ] {
        let text = said(&[&keys[..], &[own], besides].concat());
        let went = !std::mem::take(&mut *seen.lock().unwrap()).is_empty();
        assert_eq!(went, goes_through, "{besides:?}: {text}");
    }
}

#[test]
fn an_endpoint_without_tls_is_refused_wherever_it_is_set_and_before_anything_is_sent() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_REGION", "eu-west-3"),
    ];
    let refused = |environment: &[(&str, &str)]| {
        let text = said(&[&keys[..], environment].concat());
        assert!(text.contains("the endpoint http://192.0.2.1:8080 is refused"), "{text}");
        assert!(text.contains("allow_http_endpoints = [\"192.0.2.1:8080\"]"), "{text}");
    };
    let far = "http://192.0.2.1:8080";
    for variable in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_STS",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        "AWS_ENDPOINT_URL_SSM",
    ] {
        refused(&[(variable, far)]);
    }
    let folder = std::env::temp_dir().join(format!("keyrot-endpoints-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config");
    for text in [
        format!("[default]\nendpoint_url = {far}\n"),
        format!("[default]\nservices = mine\n\n[services mine]\nsts =\n  endpoint_url = {far}\n"),
    ] {
        std::fs::write(&file, text).unwrap();
        refused(&[("AWS_CONFIG_FILE", file.to_str().unwrap())]);
    }
    std::fs::remove_dir_all(&folder).unwrap();
    // Not a service's endpoint, but a host to which a token would be sent.
    let text = said(&[
        ("AWS_REGION", "eu-west-3"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", far),
    ]);
    assert!(text.contains("no AWS credentials"), "{text}");
}

/// Starts a server whose answers never end.
fn endless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 65_536]);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\n\r\n";
                let mut sent = stream.write_all(head.as_bytes()).map(|()| 0_u64);
                let chunk = [b' '; 65_536];
                while let Ok(bytes) = sent
                    && bytes < 1 << 31
                {
                    sent = stream.write_all(&chunk).map(|()| bytes + 65_536);
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn an_answer_without_an_end_is_an_error_and_not_read() {
    let endpoints = Endpoints::all_at(endless());
    let (key, secret) = ("AKIAENVIRONMENTVARIA".to_owned(), SecretKey::new("x".to_owned()));
    let credentials = CallerCredentials::new(key, secret);
    let settings = AwsSettings::default()
        .with_region("eu-west-3")
        .with_endpoints(endpoints)
        .with_credentials(credentials);
    let aws = Aws::connect(&settings).await.unwrap();
    let before = resident();
    let user = UserName::parse("ci").unwrap();
    let secret = SecretName::parse("/iam/ci/access_key").unwrap();
    for error in [
        aws.caller_identity().await.unwrap_err(),
        aws.describe(&secret).await.unwrap_err(),
        aws.list_keys(&user).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("the answer was longer than any of AWS's"), "{error}");
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 400 << 20, "{grown} bytes were taken");
}

/// Returns this process's memory; `None` if it is unknown.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0)
        << 10
}

/// Starts the child in this environment, and returns its output.
fn said(environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .env_clear()
        .env(CHILD, "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| Some(line.split_once("SAID ")?.1.to_owned()));
    line.unwrap_or_else(|| panic!("{text}"))
}

/// Starts an STS that answers one call. Returns the request's `Authorization` header.
fn sts() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let (mut length, mut authorization) = (0, String::new());
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.split_once(':') else {
                if line.trim().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "authorization" => authorization = value.trim().to_owned(),
                _ => {}
            }
        }
        reader.take(length).read_to_end(&mut Vec::new()).unwrap();
        let result = "<Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>U</UserId><Account>123456789012</Account>";
        let body = format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult>{result}</GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        (&stream).write_all((head + &body).as_bytes()).unwrap();
        authorization
    });
    (url, served)
}

/// An address on which nothing listens.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn the_region_the_credentials_and_a_services_own_endpoint_come_from_the_environment() {
    let (url, served) = sts();
    let text = said(&[
        ("AWS_REGION", "eu-west-3"),
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_ENDPOINT_URL", NOBODY),
        ("AWS_ENDPOINT_URL_STS", &url),
    ]);
    assert_eq!(text, "arn:aws:iam::123456789012:user/me in eu-west-3");
    let authorization = served.join().unwrap();
    assert!(authorization.contains("Credential=AKIAENVIRONMENTVARIA/"), "{authorization}");
    assert!(authorization.contains("/eu-west-3/sts/"), "{authorization}");
}

#[test]
fn a_profile_gives_the_region_the_endpoint_and_a_process_for_the_credentials() {
    let in_environment =
        [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"), ("AWS_SECRET_ACCESS_KEY", "x")];
    // A profile that is requested by name takes precedence over credentials in the environment.
    for (variable, besides) in [("AWS_PROFILE", &[][..]), (PROFILE, &in_environment[..])] {
        let (url, served) = sts();
        let folder =
            std::env::temp_dir().join(format!("keyrot-environment-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let printed = folder.join("credentials.json");
        std::fs::write(
            &printed,
            r#"{"Version":1,"AccessKeyId":"AKIAPROCESSPROCESSPR","SecretAccessKey":"x"}"#,
        )
        .unwrap();
        let file = folder.join("config");
        // The SDK's own limit is five seconds: a touch or a code takes a person longer.
        let slowly = if variable == PROFILE { "sleep 7; " } else { "" };
        let process =
            format!("credential_process = sh -c '{slowly}exec cat {}'", printed.display());
        let profile =
            format!("[profile work]\nregion = ap-south-1\nendpoint_url = {url}\n{process}\n");
        std::fs::write(&file, profile).unwrap();
        let path = std::env::var("PATH").unwrap();
        let own =
            [(variable, "work"), ("AWS_CONFIG_FILE", file.to_str().unwrap()), ("PATH", &path)];
        let text = said(&[&own[..], besides].concat());
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(text, "arn:aws:iam::123456789012:user/me in ap-south-1");
        assert!(served.join().unwrap().contains("Credential=AKIAPROCESSPROCESSPR/"));
    }
}

#[test]
fn a_missing_setting_is_reported_with_what_to_do() {
    let text = said(&[]);
    assert!(text.contains("no AWS region is set") && text.contains("AWS_REGION"), "{text}");
    let text = said(&[("AWS_PROFILE", "nowhere")]);
    assert!(text.contains("profile \"nowhere\""), "{text}");
    let text = said(&[("AWS_REGION", "eu-west-3")]);
    assert!(text.contains("no AWS credentials") && text.contains("aws sso login"), "{text}");
    assert!(!text.contains("does not exist"), "{text}");
    // The AWS tools skip such a file silently.
    let text = said(&[
        ("AWS_REGION", "eu-west-3"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials"),
        ("AWS_CONFIG_FILE", "/nowhere/config"),
    ]);
    for named in [
        "AWS_SHARED_CREDENTIALS_FILE names /nowhere/credentials, which does not exist",
        "AWS_CONFIG_FILE names /nowhere/config, which does not exist",
        "Correct or unset the variable",
    ] {
        assert!(text.contains(named), "{named}: {text}");
    }
    let text = said(&[
        (PROFILE, "nowhere"),
        ("AWS_REGION", "eu-west-3"),
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"),
    ]);
    assert!(text.contains("nowhere"), "{text}");
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let text =
        said(&[&keys[..], &[("AWS_REGION", "eu-west-3"), ("AWS_ENDPOINT_URL", NOBODY)]].concat());
    assert!(
        text.contains("no connection to 127.0.0.1:9: it refused it")
            && text.contains("AWS_ENDPOINT_URL"),
        "{text}"
    );
}
