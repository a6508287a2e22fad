//! The verification of SMTP passwords: a login at each region's SMTP server of SES.
//!
//! It sends no mail. SES answers 235 to a valid password, 535 to an invalid one, and 421 or 451 if
//! it cannot answer now (SES developer guide, "Amazon SES SMTP issues", "SMTP response codes").

use crate::connection::Aws;
use crate::http::unreached::Reason;
use crate::smtp;
use async_trait::async_trait;
use keyrot_core::model::ProbeAnswer;
use keyrot_core::settings::{Settings, SmtpEndpoint};
use keyrot_core::{CallError, CredentialProbe, Credentials, ErrorKind};
use lettre::Tokio1Executor;
use lettre::transport::smtp::authentication::Credentials as Login;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error as SmtpError};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The limit on connections: SES has one, and does not say which.
const AT_ONCE: usize = 8;
/// The code for an invalid password.
const REFUSED: u16 = 535;
/// The code for too many connections.
const BUSY: u16 = 421;

/// Verifies credentials with STS, and then with a login in each region.
pub(crate) struct SmtpLogins {
    aws: Arc<Aws>,
    endpoint: SmtpEndpoint,
    regions: Vec<String>,
    turns: Semaphore,
    roots: OnceLock<Vec<Certificate>>,
}

impl SmtpLogins {
    /// Returns `None` if these settings need no login.
    pub(crate) fn new(aws: &Arc<Aws>, settings: &Settings) -> Option<Self> {
        let endpoint = settings.smtp_endpoint()?;
        let regions = settings.smtp_regions().to_vec();
        (!regions.is_empty()).then(|| Self {
            aws: Arc::clone(aws),
            endpoint,
            regions,
            turns: Semaphore::new(AT_ONCE),
            roots: OnceLock::new(),
        })
    }

    /// Returns why the password is refused; `None` if it is valid.
    async fn login(
        &self,
        credentials: &Credentials,
        region: &str,
    ) -> Result<Option<String>, CallError> {
        let host = self.endpoint.host(region);
        let server = format!("{host}:{}", self.endpoint.port());
        let tls = self.tls(&host).map_err(|error| self.failed(&server, &error))?;
        // lettre keeps a copy of the password for the login, and does not wipe it.
        let login = Login::new(
            credentials.key.to_string(),
            smtp::password(&credentials.secret, region).to_string(),
        );
        let mailer: AsyncSmtpTransport<Tokio1Executor> =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host)
                .port(self.endpoint.port())
                .tls(if self.endpoint.is_tls_wrapped() {
                    Tls::Wrapper(tls)
                } else {
                    Tls::Required(tls)
                })
                .credentials(login)
                .timeout(None)
                .build();
        let _turn = self.turns.acquire().await;
        let limit = self.aws.inner.timeouts.attempt;
        match timeout(limit, mailer.test_connection()).await {
            Ok(Ok(_)) => Ok(None),
            Ok(Err(refused)) if refused.status().map(u16::from) == Some(REFUSED) => {
                Ok(Some(format!(
                    "SES does not accept its SMTP password in {region} ({server} answered {REFUSED})"
                )))
            }
            Ok(Err(error)) => Err(self.failed(&server, &error)),
            Err(_) => Err(self.unreached(&server, Reason::ConnectTimeout)),
        }
    }

    fn tls(&self, host: &str) -> Result<TlsParameters, SmtpError> {
        let roots = self.roots.get_or_init(|| {
            let roots = self.aws.inner.notify.http.trust().roots();
            roots.iter().filter_map(|root| Certificate::from_der(root.to_vec()).ok()).collect()
        });
        let builder =
            TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
        roots.iter().cloned().fold(builder, |with, root| with.add_root_certificate(root)).build()
    }

    /// Returns a message in keyrot's own words, because a server's text may repeat what was sent.
    fn failed(&self, server: &str, error: &SmtpError) -> CallError {
        match error.status().map(u16::from) {
            Some(BUSY) => CallError::refused(
                ErrorKind::Throttled,
                format!("the SMTP server {server} has too many connections ({BUSY})"),
            ),
            Some(code) => CallError::refused(
                if error.is_transient() { ErrorKind::Unavailable } else { ErrorKind::Other },
                format!("the SMTP server {server} answered {code} to a login; expected 235 or 535"),
            ),
            None if error.is_response() || error.is_client() => CallError::refused(
                ErrorKind::Other,
                format!(
                    "{server} does not answer as an SMTP server of SES with STARTTLS and AUTH. {OR_ELSE}"
                ),
            ),
            None => self.unreached(server, Reason::of_connection(error)),
        }
    }

    fn unreached(&self, server: &str, reason: Reason) -> CallError {
        let kind = if reason.is_lasting() { ErrorKind::Other } else { ErrorKind::Unavailable };
        let advice = match reason {
            lasting if lasting.is_lasting() => {
                lasting.advice(server, false, self.aws.inner.notify.http.trust())
            }
            _ => "The SMTP password was to be verified there; no proxy is used. Open the port"
                .to_owned(),
        };
        let said = reason.said(server, None);
        CallError::refused(kind, format!("{said}. {advice}, or {OR_ELSE}"))
    }
}

const OR_ELSE: &str =
    "set smtp_endpoint to another server, or to `none` to verify no SMTP password";

#[async_trait]
impl CredentialProbe for SmtpLogins {
    async fn probe(&self, credentials: &Credentials) -> Result<ProbeAnswer, CallError> {
        let answer = self.aws.probe(credentials).await?;
        if matches!(answer, ProbeAnswer::Authenticated(_)) {
            for region in &self.regions {
                if let Some(why) = self.login(credentials, region).await? {
                    return Ok(ProbeAnswer::RefusedBy(why));
                }
            }
        }
        Ok(answer)
    }
}
