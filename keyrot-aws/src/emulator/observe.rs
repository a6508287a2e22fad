use keyrot_core::UserArn;
use keyrot_core::memory::World;

/// A change to the account, for [`Emulator::observe`](super::Emulator::observe).
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Who made the change.
    pub by: &'a By,
    /// The call's action, such as `CreateAccessKey`; `None` for a change by the test itself.
    pub action: Option<&'static str>,
    /// The account right before, at the time of the call.
    pub before: &'a World,
    /// The account right after. It is the same if the call only read, or was refused.
    pub after: &'a World,
}

/// The author of a change to the account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum By {
    /// A caller with the administrator's key, usually the client under test.
    Admin,
    /// A caller with a key of this user: a consumer, or a client that verifies a key.
    User(UserArn),
    /// The test itself, with [`Emulator::change`](super::Emulator::change).
    Test,
}

/// An observer.
pub(super) type Observer = Box<dyn FnMut(&Change<'_>) + Send>;
