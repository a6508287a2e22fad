//! What is left of the SDK's errors: texts, scrubbed, that a program may log as it likes.

/// What AWS, or the way to it, answered to a call that failed: the
/// [`source`](std::error::Error::source) of this crate's [`CallError`](keyrot_core::CallError)s.
///
/// It is not the SDK's own error: that one's `Debug` shows requests and answers, secrets included.
/// Here are only texts, each scrubbed of what was sent in secret and of whatever looks like a
/// secret access key; what caused it, such as a refused connection, follows as its own source.
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

/// One link of what the SDK named as the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Link {
    text: String,
    #[source]
    source: Option<Box<Link>>,
}

impl AwsError {
    /// The code that AWS gave the error, such as `NoSuchEntity`; `None` if no answer of AWS's had
    /// one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// AWS's id of the last attempt, for CloudTrail and AWS Support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// How often the call was sent, or was to be.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl Link {
    /// These texts, each the source of the one before.
    pub(crate) fn chain(texts: impl DoubleEndedIterator<Item = String>) -> Option<Box<Self>> {
        texts.rev().fold(None, |source, text| Some(Box::new(Self { text, source })))
    }
}
