//! Variables that decide where requests go and where credentials come from. The SDK silently skips
//! many errors in them, and then bypasses the proxy or calls AWS as another identity.

use super::error::ProfileError;
use super::files::{self, State, variable};
use super::route::{Base, Route};
use crate::hosts::is_place;
use crate::proxies::Proxy;
use std::net::IpAddr;

/// Refuses a proxy that would be skipped. No message contains the value, which may hold a password.
/// A proxy without effect may be anything, such as a SOCKS proxy for other programs.
pub(super) fn proxies() -> Result<(), ProfileError> {
    let Some(proxy) = Proxy::of_environment() else { return Ok(()) };
    match of_proxy(&proxy.url) {
        Some(problem) => Err(ProfileError::Variable { name: proxy.variable, problem }),
        None => Ok(()),
    }
}

/// Refuses a switch with another value than `true` or `false`: the SDK would skip it, and for
/// example call another endpoint than one with FIPS.
pub(super) fn switches() -> Result<(), ProfileError> {
    const SWITCHES: [&str; 3] = [
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    ];
    for name in SWITCHES {
        let Some(value) = variable(name) else { continue };
        if !["true", "false"].iter().any(|known| value.eq_ignore_ascii_case(known)) {
            let problem = format!("is {value:?}: expected true or false");
            return Err(ProfileError::Variable { name, problem });
        }
    }
    Ok(())
}

/// Returns what is wrong with the URL of a proxy.
fn of_proxy(value: &str) -> Option<String> {
    const FORM: &str =
        "is no URL of a proxy: expected http://HOST:PORT or http://USER:PASSWORD@HOST:PORT";
    if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("has a space or a line end: remove it".to_owned());
    }
    if value.starts_with(['"', '\'']) {
        return Some("is in quotes: remove them".to_owned());
    }
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Some(
            "names a proxy that does not speak HTTP: expected http:// or https://".to_owned(),
        );
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) || rest.matches('@').count() > 1 {
        return Some(format!(
            "{}; in a user name or password, write / ? # @ and : as %2F %3F %23 %40 and %3A",
            FORM
        ));
    }
    let (login, place) = rest.split_once('@').unwrap_or(("", rest));
    let plain = login.bytes().all(|b| b.is_ascii_graphic());
    if !plain {
        return Some(
            "has a user name or password with characters that have to be percent-encoded"
                .to_owned(),
        );
    }
    (!is_place(place)).then(|| FORM.to_owned())
}

const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const ROLE: &str = "AWS_ROLE_ARN";

/// Refuses a profile with credentials of its own beside the variables for web identity: some tools
/// use the one, some the other. A role that the profile assumes takes precedence in all of them.
pub(super) fn no_web_identity_beside(route: &Route) -> Result<(), ProfileError> {
    let is_role = !route.roles.is_empty() && route.base != Base::WebIdentity;
    let none = variable(FILE).is_none() || variable(ROLE).is_none();
    if matches!(route.base, Base::Machine) || is_role || none {
        return Ok(());
    }
    let problem = format!(
        "is set, and so are credentials in the profile {:?}: the AWS tools disagree which of them count. Unset {FILE} and {ROLE}, or name the profile with --profile",
        route.profile.as_deref().unwrap_or("default")
    );
    Err(ProfileError::Variable { name: FILE, problem })
}

