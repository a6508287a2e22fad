//! Signature Version 4, verified by signing the request again with the secret that the key should
//! have.

use super::reply::{BAD_SIGNATURE, NO_SIGNATURE, Refused, UNKNOWN_KEY};
use super::request::ApiCall;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use chrono::{NaiveDateTime, TimeDelta};
use hyper::body::Bytes;
use hyper::http::request::Parts;
use keyrot_core::memory::World;
use keyrot_core::model::ProbeAnswer;
use keyrot_core::{Credentials, KeyId, SecretKey, Timestamp, UserArn};
use std::time::SystemTime;

/// The format of `x-amz-date`.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// The parts of the `Authorization` header.
pub(super) struct Signature<'a> {
    pub(super) key: &'a str,
    region: &'a str,
    service: &'a str,
    headers: &'a str,
    signature: &'a str,
}

/// The caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    Admin,
    User(UserArn),
}

impl Caller {
    pub(super) fn arn(&self, account: &str) -> String {
        match self {
            Self::Admin => format!("arn:aws:sts::{account}:assumed-role/emulator/administrator"),
            Self::User(arn) => arn.to_string(),
        }
    }

    /// Returns `aws:PrincipalArn`: the user, or the role of a session.
    pub(super) fn principal(&self, account: &str) -> String {
        match self {
            Self::Admin => format!("arn:aws:iam::{account}:role/emulator"),
            Self::User(arn) => arn.to_string(),
        }
    }
}

