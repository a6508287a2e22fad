//! Which certificate authorities are trusted, and the messages about those that are not.

use super::authority::{Authority, Server};
use super::{PROFILE, said};

fn sts(request: &str) -> String {
    let action = match request.contains("Action=AssumeRole") {
        true => {
            let key = "<AccessKeyId>ASIAROLEROLEROLEROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>";
            let who = "<AssumedRoleId>A:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>";
            return format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials>{key}</Credentials><AssumedRoleUser>{who}</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
            );
        }
        false => "GetCallerIdentity",
    };
    let result = "<Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>U</UserId><Account>123456789012</Account>";
    format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>")
}

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"),
    ("AWS_SECRET_ACCESS_KEY", "x"),
    ("AWS_REGION", "eu-west-3"),
];
const ME: &str = "arn:aws:iam::123456789012:user/me in eu-west-3";

/// Starts an STS with a certificate for 127.0.0.1. Returns its URL.
fn served(by: &Authority) -> (Server, String) {
    let server = by.serve(&["127.0.0.1"], false, sts);
    let url = format!("https://127.0.0.1:{}", server.port);
    (server, url)
}

#[test]
fn an_untrusted_authority_is_named_and_not_retried() {
    let (own, other) = (Authority::new(), Authority::new());
    let (server, url) = served(&own);
    let endpoint = ("AWS_ENDPOINT_URL_STS", url.as_str());
    let text = said(&[&KEYS[..], &[endpoint]].concat());
    let expected =
        format!("the certificate of 127.0.0.1:{} is signed by an authority", server.port);
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains("AWS_CA_BUNDLE, or as ca_bundle in the profile"), "{text}");
    assert!(!text.contains("attempts"), "{text}");
    assert_eq!(server.seen.lock().unwrap().connections, 1);
    // If a bundle lacks the authority, the message says to change the bundle.
    let bundle = other.bundle();
    let named = ("AWS_CA_BUNDLE", bundle.to_str().unwrap());
    let text = said(&[&KEYS[..], &[endpoint, named]].concat());
    assert!(text.contains(&format!("{} (AWS_CA_BUNDLE) is trusted in place", bundle.display())));
    assert_eq!(server.seen.lock().unwrap().connections, 2);
    // Another host's certificate, from an authority that is trusted.
    let wrong = own.serve(&["sts.example.com"], false, sts);
    let url = format!("https://127.0.0.1:{}", wrong.port);
    let bundle = own.bundle();
    let named = ("AWS_CA_BUNDLE", bundle.to_str().unwrap());
    let text = said(&[&KEYS[..], &[("AWS_ENDPOINT_URL_STS", &url), named]].concat());
    assert!(text.contains("is for another name"), "{text}");
    assert_eq!(wrong.seen.lock().unwrap().connections, 1);
}

#[test]
fn a_bundle_is_trusted_wherever_it_is_named_and_the_variable_wins() {
    let (own, other) = (Authority::new(), Authority::new());
    let (server, url) = served(&own);
    let endpoint = ("AWS_ENDPOINT_URL_STS", url.as_str());
    let (right, wrong) = (own.bundle(), other.bundle());
    let named = ("AWS_CA_BUNDLE", right.to_str().unwrap());
    assert_eq!(said(&[&KEYS[..], &[endpoint, named]].concat()), ME);
    let config = own.folder().join("config");
    let with = |bundle: &std::path::Path| {
        std::fs::write(&config, format!("[default]\nca_bundle = {}\n", bundle.display())).unwrap();
        ("AWS_CONFIG_FILE", config.to_str().unwrap().to_owned())
    };
    let (name, file) = with(&right);
    assert_eq!(said(&[&KEYS[..], &[endpoint, (name, &file)]].concat()), ME);
    let (name, file) = with(&wrong);
    let text = said(&[&KEYS[..], &[endpoint, (name, &file)]].concat());
    assert!(text.contains("(ca_bundle) is trusted in place"), "{text}");
    assert_eq!(said(&[&KEYS[..], &[endpoint, (name, &file), named]].concat()), ME);
    // A certificate that cannot be used is left out, as with the machine's own.
    let text = std::fs::read_to_string(&right).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&right, format!("# a comment\n{broken}{text}{broken}")).unwrap();
    assert_eq!(said(&[&KEYS[..], &[endpoint, named]].concat()), ME);
    assert!(server.seen.lock().unwrap().requests.len() >= 4);
}

#[test]
fn a_bundle_that_cannot_be_used_is_refused_before_anything_is_sent() {
    let own = Authority::new();
    let (server, url) = served(&own);
    let empty = own.folder().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (bundle, why) in [
        ("/nowhere/ca.pem", "No such file"),
        (empty.to_str().unwrap(), "no certificate in PEM format"),
        (own.folder().to_str().unwrap(), "expected a file"),
        ("", "names no file"),
    ] {
        let named = [("AWS_ENDPOINT_URL_STS", url.as_str()), ("AWS_CA_BUNDLE", bundle)];
        let text = said(&[&KEYS[..], &named].concat());
        assert!(text.contains("the CA bundle") && text.contains(why), "{text}");
    }
    assert_eq!(server.seen.lock().unwrap().connections, 0);
}

#[test]
fn a_proxy_that_re_signs_is_trusted_by_every_client_behind_a_profile() {
    let own = Authority::new();
    let proxy = own.serve(&["sts.eu-west-3.amazonaws.com"], true, sts);
    let config = own.folder().join("config");
    let text = "[profile base]\naws_access_key_id = AKIABASEBASEBASEBASE\naws_secret_access_key = x\n\
                [profile ops]\nregion = eu-west-3\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n";
    std::fs::write(&config, text).unwrap();
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let (config, bundle) = (config.to_str().unwrap().to_owned(), own.bundle());
    let through = [("AWS_CONFIG_FILE", config.as_str()), ("HTTPS_PROXY", url.as_str())];
    let trusted = ("AWS_CA_BUNDLE", bundle.to_str().unwrap());
    for variable in ["AWS_PROFILE", PROFILE] {
        let text = said(&[&through[..], &[(variable, "ops"), trusted]].concat());
        assert_eq!(text, ME, "{variable}");
        let seen = std::mem::take(&mut proxy.seen.lock().unwrap().requests);
        let was = |request: &str, action: &str| request.contains(&format!("Action={action}"));
        assert!(was(&seen[0], "AssumeRole") && was(&seen[1], "GetCallerIdentity"), "{seen:?}");
        assert_eq!(seen.len(), 2);
        // The role's own call fails with the same message as any other, and the SDK does not retry
        // it.
        let before = proxy.seen.lock().unwrap().connections;
        let text = said(&[&through[..], &[(variable, "ops")]].concat());
        assert!(text.contains("no AWS credentials: the certificate of sts.eu-west-3"), "{text}");
        assert!(text.contains("AWS_CA_BUNDLE") && text.contains(&url), "{text}");
        assert_eq!(proxy.seen.lock().unwrap().connections, before + 1);
    }
}
