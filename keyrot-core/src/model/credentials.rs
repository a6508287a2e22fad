//! Secret material: held in memory only, wiped when dropped, and never shown.

use crate::model::names::KeyId;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The secret half of an access key.
///
/// `Debug` prints a placeholder, there is no `Display`, it cannot be serialized. Clones share one
/// copy, whose memory is wiped with the last of them. To use it, call [`SecretKey::expose`], which
/// is easy to search for.
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

impl Credentials {
    /// A stand-in that is as long as a key can get, to measure what will be written before there is
    /// a key. A key id has to fit into a version id (41 characters; AWS hands out 20). A secret
    /// access key has 40 characters; room is left for 64.
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

/// By the id alone: a secret never feeds a hash that could be printed or compared outside.
impl std::hash::Hash for Credentials {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}
