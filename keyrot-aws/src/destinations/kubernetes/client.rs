//! A client for the cluster in the settings.

use crate::http::guarded::is_near;
use crate::proxies;
use keyrot_core::settings::Kubernetes;
use kube::client::AuthError;
use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use std::error::Error;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

const CONNECT: Duration = Duration::from_secs(4);
const KUBECONFIG: &str = "KUBECONFIG";

/// Whether a certificate from a credential plugin has expired, or is about to.
pub(super) fn has_expired(client: &Client) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    client.valid_until().is_some_and(|until| until.as_second() < now.saturating_add(60))
}

/// # Errors
/// A message that contains no secret.
pub(super) async fn connect(kind: &Kubernetes) -> Result<Client, String> {
    let config = checked(config(kind).await?)?;
    let (done, made) = oneshot::channel();
    let runtime = Handle::current();
    // A credential plugin may run here, and may hang. In a blocking task of the runtime, it would
    // delay the end of the program.
    std::thread::spawn(move || {
        let _within = runtime.enter();
        let _ = done.send(Client::try_from(config).map_err(|error| unusable(&error)));
    });
    made.await.unwrap_or_else(|_| Err("the client cannot be made".to_owned()))
}

async fn config(kind: &Kubernetes) -> Result<Config, String> {
    let file = match &kind.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let named = std::env::var_os(KUBECONFIG).is_some_and(|value| !value.is_empty());
    let file = match file {
        Ok(file) => file,
        // There is no file and none was named, so this may be a pod.
        Err(error) if kind.kubeconfig.is_none() && !named && is_missing(&error) => {
            if let Some(context) = &kind.context {
                return Err(format!(
                    "there is no kubeconfig with the context {context}; set `kubeconfig`, or KUBECONFIG"
                ));
            }
            return Config::incluster().map_err(|_| {
                "there is no kubeconfig, and no service account of a pod; set `kubeconfig`, or KUBECONFIG".to_owned()
            });
        }
        Err(error) => return Err(unreadable(&error)),
    };
    let context = context(kind, &file)?;
    let has_proxy = proxy_of(&file, &context).is_some();
    let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(file, &options).await;
    let mut config = config.map_err(|error| unreadable(&error))?;
    // kube checks NO_PROXY only for the proxy's own name.
    if !has_proxy && proxies::matcher().intercept(&config.cluster_url).is_none() {
        config.proxy_url = None;
    }
    Ok(config)
}

/// Returns the context in the settings, or the only context. It ignores the file's current context:
/// switching the context for a moment must not send keys to another cluster.
fn context(kind: &Kubernetes, file: &Kubeconfig) -> Result<String, String> {
    let mut names = file.contexts.iter().map(|one| one.name.as_str());
    let all = || {
        let names: Vec<&str> = file.contexts.iter().map(|one| one.name.as_str()).take(10).collect();
        names.join(", ")
    };
    match &kind.context {
        Some(context) if names.any(|name| name == context) => Ok(context.clone()),
        Some(context) => Err(format!("the kubeconfig has no context {context}; it has {}", all())),
        None => match (names.next(), names.next()) {
            (Some(only), None) => Ok(only.to_owned()),
            (None, _) => Err("the kubeconfig has no context".to_owned()),
            _ => Err(format!(
                "the kubeconfig has several contexts; set `context` to the one of the cluster: {}",
                all()
            )),
        },
    }
}

fn proxy_of<'a>(file: &'a Kubeconfig, context: &str) -> Option<&'a str> {
    let context = file.contexts.iter().find(|one| one.name == context)?.context.as_ref()?;
    let cluster = file.clusters.iter().find(|one| one.name == context.cluster)?;
    cluster.cluster.as_ref()?.proxy_url.as_deref().filter(|url| !url.is_empty())
}

/// Returns the configuration, if it is safe to send keys with it.
fn checked(mut config: Config) -> Result<Config, String> {
    let near = config.cluster_url.host().is_some_and(is_near);
    if config.cluster_url.scheme_str() != Some("https") && !near {
        return Err("the cluster's server in the kubeconfig is not https://".to_owned());
    }
    if config.accept_invalid_certs && !near {
        return Err("the kubeconfig says insecure-skip-tls-verify, so anybody in between could read the key; \
                    set certificate-authority instead"
            .to_owned());
    }
    if near {
        config.proxy_url = None;
    }
    if let Some(exec) = &mut config.auth_info.exec {
        if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
            return Err(
                "the kubeconfig's credential plugin needs a terminal (interactiveMode: Always); \
                        use one that does not, or a service account's token"
                    .to_owned(),
            );
        }
        // The plugin's output must not mix with keyrot's, and it can't ask questions.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    config.connect_timeout = Some(CONNECT);
    // kube would retry writes, and for minutes.
    config.default_retry = false;
    Ok(config)
}

fn is_missing(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => error.kind() == ErrorKind::NotFound,
        _ => false,
    }
}

/// Returns a message that does not include kube's own, which quotes lines of the file, including
/// tokens.
fn unreadable(error: &KubeconfigError) -> String {
    let what = match error {
        KubeconfigError::ReadConfig(error, path) => {
            return format!("the kubeconfig {} cannot be read: {}", path.display(), error.kind());
        }
        KubeconfigError::LoadClusterOfContext(_) => "names a cluster that is not in it",
        KubeconfigError::MissingClusterUrl | KubeconfigError::ParseClusterUrl(_) => {
            "has no usable server for the cluster"
        }
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            "has a certificate-authority that cannot be read"
        }
        KubeconfigError::LoadClientCertificate(_) | KubeconfigError::LoadClientKey(_) => {
            "has a client certificate or key that cannot be read"
        }
        KubeconfigError::ParseProxyUrl(_) | KubeconfigError::ParseNoProxy(_) => {
            "has a proxy-url that is not usable, or the environment has"
        }
        _ => "is not valid",
    };
    format!("the kubeconfig {what}; check it with: kubectl config view")
}

fn unusable(error: &kube::Error) -> String {
    if let Some(said) = refused_credentials(error) {
        return said;
    }
    match error {
        kube::Error::ProxyProtocolUnsupported { .. }
        | kube::Error::ProxyProtocolDisabled { .. } => "its proxy is not an HTTP proxy",
        kube::Error::InferKubeconfig(error) => return unreadable(error),
        _ => "the kubeconfig has certificates or a key that cannot be used",
    }
    .to_owned()
}

/// Returns what is wrong with the kubeconfig's credentials, if they are the cause.
pub(super) fn refused_credentials(error: &kube::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(at) = cause {
        if let Some(error) = at.downcast_ref::<AuthError>() {
            return Some(said(error));
        }
        cause = at.source();
    }
    None
}

fn said(error: &AuthError) -> String {
    match error {
        AuthError::ReadTokenFile(error, path) => {
            format!("the token file {} cannot be read: {}", path.display(), error.kind())
        }
        AuthError::AuthExecStart(error) => {
            format!("the credential plugin of the kubeconfig cannot be run: {}", error.kind())
        }
        AuthError::AuthExecRun { out, .. } => {
            let status = out.status;
            format!(
                "the credential plugin of the kubeconfig failed ({status}); run it yourself to see why"
            )
        }
        _ => {
            "the credentials of the kubeconfig are not usable; check them with: kubectl auth whoami"
                .to_owned()
        }
    }
}
