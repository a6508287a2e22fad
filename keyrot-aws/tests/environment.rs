//! What the environment and the shared configuration files say is heeded, as by every AWS tool.
//!
//! A process cannot change its own environment safely while its tests run, so each case starts this test program anew, as the child below.
#![allow(clippy::unwrap_used)]

use keyrot_aws::{Aws, AwsSettings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;

const CHILD: &str = "KEYROT_TEST_CHILD";
/// A profile that the child is to ask for by name.
const PROFILE: &str = "KEYROT_TEST_PROFILE";

/// Not a case of its own: says who it is, as the environment that it was started in has it.
#[tokio::test]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let settings = AwsSettings { profile: std::env::var(PROFILE).ok(), ..AwsSettings::default() };
    match Aws::connect(&settings).await {
        Err(error) => println!("SAID {error}"),
        Ok(aws) => match aws.caller_identity().await {
            Ok(caller) => println!("SAID {} in {}", caller.arn, aws.region()),
            Err(error) => println!("SAID {error}"),
        },
    }
}

/// Starts the child in this environment; what it says.
fn said(environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .env_clear()
        .env(CHILD, "1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| Some(line.split_once("SAID ")?.1.to_owned()));
    line.unwrap_or_else(|| panic!("{text}"))
}

/// An STS that answers one call, and gives the request's `Authorization`.
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
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", body.len());
        (&stream).write_all((head + &body).as_bytes()).unwrap();
        authorization
    });
    (url, served)
}

/// Where nobody listens.
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
    let in_environment = [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"), ("AWS_SECRET_ACCESS_KEY", "x")];
    // Asked for by name it goes before credentials in the environment.
    for (variable, besides) in [("AWS_PROFILE", &[][..]), (PROFILE, &in_environment[..])] {
        let (url, served) = sts();
        let folder = std::env::temp_dir().join(format!("keyrot-environment-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let printed = folder.join("credentials.json");
        std::fs::write(&printed, r#"{"Version":1,"AccessKeyId":"AKIAPROCESSPROCESSPR","SecretAccessKey":"x"}"#)
            .unwrap();
        let file = folder.join("config");
        let process = format!("credential_process = /bin/cat {}", printed.display());
        let profile = format!("[profile work]\nregion = ap-south-1\nendpoint_url = {url}\n{process}\n");
        std::fs::write(&file, profile).unwrap();
        let path = std::env::var("PATH").unwrap();
        let own = [(variable, "work"), ("AWS_CONFIG_FILE", file.to_str().unwrap()), ("PATH", &path)];
        let text = said(&[&own[..], besides].concat());
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(text, "arn:aws:iam::123456789012:user/me in ap-south-1");
        assert!(served.join().unwrap().contains("Credential=AKIAPROCESSPROCESSPR/"));
    }
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let text = said(&[]);
    assert!(text.contains("no AWS region is set") && text.contains("set AWS_REGION"), "{text}");
    let text = said(&[("AWS_PROFILE", "nowhere")]);
    assert!(text.contains("profile \"nowhere\""), "{text}");
    let text = said(&[("AWS_REGION", "eu-west-3")]);
    assert!(text.contains("no AWS credentials") && text.contains("aws sso login"), "{text}");
    let text =
        said(&[(PROFILE, "nowhere"), ("AWS_REGION", "eu-west-3"), ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA")]);
    assert!(text.contains("nowhere"), "{text}");
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let text = said(&[&keys[..], &[("AWS_REGION", "eu-west-3"), ("AWS_ENDPOINT_URL", NOBODY)]].concat());
    assert!(text.contains("no connection to the endpoint") && text.contains("AWS_ENDPOINT_URL"), "{text}");
}
