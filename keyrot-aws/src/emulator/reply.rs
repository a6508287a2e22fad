//! Answers on the wire: XML for IAM and STS, JSON for Secrets Manager and CloudTrail.

use crate::emulator::service::Service;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use keyrot_core::Timestamp;
use keyrot_core::memory::Refusal;
use std::borrow::Cow;
use std::fmt::Write;

/// The code of a missing permission, before the service gives it its own form.
pub(super) const DENIED: &str = "AccessDenied";
pub(super) const THROTTLED: &str = "Throttling";
pub(super) const UNKNOWN_KEY: &str = "InvalidClientTokenId";
pub(super) const BAD_SIGNATURE: &str = "SignatureDoesNotMatch";
pub(super) const NO_SIGNATURE: &str = "MissingAuthenticationToken";

/// An error answer.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: Cow<'static, str>,
    message: String,
    status: Option<u16>,
}

impl Refused {
    pub(super) fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: None }
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(super) fn denied(caller: &str, service: Service, action: &str) -> Self {
        let (message, what) = (
            format!("User: {caller} is not authorized to perform: "),
            format!("{}:{action}", service.prefix()),
        );
        let why = format!(" because no identity-based policy allows the {what} action");
        Self::new(DENIED, message + &what + &why)
    }

    pub(super) fn denied_by_scp(caller: &str, request: &super::deny::AccessRequest) -> Self {
        let super::deny::AccessRequest { action, resource, .. } = request;
        let why = "with an explicit deny in a service control policy";
        Self::new(
            DENIED,
            format!(
                "User: {caller} is not authorized to perform: {action} on resource: {resource} {why}"
            ),
        )
    }

    /// Returns the code in the service's own form.
    pub(super) fn code_of(&self, service: Service) -> &str {
        match (&*self.code, service) {
            (DENIED, json) if json.is_json() => "AccessDeniedException",
            (THROTTLED, json) if json.is_json() => "ThrottlingException",
            (UNKNOWN_KEY, json) if json.is_json() => "UnrecognizedClientException",
            (BAD_SIGNATURE, json) if json.is_json() => "InvalidSignatureException",
            (NO_SIGNATURE, json) if json.is_json() => "MissingAuthenticationTokenException",
            (code, _) => code,
        }
    }

    fn status_of(&self, service: Service) -> u16 {
        match (self.status, service, &*self.code) {
            // A missing permission has the same status, whatever the cause.
            (Some(status), ..) if self.code != DENIED => status,
            (_, json, _) if json.is_json() => 400,
            (_, _, "NoSuchEntity" | "ReportInProgress") => 404,
            (_, _, "ReportNotPresent" | "ReportExpired") => 410,
            (_, _, "EntityAlreadyExists" | "LimitExceeded") => 409,
            (_, _, DENIED | UNKNOWN_KEY | BAD_SIGNATURE | NO_SIGNATURE) => 403,
            _ => 400,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code, refusal.message)
    }
}

/// The answer of a call that was carried out.
pub(super) enum Output {
    /// An answer without output.
    Empty,
    /// The content of the result's element.
    Xml(Xml),
    Json(serde_json::Value),
}

pub(super) fn render(
    service: Service,
    action: &str,
    number: u64,
    now: Timestamp,
    result: Result<Output, Refused>,
) -> Response<Full<Bytes>> {
    let request_id = format!("e0000000-0000-4000-8000-{number:012x}");
    let (status, body) = match (result, service) {
        (Ok(output), json) if json.is_json() => (200, json_body(output)),
        (Ok(output), _) => (200, xml_body(service, action, output, &request_id)),
        (Err(refused), json) if json.is_json() => {
            let (status, code) = (refused.status_of(service), refused.code_of(service));
            (status, serde_json::json!({ "__type": code, "Message": refused.message }).to_string())
        }
        (Err(refused), _) => {
            (refused.status_of(service), xml_error(service, &refused, &request_id))
        }
    };
    let kind = if service.is_json() { "application/x-amz-json-1.1" } else { "text/xml" };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static(kind));
    // The account's time, and not the machine's.
    if let Ok(date) = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string().parse() {
        headers.insert("date", date);
    }
    if let Ok(id) = request_id.parse() {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn json_body(output: Output) -> String {
    match output {
        Output::Json(value) => value.to_string(),
        // Secrets Manager's actions without output return an empty body.
        Output::Empty | Output::Xml(_) => String::new(),
    }
}

fn xml_body(service: Service, action: &str, output: Output, request_id: &str) -> String {
    let mut body = Xml::default();
    let _ = write!(body.0, "<{action}Response xmlns=\"{}\">", namespace(service));
    if let Output::Xml(result) = output {
        body.element(&format!("{action}Result"), |x| x.0.push_str(&result.0));
    }
    body.element("ResponseMetadata", |x| x.text("RequestId", request_id));
    let _ = write!(body.0, "</{action}Response>");
    body.0
}

fn xml_error(service: Service, refused: &Refused, request_id: &str) -> String {
    let mut body = Xml::default();
    let _ = write!(body.0, "<ErrorResponse xmlns=\"{}\">", namespace(service));
    let sender = if refused.status_of(service) >= 500 { "Receiver" } else { "Sender" };
    body.element("Error", |x| {
        x.text("Type", sender);
        x.text("Code", &refused.code);
        x.text("Message", &refused.message);
    });
    body.text("RequestId", request_id);
    body.0.push_str("</ErrorResponse>");
    body.0
}

fn namespace(service: Service) -> &'static str {
    match service {
        Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        Service::Iam | Service::SecretsManager | Service::CloudTrail => {
            "https://iam.amazonaws.com/doc/2010-05-08/"
        }
    }
}

/// A writer of XML, from the outside in.
#[derive(Default)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn of(write: impl FnOnce(&mut Self)) -> Output {
        let mut xml = Self::default();
        write(&mut xml);
        Output::Xml(xml)
    }

    pub(super) fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let _ = write!(self.0, "<{name}>");
        inside(self);
        let _ = write!(self.0, "</{name}>");
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.element(name, |x| x.raw(text));
    }

    /// Writes a text without an element around it.
    pub(super) fn raw(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                c => self.0.push(c),
            }
        }
    }

    pub(super) fn time(&mut self, name: &str, at: Timestamp) {
        self.text(name, &at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    }

    pub(super) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        inside: impl Fn(&mut Self, T),
    ) {
        self.element(name, |x| {
            for item in items {
                x.element("member", |x| inside(x, item));
            }
        });
    }

    /// Writes the end of a paged list.
    pub(super) fn page_end(&mut self, marker: Option<&str>) {
        self.text("IsTruncated", if marker.is_some() { "true" } else { "false" });
        if let Some(marker) = marker {
            self.text("Marker", marker);
        }
    }
}
