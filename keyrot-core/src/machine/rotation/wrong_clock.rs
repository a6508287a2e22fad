//! The behavior of a machine whose clock is wrong.

use super::Rotation;
use crate::machine::call::Call;
use crate::machine::event::Failure;
use crate::machine::outcome::{Outcome, Stop};
use crate::machine::rotation::task::Task;
use crate::model::clock::WrongClock;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::KeyId;
use crate::model::request::Request;
use crate::model::time::Timestamp;

impl Rotation {
    /// Records that the clock behind [`next`](Self::next) and [`answer`](Self::answer) is wrong.
    /// The run ends at the next possible point, as a failure that says so: a key that was created
    /// and not staged yet is staged or deleted first. A key that an operator revoked without a
    /// successor is still deactivated, because that does not depend on time.
    pub fn distrust(&mut self, clock: WrongClock) {
        self.wrong_clock = Some(clock);
    }

    /// Whether the clock forbids the call; without a call, whether it ends the run.
    pub(super) fn distrusts(&self, call: Option<&Call>) -> bool {
        let allowed = match (self.deactivates_anyway(), call) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(key), Some(Call::Deactivate(id))) => id == key,
            (Some(_), Some(call)) => call.only_reads(),
        };
        self.wrong_clock.is_some() && !allowed
    }

    /// Returns the key that is deactivated in any case.
    fn deactivates_anyway(&self) -> Option<&KeyId> {
        match &self.task {
            Task::Request(Request::Revoke(order))
                if order.without_successor && !order.only_if_unused =>
            {
                Some(&order.key)
            }
            _ => None,
        }
    }

    pub(super) fn end_by_clock(&mut self, now: Timestamp) {
        self.end(now, self.too_late());
    }

    /// Returns the outcome of a run whose time is over or unknown.
    pub(super) fn too_late(&self) -> Outcome {
        let Some(wrong) = self.wrong_clock else { return Outcome::Stopped(Stop::TookTooLong) };
        let message = format!("{wrong}; nothing more was changed. Set the clock, then run again");
        let error = CallError::refused(ErrorKind::Other, message);
        Outcome::Failed(Failure { doing: "go by this machine's time".into(), error })
    }
}
