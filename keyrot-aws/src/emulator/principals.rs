//! The callers, besides keyrot's own users.

/// The managed policy by whose name a user may make every call.
pub const ADMINISTRATOR: &str = "AdministratorAccess";

/// The managed policy by whose name a user may make every call that it makes in a session with MFA.
pub const ADMINISTRATOR_WITH_MFA: &str = "AdministratorAccessWithMfa";

/// The code of every MFA device.
pub const MFA_CODE: &str = "246810";
