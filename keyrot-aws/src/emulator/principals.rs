//! Who may call, beyond keyrot's own users.

/// The managed policy by whose name a user may make every call.
pub const ADMINISTRATOR: &str = "AdministratorAccess";

/// The managed policy by whose name a user may make every call that it makes in a session with MFA.
pub const ADMINISTRATOR_WITH_MFA: &str = "AdministratorAccessWithMfa";

/// What every MFA device shows, whatever its serial number.
pub const MFA_CODE: &str = "246810";
