//! An AWS service in a destination's region, called with keyrot's credentials or a role's.

use super::role;
use crate::connection::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use crate::signed_requests::json_call::{Refused, Service, call};
use aws_credential_types::provider::SharedCredentialsProvider;
use chrono::{DateTime, Utc};
use keyrot_core::ErrorKind;
use keyrot_core::settings::WriterRole;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

const ATTEMPTS: u32 = 4;
const ATTEMPT: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(300);

pub(super) struct JsonService {
    aws: Aws,
    service: &'static Service,
    region: Option<String>,
    /// The credentials of the role that makes the calls; `None` for keyrot's own.
    caller: Option<SharedCredentialsProvider>,
    reads: Limiter,
    writes: Limiter,
}

impl JsonService {
    pub(super) fn new(
        aws: &Aws,
        service: &'static Service,
        region: Option<&str>,
        role: Option<&WriterRole>,
    ) -> Self {
        Self {
            aws: aws.clone(),
            service,
            region: region.map(str::to_owned),
            caller: role.map(|role| role::credentials(aws, role)),
            reads: Limiter::new(LimiterSettings::secret_reads()),
            writes: Limiter::new(LimiterSettings::secret_writes()),
        }
    }

    pub(super) fn region(&self) -> &str {
        self.region.as_deref().unwrap_or_else(|| self.aws.region())
    }

    /// Sends a request that changes nothing. Retries it after a throttle or a lost answer.
    pub(super) async fn read(
        &self,
        operation: &'static str,
        body: &str,
        end: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        self.send(operation, body, (&self.reads, true), end).await
    }

    /// Sends a request that changes something. Retries it only after a throttle.
    pub(super) async fn write(
        &self,
        operation: &'static str,
        body: &str,
        end: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        self.send(operation, body, (&self.writes, false), end).await
    }

    async fn send(
        &self,
        operation: &'static str,
        body: &str,
        (pace, is_read): (&Limiter, bool),
        end: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Ok(permit) = timeout_at(end, pace.acquire()).await else {
                return Err(Refused::new(ErrorKind::Throttled, "no turn in time"));
            };
            let limit = end.min(Instant::now() + ATTEMPT);
            let (caller, body) = (self.caller.as_ref(), body.to_owned());
            let sent = call(&self.aws, self.service, caller, self.region(), operation, body);
            let refused = match timeout_at(limit, sent).await {
                Ok(Ok(answer)) => {
                    permit.succeeded();
                    return Ok(Zeroizing::new(answer));
                }
                Ok(Err(refused)) => refused,
                Err(_) => Refused {
                    is_lost: true,
                    ..Refused::new(ErrorKind::Unavailable, "no answer in time")
                },
            };
            match refused.kind {
                ErrorKind::Throttled => permit.throttled(),
                _ if refused.is_lost => drop(permit),
                _ => permit.succeeded(),
            }
            let pause = PAUSE * 2_u32.pow(attempt - 1);
            let again = refused.kind == ErrorKind::Throttled || (is_read && refused.is_lost);
            if !again || attempt == ATTEMPTS || Instant::now() + pause >= end {
                return Err(refused);
            }
            sleep(pause).await;
        }
    }
}

/// Converts a time in a response: seconds, with milliseconds as a fraction.
pub(super) fn instant(seconds: f64) -> Option<DateTime<Utc>> {
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    let millis = i64::try_from(duration.as_millis()).ok()?;
    DateTime::from_timestamp_millis(millis)
}
