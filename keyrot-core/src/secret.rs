//! Secret material: held in memory only, wiped when dropped, and never shown.

use crate::KeyId;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The secret half of an access key.
///
/// `Debug` prints a placeholder, there is no `Display`, it cannot be serialised. Clones share one copy, whose memory is wiped with the last
/// of them. To use it, call
/// [`SecretKey::expose`], which is easy to search for.
///
/// ```
/// let secret = keyrot_core::SecretKey::new("wJalrXUtnFEMI".to_owned());
/// assert_eq!(format!("{secret:?}"), "SecretKey(hidden)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Arc<Zeroizing<String>>);

impl SecretKey {
    /// Takes the text over; no copy of it stays behind.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(hidden)")
    }
}

/// An access key with its secret: what IAM hands out once, and what the store keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The key's id, which is not secret.
    pub key: KeyId,
    /// The key's secret half.
    pub secret: SecretKey,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, hidden)", self.key)
    }
}

/// By the id alone: a secret never feeds a hash that could be printed or compared outside.
impl std::hash::Hash for Credentials {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
