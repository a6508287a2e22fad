//! Identifies a value, and does not reveal it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns an HMAC of these parts with the secret half of a key as its key. So the secret half
/// cannot be derived from it, just as it cannot be derived from the signature of an AWS request.
pub(super) fn digest(secret: &str, parts: &[&str]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        // HMAC takes keys of any length.
        return [0; 32];
    };
    for part in ["keyrot destination"].iter().chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}
