//! The verification of credentials: a client with exactly these credentials, and the same endpoint
//! and connections as the other clients.

use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use async_trait::async_trait;
use aws_credential_types::Credentials as SdkCredentials;
use keyrot_core::model::ProbeAnswer;
use keyrot_core::{CallError, CredentialProbe, Credentials, UserArn};

#[async_trait]
impl CredentialProbe for Aws {
    async fn probe(&self, credentials: &Credentials) -> Result<ProbeAnswer, CallError> {
        let secret = credentials.secret.expose();
        let op = Op::read(
            "sts:GetCallerIdentity",
            format!("key {}", credentials.key),
            &self.inner.limits.sts,
        );
        let op = op.hiding(secret);
        let tried =
            SdkCredentials::new(credentials.key.as_str(), secret, None, None, "under verification");
        let client = aws_sdk_sts::Client::from_conf(
            self.inner.probe.clone().credentials_provider(tried).build(),
        );
        match send(&op, &self.budget(), || client.get_caller_identity().send()).await {
            Ok(answer) => match answer.arn {
                Some(arn) => Ok(UserArn::parse(arn.clone())
                    .map_or_else(|_| ProbeAnswer::SomebodyElse(arn), ProbeAnswer::Authenticated)),
                None => Err(op.malformed_response("it names no ARN")),
            },
            // Only these two codes refuse credentials (STS API reference, "Common errors"). Any
            // other answer says nothing about them: it is an error, never a refusal.
            Err(failure) if failure.is(&["InvalidClientTokenId"]) => Ok(ProbeAnswer::Refused),
            // With a wrong clock, every signature is refused, which says nothing about the secret.
            Err(failure) if failure.is(&["SignatureDoesNotMatch"]) && !failure.by_clock => {
                Ok(ProbeAnswer::WrongSecret)
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
