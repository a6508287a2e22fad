//! The placeholder value, for your own [store](crate::ports::SecretStorePort). `keyrot_aws::value`
//! reads and writes whole values.

/// The value of a secret that has no key yet. No reader can mistake it for credentials, because it
/// has none of their fields.
pub const PLACEHOLDER: &str =
    r#"{"keyrot":"placeholder: this user's first access key has not been published here yet"}"#;
