//! Parsers for the values of flags and arguments.

use keyrot_core::KeyId;
use keyrot_core::trail::is_region;
use std::time::Duration;

/// The period of CloudTrail's event history (CloudTrail user guide, "Working with CloudTrail event
/// history").
const HISTORY: Duration = Duration::from_secs(90 * 86_400);

/// Parses a duration such as `8d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a number and a unit, for example 8d, 12h or 30m".to_owned())
}

/// Parses how far to look back in CloudTrail.
pub(crate) fn lookback(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time > HISTORY => {
            Err("CloudTrail's event history goes back 90 days; expected at most 90d".to_owned())
        }
        Ok(time) if time.is_zero() => Err("expected for example 7d or 12h".to_owned()),
        Ok(time) => Ok(time),
        Err(_) => Err("expected a number and a unit, for example 7d or 12h".to_owned()),
    }
}

/// Parses a region's name.
pub(crate) fn region(text: &str) -> Result<String, String> {
    is_region(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "expected a region such as eu-central-1".to_owned())
}

/// Parses `KEY=VALUE`.
pub(crate) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, for example RotateKey=True".to_owned()),
    }
}

/// Parses the code of an MFA device.
#[cfg(feature = "aws")]
pub(crate) fn mfa_code(text: &str) -> Result<String, String> {
    let fits = text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "expected the six digits that the device shows".to_owned())
}

/// Parses an access key's id as IAM creates them: twenty capital letters and digits (IAM user
/// guide, "IAM identifiers", unique ids). `None` if it is a user's name.
pub(crate) fn as_key(text: &str) -> Option<KeyId> {
    let is_id = text.len() == 20
        && ["AKIA", "ASIA"].iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    is_id.then(|| KeyId::parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_distinguished_from_a_user_name() {
        assert!(as_key("AKIAIOSFODNN7EXAMPLE").is_some());
        for name in [
            "ci-deployer",
            "AKIA",
            "akiaiosfodnn7example",
            "AKIAIOSFODNN7EXAMPLE1",
            "AKIAIOSFODNN7-XAMPLE",
        ] {
            assert_eq!(as_key(name), None, "{name}");
        }
    }

    #[test]
    fn times_and_regions_are_parsed_or_refused() {
        assert!(lookback("91d").is_err() && lookback("0s").is_err() && lookback("soon").is_err());
        assert!(lookback("90d").is_ok());
        assert!(region("eu-central-1").is_ok() && region("us-gov-west-1").is_ok());
        assert!(
            region("Frankfurt").is_err() && region("eu central").is_err() && region("").is_err()
        );
    }
}
