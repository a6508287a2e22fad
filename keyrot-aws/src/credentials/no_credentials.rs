//! Explains missing credentials: one sentence from keyrot, and what to do.

use crate::error_text::{find, links};
use crate::http::unreached::Unreached;
use aws_credential_types::provider::error::CredentialsError;
use std::error::Error;

/// The sentence, with the SDK's error as its source.
#[derive(Debug, thiserror::Error)]
#[error("no AWS credentials: {why}")]
pub(crate) struct NoCredentials {
    pub(crate) why: String,
    /// What to do.
    pub(crate) advice: String,
    #[source]
    pub(crate) cause: CredentialsError,
}

/// Returns the explanation of a credentials error: the sentence, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) said: String,
    pub(crate) advice: String,
}

/// Returns the default advice.
pub(crate) const ADVICE: &str = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; run `aws sso login` if the profile uses \
                                 IAM Identity Center; or give the machine a role";
const LATE: &str = "Check whether the source of the credentials can be reached: IAM Identity Center, a credential_process, or the metadata of \
                    a container or instance";

/// Returns `None` if the error is not about credentials.
pub(crate) fn explain(error: &(dyn Error + 'static)) -> Option<Explanation> {
    if let Some(no) = find::<NoCredentials>(error) {
        return Some(Explanation { said: no.to_string(), advice: no.advice.clone() });
    }
    let explanation = |why: &str, advice: &str| {
        let said = format!("no AWS credentials: {why}");
        Some(Explanation { said, advice: advice.to_owned() })
    };
    if find::<CredentialsError>(error).is_none() {
        // The SDK's credentials cache has its own time limit.
        let late = links(error).iter().any(|text| text.contains("identity resolver timed out"));
        return late.then(|| explanation("their source did not answer in time", LATE)).flatten();
    }
    match find::<Unreached>(error).filter(|unreached| !unreached.near) {
        Some(unreached) => explanation(&unreached.said, &unreached.advice),
        None => explanation("their source gave none", ADVICE),
    }
}
