//! The role that keyrot assumes for a destination in another account.

use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use crate::credentials::no_credentials::NoCredentials;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use keyrot_core::settings::WriterRole;
use std::fmt;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// The session name, which CloudTrail shows.
const SESSION: &str = "keyrot";
/// A session is replaced this long before it ends.
const BEFORE_ITS_END: Duration = Duration::from_secs(300);

/// Returns the credentials of the role's sessions. The role is assumed at the first call.
pub(super) fn credentials(aws: &Aws, role: &WriterRole) -> SharedCredentialsProvider {
    let (aws, role) = (aws.clone(), role.clone());
    SharedCredentialsProvider::new(Assumed { aws, role, session: Mutex::default() })
}

struct Assumed {
    aws: Aws,
    role: WriterRole,
    session: Mutex<Option<Credentials>>,
}

/// Omits the session.
impl fmt::Debug for Assumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assumed").field("role", &self.role.arn).finish_non_exhaustive()
    }
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let mut session = self.session.lock().await;
            let lasts = |session: &&Credentials| {
                session.expiry().is_none_or(|end| SystemTime::now() + BEFORE_ITS_END < end)
            };
            if let Some(session) = session.as_ref().filter(lasts) {
                return Ok(session.clone());
            }
            let made = self.assume().await?;
            *session = Some(made.clone());
            Ok(made)
        })
    }
}

impl Assumed {
    async fn assume(&self) -> Result<Credentials, CredentialsError> {
        let Self { aws, role: WriterRole { arn, external_id }, .. } = self;
        let op = Op::read("sts:AssumeRole", format!("the role {arn}"), &aws.inner.limits.sts);
        let call = aws.inner.sts.assume_role().role_arn(arn).role_session_name(SESSION);
        let call = call.set_external_id(external_id.clone());
        let answer = send(&op, &aws.budget(), || call.clone().send()).await.map_err(|failure| {
            let error = keyrot_core::CallError::from(failure);
            let said = error.message.clone();
            let advice = "Check the role's trust policy (and its external id), and whether keyrot may call sts:AssumeRole on it";
            no_session(&said, advice, CredentialsError::provider_error(error))
        })?;
        let Some(session) = answer.credentials else {
            let said = format!("sts:AssumeRole for the role {arn} gave no credentials");
            return Err(no_session(&said, "Try again", CredentialsError::not_loaded(said.clone())));
        };
        let end = SystemTime::try_from(session.expiration).ok();
        let (id, secret, token) =
            (session.access_key_id, session.secret_access_key, session.session_token);
        Ok(Credentials::new(id, secret, Some(token), end, "a destination's role"))
    }
}

fn no_session(said: &str, advice: &str, cause: CredentialsError) -> CredentialsError {
    let (why, advice) = (said.to_owned(), advice.to_owned());
    CredentialsError::provider_error(NoCredentials { why, advice, cause })
}
