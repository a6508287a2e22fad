//! A session with MFA, for accounts that let users change their own keys only with it.

use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use crate::settings::CallerCredentials;
use keyrot_core::{CallError, SecretKey};

/// The shortest lifetime that STS allows (STS API reference, `GetSessionToken`, parameter
/// `DurationSeconds`).
const SECONDS: i32 = 900;

impl Aws {
    /// Returns temporary credentials with MFA for a quarter of an hour: `sts:GetSessionToken`,
    /// which needs no permission. Only an IAM user's own key may call it.
    ///
    /// `serial` is the device's ARN or serial number, `code` its current code. A code is valid for
    /// one call, so the call is never repeated.
    ///
    /// # Errors
    /// [`CallError`]; `Denied` if the code is wrong or used up.
    pub async fn mfa_session(
        &self,
        serial: &str,
        code: &str,
    ) -> Result<CallerCredentials, CallError> {
        let op =
            Op::once("sts:GetSessionToken", format!("MFA device {serial}"), &self.inner.limits.sts);
        let op = op.hiding(code);
        let call = self
            .inner
            .sts
            .get_session_token()
            .serial_number(serial)
            .token_code(code)
            .duration_seconds(SECONDS);
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        let Some(made) = answer.credentials else {
            return Err(op.malformed_response("it holds no credentials"));
        };
        Ok(CallerCredentials {
            key_id: made.access_key_id,
            secret: SecretKey::new(made.secret_access_key),
            session_token: Some(SecretKey::new(made.session_token)),
        })
    }
}
