//! The context of a destination's errors: the destination and the place.

use crate::connection::Aws;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use keyrot_core::engine::{NotifierError, NotifierErrorKind};
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Mark};
use keyrot_core::ports::Destination;
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::{Deserialize, Deserializer};
use std::fmt::Display;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// The time limit for one port call, including retries.
pub(super) const WITHIN: Duration = Duration::from_secs(30);

/// A destination and a place in it, for error messages.
pub(super) struct About<'a> {
    pub(super) name: &'a DestinationName,
    /// The words before the place in a message, such as `the parameter`.
    pub(super) what: &'a str,
    pub(super) place: &'a str,
}

impl About<'_> {
    /// Returns an error of a call that changed nothing.
    pub(super) fn refused(&self, kind: ErrorKind, said: impl Display) -> CallError {
        self.error(kind, Effect::None, said)
    }

    pub(super) fn error(&self, kind: ErrorKind, effect: Effect, said: impl Display) -> CallError {
        let Self { name, what, place } = self;
        CallError::new(kind, effect, format!("destination {name}, {what} {place}: {said}"))
    }

    /// Returns a conflict: the content is not the expected one, and nothing was written.
    pub(super) fn conflict(&self, found: Option<&Mark>, expected: Option<&Mark>) -> CallError {
        let shown = |mark: Option<&Mark>| mark.map_or("nothing", Mark::as_str).to_owned();
        self.refused(
            ErrorKind::Conflict,
            format!(
                "it was changed by something other than keyrot: found {}, expected {}; nothing was written",
                shown(found),
                shown(expected)
            ),
        )
    }

    /// Returns the error for a write that happened at the same time as another write.
    pub(super) fn overtaken(&self, how: impl Display) -> CallError {
        self.error(
            ErrorKind::Conflict,
            Effect::Unknown,
            format!("something other than keyrot wrote to it at the same time: {how}"),
        )
    }

    /// Returns the mark for a version that the service returned.
    pub(super) fn mark(&self, text: impl Into<String>) -> Result<Mark, CallError> {
        Mark::parse(text).map_err(|_| {
            self.refused(ErrorKind::Other, "the answer names no version that can be used")
        })
    }
}

/// Returns the error, with the effect changed to "something may have been written".
pub(super) fn after_a_write(error: CallError) -> CallError {
    CallError::new(error.kind, Effect::Unknown, error.message.clone())
        .with_aws_code(error.aws_code().map(str::to_owned))
        .with_source(error)
}

/// Returns AWS's time, according to its last response.
pub(super) fn now(aws: &Aws) -> DateTime<Utc> {
    aws.inner.time.now().unwrap_or_else(|| SystemTime::now().into())
}

/// Deserializes text that may be secret.
pub(super) fn hidden<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// Deserializes text that may be secret, or may be missing.
pub(super) fn hidden_if_any<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Zeroizing<String>>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Zeroizing::new))
}

/// A destination of a kind that this crate does not know.
pub(super) struct Unknown(pub(super) DestinationName);

impl Unknown {
    fn error(&self, place: &str) -> CallError {
        let about = About { name: &self.0, what: "the place", place };
        about.refused(ErrorKind::Other, "this version of keyrot-aws does not know its kind")
    }
}

#[async_trait]
impl Destination for Unknown {
    fn abilities(&self) -> Abilities {
        Abilities::WRITE_ONLY
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        Err(self.error(place))
    }

    async fn deliver(&self, place: &str, _delivery: &Delivery) -> Result<Found, CallError> {
        Err(self.error(place))
    }
}

/// Returns the error for a stored token that could not be read.
pub(super) fn not_read(about: &About<'_>, error: &NotifierError) -> CallError {
    let kind = match error.kind {
        NotifierErrorKind::Unavailable | NotifierErrorKind::TimedOut => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    };
    about.refused(kind, format!("its token cannot be read: {error}"))
}
