//! Variables that the SDK skips, misinterprets, or panics on. Each is refused by name, and without
//! a value that may be secret.

use super::{said, sts};

const SECRET: &str = "r3Qk0EbeLEAKMEr3Qk0EbeLEAKMEr3Qk0EbeLEAK";
const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"),
    ("AWS_SECRET_ACCESS_KEY", SECRET),
    ("AWS_REGION", "eu-west-3"),
];

#[test]
fn an_unusable_variable_is_refused_by_name() {
    for (further, says) in [
        (&[("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA\n")][..], "AWS_ACCESS_KEY_ID has a space"),
        (&[("AWS_SECRET_ACCESS_KEY", "x\r")], "AWS_SECRET_ACCESS_KEY has a space"),
        (&[("AWS_SESSION_TOKEN", "a\nb")], "AWS_SESSION_TOKEN has a space"),
        (&[("AWS_ACCESS_KEY_ID", SECRET)], "AWS_ACCESS_KEY_ID is a secret access key"),
        (
            &[("AWS_ACCESS_KEY_ID", SECRET), ("AWS_SECRET_ACCESS_KEY", "AKIAENVIRONMENTVARIA")],
            "are swapped",
        ),
        (&[("AWS_REGION", "us east")], "(AWS_REGION) is not usable"),
        (&[("AWS_REGION", "us-east-1a")], "(AWS_REGION) is not usable"),
        (&[("AWS_REGION", "\"us-east-1\"")], "(AWS_REGION) is not usable"),
        (&[("AWS_REGION", "")], "no AWS region is set"),
        (&[("AWS_ENDPOINT_URL", "localhost:4566")], "AWS_ENDPOINT_URL is no URL"),
        (&[("AWS_ENDPOINT_URL_IAM", "")], "AWS_ENDPOINT_URL"),
        (&[("AWS_ENDPOINT_URL_STS", "https://me:LEAKME@h")], "AWS_ENDPOINT_URL_STS has a user"),
        (&[("AWS_ENDPOINT_URL", "https://h/?token=LEAKME")], "AWS_ENDPOINT_URL has a user"),
        (&[("HTTPS_PROXY", "http://me:LEAKME#x@proxy:3128")], "HTTPS_PROXY is no URL"),
        (&[("https_proxy", "http://proxy:3128\n")], "https_proxy has a space"),
        (&[("ALL_PROXY", "socks5://proxy:1080")], "ALL_PROXY names a proxy"),
        (&[("AWS_USE_FIPS_ENDPOINT", "yes")], "AWS_USE_FIPS_ENDPOINT is \"yes\": expected true"),
        (&[("AWS_USE_DUALSTACK_ENDPOINT", "1")], "AWS_USE_DUALSTACK_ENDPOINT is \"1\""),
        (&[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "x")], "expected true or false"),
        (&[("AWS_ACCESS_KEY_ID", "ASIAENVIRONMENTVARIA")], "and AWS_SESSION_TOKEN is not set"),
        (
            &[("AWS_ACCESS_KEY_ID", "ASIAENVIRONMENTVARIA"), ("AWS_SECURITY_TOKEN", SECRET)],
            "(AWS_SECURITY_TOKEN, the name that older tools use, is not read)",
        ),
    ] {
        let text = said(&[&KEYS[..], further].concat());
        // Some SDK versions treat an empty endpoint as not set.
        let unset = further == [("AWS_ENDPOINT_URL_IAM", "")] && !text.contains("AWS_ENDPOINT_URL");
        assert!(text.contains(says) || unset, "{further:?}: {text}");
        assert!(!text.contains("LEAKME"), "{text}");
    }
}

/// Reading a pipe would wait for its writer, and a process substitution can be read only once.
#[cfg(unix)]
#[test]
fn a_token_file_that_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    let region = ("AWS_REGION", "eu-west-3");
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod");
    let container = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/x");
    for environment in [
        [region, role, ("AWS_WEB_IDENTITY_TOKEN_FILE", pipe)],
        [region, container, ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", pipe)],
    ] {
        let text = said(&environment);
        assert!(text.contains("which cannot be used: expected a regular file"), "{text}");
    }
}

#[test]
fn half_of_a_web_identity_or_a_missing_file_does_not_change_the_caller() {
    let region = ("AWS_REGION", "eu-west-3");
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod");
    let file = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
    let text = said(&[region, file]);
    assert!(text.contains("AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN"), "{text}");
    let text = said(&[region, file, role]);
    assert!(text.contains("AWS_WEB_IDENTITY_TOKEN_FILE names the file /nowhere/token"), "{text}");
    let text = said(&[
        region,
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/x"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token"),
    ]);
    assert!(text.contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names the file"), "{text}");
}

#[test]
fn variables_of_other_sdks_and_overridden_ones_change_nothing() {
    for further in [
        &[("AWS_RETRY_MODE", "legacy")][..],
        &[("AWS_RETRY_MODE", "")],
        &[("AWS_MAX_ATTEMPTS", "0")],
        &[("AWS_MAX_ATTEMPTS", "abc")],
        &[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-3")],
        &[("HTTPS_PROXY", "http://proxy.invalid:3128"), ("ALL_PROXY", "socks5://proxy:1080")],
    ] {
        let (url, served) = sts();
        let text = said(&[&KEYS[..], &[("AWS_ENDPOINT_URL_STS", url.as_str())], further].concat());
        assert_eq!(text, "arn:aws:iam::123456789012:user/me in eu-west-3", "{further:?}");
        drop(served);
    }
}
