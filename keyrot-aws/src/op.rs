//! One request to AWS, as messages and retries see it.

use crate::limiter::Limiter;
use keyrot_core::{CallError, Effect, ErrorKind};
use std::fmt::Display;

/// What may be done about a lost answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing: ask again.
    Read,
    /// It is idempotent: send it again.
    Idempotent,
    /// It must not be sent again.
    Never,
}

/// One request to AWS, as messages and retries see it.
pub(crate) struct Op<'a> {
    /// The IAM action, such as `iam:CreateAccessKey`.
    pub(crate) action: &'static str,
    /// What it is about, such as `user ci`.
    pub(crate) subject: String,
    pub(crate) repeat: Repeat,
    pub(crate) limiter: &'a Limiter,
    /// Secret material that is sent along, and must not come back in a message.
    pub(crate) hidden: Vec<&'a str>,
}

impl<'a> Op<'a> {
    pub(crate) fn read(action: &'static str, subject: impl Display, limiter: &'a Limiter) -> Self {
        Self {
            action,
            subject: subject.to_string(),
            repeat: Repeat::Read,
            limiter,
            hidden: Vec::new(),
        }
    }

    pub(crate) fn write(action: &'static str, subject: impl Display, limiter: &'a Limiter) -> Self {
        Self { repeat: Repeat::Idempotent, ..Self::read(action, subject, limiter) }
    }

    pub(crate) fn once(action: &'static str, subject: impl Display, limiter: &'a Limiter) -> Self {
        Self { repeat: Repeat::Never, ..Self::read(action, subject, limiter) }
    }

    pub(crate) fn hiding(mut self, secret: &'a str) -> Self {
        self.hidden.push(secret);
        self
    }

    /// An answer that AWS never gives.
    pub(crate) fn malformed_response(&self, what: &str) -> CallError {
        let message =
            format!("{} for {}: the answer cannot be used: {what}", self.action, self.subject);
        CallError::new(ErrorKind::Other, self.effect(true), message)
    }

    pub(crate) fn effect(&self, unknown: bool) -> Effect {
        if unknown && self.repeat != Repeat::Read { Effect::Unknown } else { Effect::None }
    }
}
