//! A token from Vault's AWS auth method: keyrot signs a request to STS with its own credentials,
//! and Vault forwards it to STS to identify the signer (Vault documentation, "AWS auth method
//! (API)", "Login").

use super::about::{About, hidden};
use super::kept::Kept;
use super::request::{Ask, for_token};
use crate::connection::Aws;
use crate::signed_requests::sign;
use keyrot_core::{CallError, ErrorKind, SecretKey};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// The endpoint to which Vault forwards the request, unless `sts_endpoint` is set.
const STS: &str = "https://sts.amazonaws.com/";
const REGION: &str = "us-east-1";
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// What to do about a redirect, by which a standby without request forwarding answers (Vault
/// documentation, "High availability mode").
pub(super) const STANDBY: &str = "this node is a standby that does not forward requests; set `url` to the active node, or to a load \
     balancer that finds it";
/// The header that binds the signature to one server, so that another server cannot use it.
const SERVER_ID: &str = "x-vault-aws-iam-server-id";

pub(super) struct Login {
    pub(super) aws: Aws,
    /// The URL of the server, with the namespace.
    pub(super) url: String,
    pub(super) mount: String,
    pub(super) role: String,
    pub(super) server_id: Option<String>,
    pub(super) kept: Kept,
}

#[derive(Deserialize)]
struct Answer {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(deserialize_with = "hidden")]
    client_token: Zeroizing<String>,
    /// In seconds.
    lease_duration: u64,
}

impl Login {
    pub(super) fn source(&self) -> String {
        format!("of the role {} of the auth method {}", self.role, self.mount)
    }

    pub(super) async fn make(
        &self,
        about: &About<'_>,
        end: Instant,
    ) -> Result<(SecretKey, SystemTime), CallError> {
        let Self { role, mount, .. } = self;
        let body = self.body().await.map_err(|why| {
            about.refused(ErrorKind::Other, format!("the login at Vault cannot be signed: {why}"))
        })?;
        let ask = Ask { method: "POST", path: String::new(), body: Some(body) };
        let url = format!("{}/auth/{mount}/login", self.url);
        let headers = std::iter::once(("x-vault-request", "true"));
        let no_answer = ("Vault did not answer to the login", end);
        let reply = for_token((&self.aws, about), &url, &ask, headers, no_answer).await?;
        let refused = |kind, what: &str| {
            let said = format!(
                "Vault answered HTTP {} to the login with the role {role} at {mount}: {what}",
                reply.status
            );
            Err(about.refused(kind, said))
        };
        match reply.status {
            200 => {}
            300..=399 => return refused(ErrorKind::Other, STANDBY),
            // Vault does not say whether the auth method exists.
            400 | 403 => {
                return refused(
                    ErrorKind::Denied,
                    "an AWS auth method has to be mounted there (`auth_mount`), and the role has to be in it, bound to the AWS \
                     identity that keyrot runs with; check bound_iam_principal_arn, and server_id where the server asks for one",
                );
            }
            404 => return refused(ErrorKind::NotFound, "there is no such auth method"),
            412 | 429 | 500.. => return refused(ErrorKind::Unavailable, "expected a token"),
            _ => return refused(ErrorKind::Other, "expected a token"),
        }
        let Some(Answer { auth: Auth { client_token, lease_duration } }) = reply.json() else {
            return refused(ErrorKind::Other, "the answer cannot be read");
        };
        // Use the token for three quarters of its lifetime, so that a call that starts with it can
        // also end with it.
        let until = SystemTime::now() + Duration::from_secs(lease_duration.min(86_400) * 3 / 4);
        Ok((SecretKey::new(client_token.to_string()), until))
    }

    /// Returns the body of the login. It contains no AWS secret, but anyone who has it can log in
    /// for a few minutes.
    async fn body(&self) -> Result<Zeroizing<String>, String> {
        let mut headers = vec![("content-type", FORM)];
        headers.extend(self.server_id.as_deref().map(|id| (SERVER_ID, id)));
        let signature = sign::headers(
            &self.aws.own_credentials()?,
            ("sts", REGION),
            STS,
            &headers,
            BODY.as_bytes(),
        )
        .await?;
        let own = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let all: BTreeMap<String, String> = own.chain(signature).collect();
        let base64 = |text: &str| aws_smithy_types::base64::encode(text);
        let headers = Zeroizing::new(json!(all).to_string());
        Ok(Zeroizing::new(
            json!({
                "role": self.role,
                "iam_http_request_method": "POST",
                "iam_request_url": base64(STS),
                "iam_request_body": base64(BODY),
                "iam_request_headers": base64(&headers),
            })
            .to_string(),
        ))
    }
}
