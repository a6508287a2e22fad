//! The description of one request to AWS, for messages and retries.

use crate::limiter::Limiter;
use keyrot_core::{CallError, Effect, ErrorKind};
use std::fmt::Display;

/// What may be done after a lost answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The request changes nothing: send it again.
    Read,
    /// The request is idempotent: send it again.
    Idempotent,
    /// The request must not be sent again.
    Never,
}

/// The description of one request to AWS, for messages and retries.
pub(crate) struct Op<'a> {
    /// The IAM action, such as `iam:CreateAccessKey`.
    pub(crate) action: &'static str,
    /// The subject, such as `user ci`.
    pub(crate) subject: String,
    pub(crate) repeat: Repeat,
    pub(crate) limiter: &'a Limiter,
    /// Secret material in the request, which must not appear in a message.
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

    /// Returns the error for an answer that AWS never gives.
    pub(crate) fn malformed_response(&self, what: &str) -> CallError {
        let message =
            format!("{} for {}: the answer cannot be used: {what}", self.action, self.subject);
        CallError::new(ErrorKind::Other, self.effect(true), message)
    }

    pub(crate) fn effect(&self, unknown: bool) -> Effect {
        if unknown && self.repeat != Repeat::Read { Effect::Unknown } else { Effect::None }
    }
}
