//! The SDK's errors, reduced to scrubbed texts that a program may log.

/// The cause of a failed call, as the [`source`](std::error::Error::source) of this crate's
/// [`CallError`](keyrot_core::CallError)s.
///
/// It is not the SDK's own error, whose `Debug` shows requests and answers, including secrets. It
/// has only texts, each scrubbed of secrets that were sent and of anything that looks like a secret
/// access key. A deeper cause, such as a refused connection, follows as its own source.
///
/// ```
/// # fn shown(error: &keyrot_core::CallError) {
/// use std::error::Error;
/// if let Some(aws) = error.source().and_then(|source| source.downcast_ref::<keyrot_aws::AwsError>()) {
///     println!("code {:?}, request {:?}, {} attempts", aws.code(), aws.request_id(), aws.attempts());
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default())]
pub struct AwsError {
    pub(crate) code: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) message: String,
    #[source]
    pub(crate) source: Option<Box<Link>>,
}

/// One link in the SDK's chain of causes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Link {
    text: String,
    #[source]
    source: Option<Box<Link>>,
}

impl AwsError {
    /// Returns AWS's error code, such as `NoSuchEntity`; `None` if no answer from AWS had one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns AWS's request id of the last attempt, for CloudTrail and AWS Support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns the number of attempts.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl Link {
    /// Returns a chain of these texts, each the source of the previous one.
    pub(crate) fn chain(texts: impl DoubleEndedIterator<Item = String>) -> Option<Box<Self>> {
        texts.rev().fold(None, |source, text| Some(Box::new(Self { text, source })))
    }
}
