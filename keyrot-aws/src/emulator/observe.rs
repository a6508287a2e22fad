use keyrot_core::UserArn;
use keyrot_core::memory::World;

/// Something that was done to the account, as [`Emulator::observe`](super::Emulator::observe) shows
/// it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Who did it.
    pub by: &'a By,
    /// The call's action, such as `CreateAccessKey`; `None` for what the test did itself.
    pub action: Option<&'static str>,
    /// The account right before, at the time of the call.
    pub before: &'a World,
    /// The account right after. It is the same if the call only looked, or was refused.
    pub after: &'a World,
}

/// Who did something to the account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum By {
    /// Who called with the administrator's key: the client under test, as a rule.
    Admin,
    /// Who called with a key of this user: a consumer, or a client that tries a key.
    User(UserArn),
    /// The test itself, with [`Emulator::change`](super::Emulator::change).
    Test,
}

/// Whoever looks on.
pub(super) type Observer = Box<dyn FnMut(&Change<'_>) + Send>;
