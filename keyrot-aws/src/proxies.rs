//! The proxy in the environment, found as the AWS CLI finds it (Python's
//! `urllib.request.getproxies_environment`): of two spellings, the variable in lower case counts. If
//! it is empty, there is no proxy; an empty variable in upper case counts as missing.

use aws_smithy_http_client::proxy::ProxyConfig;
use hyper_util::client::proxy::matcher::Matcher;

/// The proxy for HTTPS, and the variable that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) variable: &'static str,
    /// The URL; it may have a password.
    pub(crate) url: String,
    /// Whether it is for all requests, not just for those by HTTPS.
    is_for_all: bool,
    /// The hosts that are called without it, as in `NO_PROXY`.
    except: String,
}

impl Proxy {
    /// Returns the proxy that is set in the environment.
    pub(crate) fn of_environment() -> Option<Self> {
        Self::of(&|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    fn of(get: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let except = found(get, ["no_proxy", "NO_PROXY"]).map(|(_, value)| value);
        let of = |names, is_for_all| {
            let (variable, url) = found(get, names)?;
            let except = except.clone().unwrap_or_default();
            Some(Self { variable, url, is_for_all, except })
        };
        let https = of(["https_proxy", "HTTPS_PROXY"], false);
        let proxy = https.or_else(|| of(["all_proxy", "ALL_PROXY"], true))?;
        (!proxy.url.is_empty()).then_some(proxy)
    }

    /// Returns the URL with a scheme: without one, a proxy speaks HTTP.
    fn with_scheme(&self) -> String {
        match self.url.contains("://") {
            true => self.url.clone(),
            false => format!("http://{}", self.url),
        }
    }
}

/// Returns the first variable that counts; its value may be empty.
fn found(
    get: &dyn Fn(&str) -> Option<String>,
    [lower, upper]: [&'static str; 2],
) -> Option<(&'static str, String)> {
    let upper = || Some((upper, get(upper)?)).filter(|(_, value)| !value.is_empty());
    get(lower).map(|value| (lower, value)).or_else(upper)
}

/// Returns the SDK's configuration for the environment's proxy. A URL that cannot be used was
/// refused before.
pub(crate) fn config() -> ProxyConfig {
    let Some(proxy) = Proxy::of_environment() else { return ProxyConfig::disabled() };
    let config = match proxy.is_for_all {
        true => ProxyConfig::all(proxy.with_scheme()),
        false => ProxyConfig::https(proxy.with_scheme()),
    };
    config.map_or_else(|_| ProxyConfig::disabled(), |config| config.no_proxy(proxy.except))
}

/// Returns what decides which requests go through the environment's proxy.
pub(crate) fn matcher() -> Matcher {
    let Some(proxy) = Proxy::of_environment() else { return Matcher::builder().build() };
    let matcher = Matcher::builder().no(proxy.except.clone());
    match proxy.is_for_all {
        true => matcher.all(proxy.with_scheme()).build(),
        false => matcher.https(proxy.with_scheme()).build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_that_counts_is_the_one_of_the_aws_cli() {
        let (own, other) = ("http://own:3128", "other:3128");
        for (set, expected) in [
            (&[("HTTPS_PROXY", own)][..], Some(("HTTPS_PROXY", own, ""))),
            (&[("https_proxy", own), ("HTTPS_PROXY", other)], Some(("https_proxy", own, ""))),
            (&[("https_proxy", own), ("HTTPS_PROXY", "")], Some(("https_proxy", own, ""))),
            (&[("https_proxy", ""), ("HTTPS_PROXY", own)], None),
            (&[("https_proxy", ""), ("ALL_PROXY", own)], None),
            (&[("HTTPS_PROXY", ""), ("all_proxy", other)], Some(("all_proxy", other, ""))),
            (&[("HTTPS_PROXY", own), ("NO_PROXY", "a,b")], Some(("HTTPS_PROXY", own, "a,b"))),
            (
                &[("HTTPS_PROXY", own), ("NO_PROXY", ""), ("no_proxy", "c")],
                Some(("HTTPS_PROXY", own, "c")),
            ),
            (
                &[("HTTPS_PROXY", own), ("NO_PROXY", "a"), ("no_proxy", "")],
                Some(("HTTPS_PROXY", own, "")),
            ),
            (&[("NO_PROXY", "a"), ("HTTP_PROXY", own)], None),
        ] {
            let get = |name: &str| {
                set.iter().find(|(is, _)| *is == name).map(|(_, value)| (*value).to_owned())
            };
            let found = Proxy::of(&get);
            let found = found.as_ref().map(|it| (it.variable, it.url.as_str(), it.except.as_str()));
            assert_eq!(found, expected, "{set:?}");
        }
    }
}
