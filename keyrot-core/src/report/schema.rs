//! The names of the documents, each with its version. The number goes up when a member is removed,
//! renamed, or changes its meaning.

/// The document of `keyrot plan`, and of a dry run.
pub const PLAN: &str = "keyrot.plan/2";
/// The document of a run that changes something.
pub const ROTATE: &str = "keyrot.rotate/2";
/// The document of `keyrot status`.
pub const STATUS: &str = "keyrot.status/2";
/// The document of a step of Secrets Manager's own rotation.
pub const ORDER: &str = "keyrot.order/2";
/// The document of a rollback.
pub const ROLLBACK: &str = "keyrot.rollback/2";
/// The document of a revocation.
pub const REVOKE: &str = "keyrot.revoke/2";
/// The document of a resolution.
pub const RESOLVE: &str = "keyrot.resolve/2";
/// The document of a delivery.
pub const DELIVER: &str = "keyrot.deliver/1";
/// The document of an audit.
pub const AUDIT: &str = "keyrot.audit/1";
/// The document of an enrollment.
pub const ENROLL: &str = "keyrot.enroll/1";
/// The document of a release.
pub const RELEASE: &str = "keyrot.release/1";
/// The document of a move of users' homes.
pub const MOVE: &str = "keyrot.move/1";
