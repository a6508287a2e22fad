//! What a secret's value looks like, for a [store](crate::ports::SecretStorePort) of your own.
//! `keyrot_aws::value` reads and writes whole values.

/// The value of a secret that has no key yet. No reader can take it for credentials: it has none of
/// their fields.
pub const PLACEHOLDER: &str =
    r#"{"keyrot":"placeholder: this user's first access key has not been published here yet"}"#;
