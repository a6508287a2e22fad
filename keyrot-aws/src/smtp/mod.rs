//! The SMTP passwords of SES: each is derived from a secret key and a region, and stops working
//! with the key.

#[cfg(feature = "destinations")]
pub(crate) mod login;

use keyrot_core::SecretKey;
use zeroize::Zeroizing;

/// The regions whose passwords are recognized in a secret, whether or not SES has an SMTP endpoint
/// there yet (AWS General Reference, "Amazon Simple Email Service endpoints and quotas").
const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// The length of each password: 33 bytes in Base64.
const LENGTH: usize = 44;

/// Derives the password of a region (SES developer guide, "Obtaining Amazon SES SMTP credentials by
/// converting existing AWS credentials"). The user name is the key's id.
pub(crate) fn password(secret: &SecretKey, region: &str) -> Zeroizing<String> {
    let mut start = Zeroizing::new(String::with_capacity(secret.expose().len() + 4));
    start.push_str("AWS4");
    start.push_str(secret.expose());
    let mut key = Zeroizing::new(mac(start.as_bytes(), "11111111"));
    for part in [region, "ses", "aws4_request", "SendRawEmail"] {
        *key = mac(key.as_slice(), part);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(key.len() + 1));
    bytes.push(4);
    bytes.extend_from_slice(key.as_slice());
    Zeroizing::new(aws_smithy_types::base64::encode(&bytes))
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Returns the region whose password this text is, under that secret key.
pub(crate) fn region_of<'r>(
    secret: &SecretKey,
    text: &str,
    further: &'r [String],
) -> Option<&'r str> {
    if text.len() != LENGTH {
        return None;
    }
    let further = further.iter().map(String::as_str);
    REGIONS.into_iter().chain(further).find(|region| *password(secret, region) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretKey {
        SecretKey::new(text.to_owned())
    }

    /// The documentation's own program calculated these values.
    #[test]
    fn a_password_is_what_the_documentation_calculates() {
        for (text, region, expected) in [
            ("some+secret+key", "eu-central-1", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
            ("another+secret+key", "eu-central-1", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
            ("some+secret+key", "us-west-1", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
            (
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "eu-west-1",
                "BMW5RDrXmmVs0lV7GpI4oLkHXpZ4stDsk6q91z1g38Pk",
            ),
        ] {
            assert_eq!(*password(&secret(text), region), expected);
        }
    }

    #[test]
    fn a_password_is_recognized_under_its_own_key_only() {
        let text = password(&secret("a"), "eu-west-1");
        assert_eq!(text.len(), LENGTH);
        assert_eq!(region_of(&secret("a"), &text, &[]), Some("eu-west-1"));
        assert_eq!(region_of(&secret("b"), &text, &[]), None);
        let new = password(&secret("a"), "xy-new-1");
        assert_eq!(region_of(&secret("a"), &new, &[]), None);
        assert_eq!(region_of(&secret("a"), &new, &["xy-new-1".to_owned()]), Some("xy-new-1"));
    }
}
