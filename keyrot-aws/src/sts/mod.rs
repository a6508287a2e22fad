//! STS: the verification of credentials, and a session with MFA.

mod mfa;
mod probe;
