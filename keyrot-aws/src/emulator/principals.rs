//! The callers that are not keyrot's own users.

/// The managed policy that allows a user every call, by its name.
pub const ADMINISTRATOR: &str = "AdministratorAccess";

/// The managed policy that allows a user every call in a session with MFA, by its name.
pub const ADMINISTRATOR_WITH_MFA: &str = "AdministratorAccessWithMfa";

/// The code of every MFA device.
pub const MFA_CODE: &str = "246810";
