//! The signature of a webhook, by the Standard Webhooks specification: receivers can verify it with
//! an existing library, or in ten lines.
//!
//! HMAC-SHA256 over `ID.TIMESTAMP.BODY`, in base64, with `v1,` before it. The id names the message
//! and is the same for each attempt, so that a receiver processes it once. The timestamp, in
//! seconds since 1970, is the attempt's, so that a receiver refuses an old one.

use hmac::{Hmac, KeyInit, Mac};
use keyrot_core::SecretKey;
use sha2::Sha256;
use zeroize::Zeroizing;

pub(super) const ID: &str = "webhook-id";
pub(super) const TIMESTAMP: &str = "webhook-timestamp";
pub(super) const SIGNATURE: &str = "webhook-signature";

/// The prefix of a key that is written in base64.
const IN_BASE64: &str = "whsec_";
/// The specification requires 24 to 64 bytes.
const SHORTEST: usize = 24;

/// Returns the key's bytes: the base64 after `whsec_`, or else the text itself.
pub(super) fn key(text: &SecretKey) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes = match text.expose().strip_prefix(IN_BASE64) {
        Some(base64) => aws_smithy_types::base64::decode(base64)
            .map_err(|_| format!("what comes after {IN_BASE64} is not base64"))?,
        None => text.expose().as_bytes().to_vec(),
    };
    let bytes = Zeroizing::new(bytes);
    if bytes.len() < SHORTEST {
        return Err(format!(
            "the key is too short: expected at least {SHORTEST} bytes, such as {IN_BASE64} and what `openssl rand -base64 32` prints"
        ));
    }
    Ok(bytes)
}

/// Returns the value of the signature's header.
pub(super) fn sign(key: &[u8], id: &str, timestamp: u64, body: &str) -> String {
    // HMAC accepts a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    format!("v1,{}", aws_smithy_types::base64::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's own test suites; the value was checked
    /// with Python's `hmac` too.
    #[test]
    fn the_specifications_example_has_its_signature() {
        let key =
            key(&SecretKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned())).unwrap();
        let signature =
            sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_may_be_plain_text_and_must_be_long_enough() {
        let key = |text: &str| key(&SecretKey::new(text.to_owned()));
        assert_eq!(key("0123456789abcdef0123456789").unwrap().len(), 26);
        assert!(key("hunter2").unwrap_err().contains("too short"));
        assert!(key("whsec_%%%").unwrap_err().contains("not base64"));
        assert!(!key("hunter2").unwrap_err().contains("hunter2"));
    }
}