/// Checks the variables for web identity and container credentials (AWS SDKs and Tools Reference
/// Guide, "Assume role credential provider" and "Container credential provider").
pub(super) fn machine() -> Result<Route, ProfileError> {
    const CONTAINER: [&str; 2] =
        ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    let readable = |name: &'static str, path: &str| {
        let path = std::path::Path::new(path);
        let problem = match files::text_of(path) {
            Ok(text) if text.is_empty() => "it is empty".to_owned(),
            Ok(_) => return Ok(()),
            Err(State::Missing) => "there is no such file".to_owned(),
            Err(State::Denied(why) | State::Unusable(why)) => why,
            Err(State::Read) => return Ok(()),
        };
        let path = path.display();
        let problem = format!("names the file {path}, which cannot be used: {problem}");
        Err(ProfileError::Variable { name, problem })
    };
    if let Some(path) = variable(FILE) {
        let Some(role) = variable(ROLE) else {
            let problem = format!("is set without {ROLE}: set both, or unset it");
            return Err(ProfileError::Variable { name: FILE, problem });
        };
        readable(FILE, &path)?;
        return Ok(Route { roles: vec![role], ..Route::of_machine(Base::WebIdentity) });
    }
    if CONTAINER.into_iter().any(|name| variable(name).is_some()) {
        let [relative, full] = CONTAINER;
        if let Some(url) = variable(full).filter(|_| variable(relative).is_none())
            && let Some(problem) = of_container(&url)
        {
            return Err(ProfileError::Variable { name: full, problem });
        }
        if let Some(path) = variable(TOKEN) {
            readable(TOKEN, &path)?;
        }
        return Ok(Route::of_machine(Base::Container));
    }
    Ok(Route::of_machine(Base::Machine))
}

/// Returns what is wrong with the URL of a container's credentials: by HTTP, the SDK asks only this
/// machine, or the agents of ECS and EKS.
fn of_container(url: &str) -> Option<String> {
    let form = || "is no URL of a container's credentials: expected http:// or https://".to_owned();
    let Some((scheme, rest)) = url.split_once("://") else { return Some(form()) };
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    if !is_place(place) || !["http", "https"].contains(&scheme) {
        return Some(form());
    }
    let host = match place.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    };
    // A name may resolve to this machine.
    let address = host.parse::<IpAddr>().ok().filter(|_| scheme == "http")?;
    let agents = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
    let is_agent = agents.iter().any(|agent| agent.parse() == Ok(address));
    (!address.is_loopback() && !is_agent)
        .then(|| "names a host that the AWS SDKs ask only by https://, not by http://".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_containers_credentials_is_checked_as_the_sdk_does() {
        for fits in [
            "http://127.0.0.1:9/x",
            "http://localhost/x?y",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://[::1]:80",
            "https://192.0.2.1/x",
            "https://credentials.example.com",
        ] {
            assert_eq!(of_container(fits), None, "{fits}");
        }
        for (wrong, says) in [
            ("nonsense", "is no URL"),
            ("ftp://127.0.0.1/", "is no URL"),
            ("http://", "is no URL"),
            ("http://192.0.2.1/x", "only by https://"),
            ("http://[2001:db8::1]/x", "only by https://"),
        ] {
            let said = of_container(wrong).expect(wrong);
            assert!(said.contains(says), "{wrong}: {said}");
        }
    }

    #[test]
    fn an_invalid_proxy_is_refused_without_its_value() {
        for fits in [
            "http://proxy:3128",
            "https://proxy.example.com/",
            "proxy:3128",
            "http://jane:pa55w0rd@proxy:3128",
            "http://jane:p%40ss%23@10.0.0.7:80",
            "HTTP://[::1]:3128",
        ] {
            assert_eq!(of_proxy(fits), None, "{fits}");
        }
        for (wrong, says) in [
            ("http://bad host:8080", "a space or a line end"),
            ("http://proxy:3128\n", "a space or a line end"),
            ("\"http://proxy:3128\"", "in quotes"),
            ("socks5://proxy:1080", "does not speak HTTP"),
            ("ftp://proxy", "does not speak HTTP"),
            ("::::", "is no URL of a proxy"),
            ("http://", "is no URL of a proxy"),
            ("http://proxy:99999", "is no URL of a proxy"),
            ("http://proxy:", "is no URL of a proxy"),
            ("http://jane:pa55w0rd#x@proxy:3128", "write / ? # @ and : as %2F"),
            ("http://jane:pa55w0rd/x@proxy:3128", "write / ? # @ and : as %2F"),
            ("http://jane:pa55@w0rd@proxy:3128", "write / ? # @ and : as %2F"),
            ("http://jane:pässw0rd@proxy:3128", "percent-encoded"),
        ] {
            let said = of_proxy(wrong).expect(wrong);
            assert!(said.contains(says), "{wrong}: {said}");
            assert!(!said.contains("w0rd"), "{said}");
        }
    }
}