impl<'a> Signature<'a> {
    pub(super) fn read(head: &'a Parts) -> Option<Self> {
        let header = head.headers.get("authorization")?.to_str().ok()?;
        let fields = header.strip_prefix("AWS4-HMAC-SHA256")?;
        let field = |name: &str| {
            fields.split(',').find_map(|f| f.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = field("Credential")?.split('/');
        let (key, _day, region, service) =
            (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        Some(Self {
            key,
            region,
            service,
            headers: field("SignedHeaders")?,
            signature: field("Signature")?,
        })
    }

    /// Whether the request was signed with this secret.
    fn fits(&self, head: &Parts, body: &Bytes, secret: &SecretKey) -> bool {
        self.expected(head, body, secret).is_some_and(|expected| expected == self.signature)
    }

    fn expected(&self, head: &Parts, body: &Bytes, secret: &SecretKey) -> Option<String> {
        let text = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok());
        let stamp = NaiveDateTime::parse_from_str(text("x-amz-date")?, STAMP).ok()?;
        // The signer adds the date itself.
        let names = self.headers.split(';').filter(|name| *name != "x-amz-date");
        let headers: Vec<(&str, &str)> =
            names.map(|name| Some((name, text(name)?))).collect::<Option<_>>()?;
        let url = format!(
            "http://{}{}",
            text("host")?,
            head.uri.path_and_query().map_or("/", |p| p.as_str())
        );
        let identity = aws_credential_types::Credentials::new(
            self.key,
            secret.expose(),
            None,
            None,
            "emulator",
        )
        .into();
        let mut settings = SigningSettings::default();
        // The headers that the client has signed are signed again, including the user agent.
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::from(stamp.and_utc()))
            .settings(settings)
            .build()
            .ok()?
            .into();
        let request = SignableRequest::new(
            head.method.as_str(),
            url,
            headers.into_iter(),
            SignableBody::Bytes(body),
        )
        .ok()?;
        Some(sign(request, &params).ok()?.into_parts().1)
    }
}

/// Refuses a signature whose time is too far off (IAM user guide, "Troubleshoot AWS API requests").
pub(super) fn in_time(call: &ApiCall, now: Timestamp) -> Result<(), Refused> {
    let allowed = TimeDelta::minutes(5);
    let header = call.head.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
    let Some(signed) = header.and_then(|text| NaiveDateTime::parse_from_str(text, STAMP).ok())
    else {
        return Ok(());
    };
    let (signed, stamp) = (signed.and_utc(), |at: Timestamp| at.format(STAMP).to_string());
    let (text, at, edge) = (stamp(signed), stamp(now), |by: TimeDelta| stamp(now + by));
    let message = if signed < now - allowed {
        format!("Signature expired: {text} is now earlier than {} ({at} - 5 min.)", edge(-allowed))
    } else if signed > now + allowed {
        format!(
            "Signature not yet current: {text} is still later than {} ({at} + 5 min.)",
            edge(allowed)
        )
    } else {
        return Ok(());
    };
    Err(Refused::new(BAD_SIGNATURE, message))
}

/// Determines the caller. A user's call is recorded as a use of the key.
pub(super) fn caller(
    call: &ApiCall,
    admin: &Credentials,
    world: &mut World,
) -> Result<Caller, Refused> {
    let unknown =
        || Refused::new(UNKNOWN_KEY, "The security token included in the request is invalid.");
    let Some(signature) = Signature::read(&call.head) else {
        return Err(Refused::new(NO_SIGNATURE, "Request is missing Authentication Token"));
    };
    let wrong = || {
        let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
                       signing method.";
        Refused::new(BAD_SIGNATURE, message)
    };
    // A signature for another service is invalid here.
    let meant = signature.service == call.service.prefix();
    let genuine = |secret: &SecretKey| meant && signature.fits(&call.head, &call.body, secret);
    if signature.key == admin.key.as_str() {
        return if genuine(&admin.secret) { Ok(Caller::Admin) } else { Err(wrong()) };
    }
    let signer = KeyId::parse(signature.key).map_err(|_| unknown())?;
    // A session needs its token. It keeps working after its key is deactivated. (The account does
    // not know the user of a deleted key.)
    if let Some(rest) = signature.key.strip_prefix(SESSION) {
        let key = KeyId::parse(format!("{KEY}{rest}")).map_err(|_| unknown())?;
        let issued = issued(call).ok_or_else(unknown)?;
        if !genuine(&World::secret_of(&signer)) {
            return Err(wrong());
        }
        let arn = world
            .users()
            .find(|user| user.key(&key).is_some())
            .map(|user| user.arn.clone())
            .ok_or_else(unknown)?;
        let over =
            keyrot_core::model::after(issued, keyrot_core::model::LONGEST_SESSION) <= world.now();
        return if over { Err(unknown()) } else { Ok(Caller::User(arn)) };
    }
    let key = signer.clone();
    // The account compares secrets, but only the signature shows which one the client has.
    let secret = match genuine(&World::secret_of(&signer)) {
        true => World::secret_of(&key),
        false => SecretKey::new(String::new()),
    };
    match world.authenticate(&Credentials { key, secret }, signature.service, signature.region) {
        ProbeAnswer::Authenticated(arn) => Ok(Caller::User(arn)),
        ProbeAnswer::WrongSecret => Err(wrong()),
        ProbeAnswer::Refused | ProbeAnswer::RefusedBy(_) | ProbeAnswer::SomebodyElse(_) => {
            Err(unknown())
        }
    }
}

const KEY: &str = "AKIA";
const SESSION: &str = "ASIA";

/// Returns a session with MFA for the user's key that signed the call: its id, secret and token.
pub(super) fn session(call: &ApiCall, now: Timestamp) -> Option<(Credentials, String)> {
    let rest = Signature::read(&call.head)?.key.strip_prefix(KEY)?.to_owned();
    let id = KeyId::parse(format!("{SESSION}{rest}")).ok()?;
    let token = token_of(id.as_str(), now.timestamp());
    Some((World::credentials_of(&id), token))
}

/// Returns when the caller's session began; `None` without a session.
pub(super) fn issued(call: &ApiCall) -> Option<Timestamp> {
    let token = call.head.headers.get("x-amz-security-token")?.to_str().ok()?;
    let seconds = token.rsplit('-').next()?.parse().ok()?;
    let genuine = token_of(Signature::read(&call.head)?.key, seconds) == token;
    genuine.then(|| Timestamp::from_timestamp(seconds, 0)).flatten()
}

/// The emulator's tokens contain their time of issue.
fn token_of(id: &str, seconds: i64) -> String {
    let seal = hash(&format!("{id} {seconds}"));
    format!("emulator-session-{seal:016x}-{seconds}")
}

/// Returns the region of the call.
pub(super) fn region(call: &ApiCall) -> &str {
    Signature::read(&call.head).map_or("us-east-1", |s| s.region)
}

/// Hashes by FNV-1a: the same text has the same hash in every run.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
