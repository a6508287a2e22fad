//! The adapters on scripted HTTP: the requests that are sent and retried, and the interpretation of
//! each answer.
#![allow(clippy::unwrap_used, reason = "Clippy knows tests by `cfg(test)` alone")]

mod discovery;
mod endpoints;
mod errors;
mod iam;
mod report;
mod secrecy;
mod secrets;
mod sts;
mod tls;
#[cfg(feature = "trail")]
mod trail;

use crate::environment::Environment;
use crate::http::guarded::Guarded;
use crate::http::trust::Trust;
use crate::{Aws, AwsSettings, CallerCredentials};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use keyrot_core::model::VersionId;
use keyrot_core::{Credentials, KeyId, SecretKey, SecretName, UserName};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What the scripted server does with one request.
#[derive(Debug)]
pub(super) enum Answer {
    /// It answers.
    Http(u16, String),
    /// It accepts the request and breaks the connection.
    Lost,
    /// It accepts the request and never answers.
    Silent,
}

/// The server: answers in order, and keeps the requests.
#[derive(Debug, Clone)]
pub(super) struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) action: String,
    pub(super) body: String,
    pub(super) authorization: String,
    pub(super) host: String,
}

impl Script {
    /// Returns an account that gives these answers.
    pub(super) async fn aws(answers: impl IntoIterator<Item = Answer>) -> (Aws, Self) {
        Self::with(AwsSettings::default(), answers).await
    }

    pub(super) async fn with(
        mut settings: AwsSettings,
        answers: impl IntoIterator<Item = Answer>,
    ) -> (Aws, Self) {
        let script = Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            requests: Arc::default(),
        };
        settings.region.get_or_insert("eu-central-1".into());
        settings.credentials = Some(CallerCredentials {
            key_id: "AKIACALLERCALLERCALL".into(),
            secret: SecretKey::new("caller-secret".into()),
            session_token: None,
        });
        let connector = SharedHttpConnector::new(script.clone());
        let http = http_client_fn(move |_, _| connector.clone());
        let http = Guarded::new(http.clone(), http, &settings.http_endpoints, &Trust::default());
        let environment = Environment::read(&settings).await.unwrap();
        (Aws::connect_through(&settings, &environment, http).await.unwrap(), script)
    }

    /// Returns the actions of all requests; the script has to be used up.
    pub(super) fn actions(&self) -> Vec<String> {
        assert!(
            self.answers.lock().unwrap().is_empty(),
            "not all answers were asked for: {self:?}"
        );
        self.requests().into_iter().map(|r| r.action).collect()
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        let target =
            request.headers().get("x-amz-target").map(|t| t.rsplit('.').next().unwrap().to_owned());
        let action = target.unwrap_or_else(|| {
            body.split('&')
                .find_map(|pair| pair.strip_prefix("Action="))
                .unwrap_or_default()
                .to_owned()
        });
        let authorization = request.headers().get("authorization").unwrap_or_default().to_owned();
        let host = request.uri().split('/').nth(2).unwrap_or_default().to_owned();
        self.requests.lock().unwrap().push(Request { action, body, authorization, host });
        let answer = self.answers.lock().unwrap().pop_front();
        match answer.expect("a request for which there is no answer") {
            Answer::Http(status, body) => {
                let status = StatusCode::try_from(status).unwrap();
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
            }
            Answer::Lost => HttpConnectorFuture::ready(Err(ConnectorError::io(
                "connection reset by peer".into(),
            ))),
            Answer::Silent => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

impl Answer {
    /// Returns the answer without an element of its XML.
    pub(super) fn without(self, element: &str) -> Self {
        let Self::Http(status, body) = self else { return self };
        let (before, rest) = body.split_once(&format!("<{element}>")).unwrap();
        Self::Http(
            status,
            format!("{before}{}", rest.split_once(&format!("</{element}>")).unwrap().1),
        )
    }
}

/// Returns a reply of IAM or STS.
pub(super) fn xml(action: &str, result: &str) -> Answer {
    let body = format!(
        "<{action}Response><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>11111111-2222</RequestId></ResponseMetadata></{action}Response>"
    );
    Answer::Http(200, body)
}

/// Returns an error of IAM or STS.
pub(super) fn xml_error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>11111111-2222</RequestId></ErrorResponse>"
    );
    Answer::Http(status, body)
}

/// Returns a reply of Secrets Manager.
pub(super) fn json(body: &serde_json::Value) -> Answer {
    Answer::Http(200, body.to_string())
}

/// Returns an error of Secrets Manager.
pub(super) fn json_error(code: &str, message: &str) -> Answer {
    Answer::Http(400, serde_json::json!({ "__type": code, "message": message }).to_string())
}

pub(super) fn throttle() -> Answer {
    xml_error(400, "Throttling", "Rate exceeded")
}

pub(super) fn user() -> UserName {
    UserName::parse("ci").unwrap()
}

pub(super) fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

pub(super) fn key(letter: char) -> KeyId {
    KeyId::parse(format!("AKIA{}", letter.to_string().repeat(16))).unwrap()
}

/// The secret that must not be shown anywhere.
pub(super) const HIDDEN: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00";

pub(super) fn credentials() -> Credentials {
    Credentials { key: key('B'), secret: SecretKey::new(HIDDEN.into()) }
}

pub(super) fn version(letter: char) -> VersionId {
    VersionId::for_key(
        &key(letter),
        chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        false,
    )
    .unwrap()
}
