//! Secret material, which is only in memory, wiped when dropped, and never shown.

use crate::model::names::KeyId;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The secret half of an access key.
///
/// `Debug` prints a placeholder, there is no `Display`, and it cannot be serialized. Clones share
/// one copy, which is wiped with the last of them. To use it, call [`SecretKey::expose`], which is
/// easy to search for.
///
/// ```
/// let secret = keyrot_core::SecretKey::new("wJalrXUtnFEMI".to_owned());
/// assert_eq!(format!("{secret:?}"), "SecretKey(hidden)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Arc<Zeroizing<String>>);

impl SecretKey {
    /// Takes ownership of the text; no copy of it remains.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// Returns the text itself. The caller is responsible for where it goes.
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

/// An access key with its secret half: what IAM returns once, and what the store keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The key's id, which is not secret.
    pub key: KeyId,
    /// The key's secret half.
    pub secret: SecretKey,
}

impl Credentials {
    /// Returns stand-in credentials of the maximum length, to measure a value before there is a
    /// key. A key id has to fit into a version id (41 characters; AWS's have 20). A secret access
    /// key has 40 characters; this one has 64.
    ///
    /// # Panics
    /// Never: the id is 41 letters.
    #[must_use]
    pub fn longest() -> Self {
        let key = KeyId::parse("A".repeat(41)).expect("41 letters that the type allows");
        Self { key, secret: SecretKey::new("A".repeat(64)) }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, hidden)", self.key)
    }
}

/// Hashes only the id: a secret never enters a hash that could be printed or compared outside.
impl std::hash::Hash for Credentials {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
