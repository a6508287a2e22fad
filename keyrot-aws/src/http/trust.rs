//! Which certificate authorities are trusted: the machine's, or those of a bundle that the
//! environment or the profile names, as for the AWS CLI (AWS SDKs and Tools Reference Guide,
//! "General configuration settings", `ca_bundle`). A bundle replaces the machine's own.

use crate::connect_error::ConnectError;
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const VARIABLE: &str = "AWS_CA_BUNDLE";
const PROFILE: &str = "ca_bundle";
/// The size limit; the bundles of operating systems have a few hundred KiB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The trusted authorities. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust(Option<Arc<Bundle>>);

#[derive(Debug)]
struct Bundle {
    /// What names the bundle, for a sentence.
    named: String,
    /// The certificates that can be used.
    store: TrustStore,
    /// The same certificates, for clients that are not the SDK's.
    #[cfg(feature = "destinations")]
    roots: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Returns the authorities from the variable, or else from the profile's setting; without both,
    /// the machine's.
    ///
    /// # Errors
    /// [`ConnectError::CaBundle`] if the bundle cannot be used, [`ConnectError::NoRoots`] if the
    /// machine has no authorities.
    pub(crate) fn find(of_profile: Option<&str>) -> Result<Self, ConnectError> {
        let variable = std::env::var_os(VARIABLE).map(PathBuf::from);
        match (variable, of_profile) {
            (Some(path), _) => Self::bundle(&path, VARIABLE),
            (None, Some(path)) => Self::bundle(Path::new(path), PROFILE),
            (None, None) => has_roots().map(|()| Self::default()),
        }
    }

    /// Returns the authorities by an `SdkConfig` that has read the profile.
    pub(crate) fn of_sdk_config(config: &SdkConfig) -> Result<Self, ConnectError> {
        // Any service will do here, because no service has its own setting for this.
        let key = ServiceConfigKey::builder()
            .service_id("STS")
            .env(VARIABLE)
            .profile(PROFILE)
            .build()
            .ok();
        let found = key.and_then(|key| config.service_config()?.load_config(key));
        Self::find(found.as_deref())
    }

    fn bundle(path: &Path, named_by: &'static str) -> Result<Self, ConnectError> {
        let refused = |why: String| ConnectError::CaBundle { path: path.to_owned(), named_by, why };
        if path.as_os_str().is_empty() {
            let why = "it names no file: name one, or unset it".to_owned();
            return Err(refused(why));
        }
        let kind = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?;
        if !kind.is_file() {
            return Err(refused("expected a file of certificates in PEM format".to_owned()));
        }
        if kind.len() > LARGEST {
            return Err(refused(format!("it is larger than {LARGEST} bytes")));
        }
        let text = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
        let blocks = blocks(&text);
        let mut store = TrustStore::empty();
        let mut roots = Vec::new();
        // The SDK panics on a certificate that rustls cannot use. Such certificates are left out,
        // as with the machine's own.
        for block in &blocks {
            if let Some(root) = usable(block) {
                store.add_pem_certificate(*block);
                roots.push(root);
            }
        }
        match (roots.len(), blocks.len()) {
            (0, 0) => Err(refused(no_certificate(&text))),
            (0, all) => Err(refused(format!("none of its {all} certificates can be read"))),
            _ => {
                let named = format!("{} ({named_by})", path.display());
                Ok(Self(Some(Arc::new(Bundle {
                    named,
                    store,
                    #[cfg(feature = "destinations")]
                    roots,
                }))))
            }
        }
    }

    /// Returns the authorities for a connector; `None` leaves it to the machine's.
    pub(crate) fn context(&self) -> Option<TlsContext> {
        let store = self.0.as_ref()?.store.clone();
        TlsContext::builder().with_trust_store(store).build().ok()
    }

    /// Returns the certificates of the authorities, for a client that is not the SDK's.
    #[cfg(feature = "destinations")]
    pub(crate) fn roots(&self) -> Vec<CertificateDer<'static>> {
        match &self.0 {
            Some(bundle) => bundle.roots.clone(),
            None => {
                rustls_native_certs::load_native_certs().certs.into_iter().filter(is_root).collect()
            }
        }
    }

    /// Returns the bundle's path, and what names it.
    pub(crate) fn named(&self) -> Option<&str> {
        self.0.as_ref().map(|bundle| bundle.named.as_str())
    }
}

/// Returns the certificates in the text, each with its BEGIN and END lines.
fn blocks(text: &[u8]) -> Vec<&[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    const END: &[u8] = b"-----END CERTIFICATE-----";
    let find = |from: usize, what: &[u8]| {
        let rest = text.get(from..)?;
        rest.windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = find(at, BEGIN)
        && let Some(end) = find(begin, END)
    {
        at = end + END.len();
        found.push(&text[begin..at]);
    }
    found
}

/// Returns what a text without certificates may be instead.
fn no_certificate(text: &[u8]) -> String {
    const EXPECTED: &str = "it has no certificate in PEM format (-----BEGIN CERTIFICATE-----)";
    let has = |label: &str| text.windows(label.len()).any(|window| window == label.as_bytes());
    let other = ["TRUSTED CERTIFICATE", "X509 CERTIFICATE"]
        .into_iter()
        .find(|label| has(&format!("-----BEGIN {label}-----")));
    match other {
        Some(label) => {
            format!("{EXPECTED}, but {label}: convert each (openssl x509 -in FILE -out NEW)")
        }
        // An ASN.1 sequence.
        None if text.starts_with(&[0x30, 0x82]) => {
            format!("{EXPECTED}, but DER: convert it (openssl x509 -inform der -in FILE -out NEW)")
        }
        None => EXPECTED.to_owned(),
    }
}

fn usable(block: &[u8]) -> Option<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(block).ok().filter(is_root)
}

fn is_root(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

/// Checks that there is a root certificate. Without one, the SDK's HTTPS client would panic, and
/// only at the first call.
fn has_roots() -> Result<(), ConnectError> {
    let found = rustls_native_certs::load_native_certs();
    if !found.certs.is_empty() {
        return Ok(());
    }
    let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
    Err(ConnectError::NoRoots { why })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    fn refusal(text: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let error = Trust::bundle(file.path(), VARIABLE).unwrap_err().to_string();
        assert!(error.contains(&format!("{} (AWS_CA_BUNDLE)", file.path().display())), "{error}");
        error
    }

    #[test]
    fn a_bundle_without_a_usable_certificate_is_refused() {
        for text in ["", "\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(refusal(text).contains("no certificate in PEM format"), "{text}");
        }
        let trusted = BROKEN.replace(" CERTIFICATE", " TRUSTED CERTIFICATE");
        assert!(refusal(&trusted).contains("but TRUSTED CERTIFICATE: convert each"));
        assert!(refusal("0\u{82}").contains("no certificate in PEM format"));
        assert!(refusal(BROKEN).contains("none of its 1 certificates"));
        let unfinished = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(refusal(unfinished).contains("no certificate in PEM format"));
        let missing = Trust::bundle(Path::new("/nowhere/ca.pem"), PROFILE).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/ca.pem (ca_bundle)"), "{missing}");
        assert!(Trust::bundle(Path::new("/"), PROFILE).is_err());
        assert!(Trust::bundle(Path::new(""), VARIABLE).is_err());
    }
}
