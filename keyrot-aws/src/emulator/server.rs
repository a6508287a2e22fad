//! The HTTP side: one request in, one answer out, or a connection cut.

use super::auth::{self, Caller, Signature};
use super::control::{Barrier, Control, Fate, Fault, When};
use super::deny::AccessRequest;
use super::observe::{By, Change, Observer};
use super::options::{EmulatorOptions, WorldTime};
use super::reply::{DENIED, Output, Refused, THROTTLED, render};
use super::report::Reports;
use super::request::ApiCall;
use super::stats::Outcome;
use super::{deny, iam, iam_keys, secrets, simulate, trail};
use crate::emulator::principals::{ADMINISTRATOR, ADMINISTRATOR_WITH_MFA};
use crate::emulator::service::Service;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use keyrot_core::memory::World;
use keyrot_core::{Credentials, KeyId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// The longest request: a secret has at most 64 KiB.
const LONGEST_BODY: usize = 1 << 20;

/// The state that the server and its owner share.
pub(super) struct Shared {
    world: Mutex<Clocked>,
    control: Mutex<Control>,
    admin: Credentials,
    latency: Duration,
    strict_time: bool,
    page_limit: Option<usize>,
    reports: Mutex<Reports>,
    /// The account's service control policy.
    scp: Mutex<Option<serde_json::Value>>,
}

struct Clocked {
    world: World,
    time: WorldTime,
    /// How far the account's clock was advanced beyond the machine's.
    ahead: Duration,
    observers: Vec<Observer>,
}

/// The connection is cut instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the emulator cut the connection on purpose")]
pub(super) struct Cut;

/// The account while one call is carried out.
pub(super) struct Account<'a> {
    guard: MutexGuard<'a, Clocked>,
}

impl std::ops::Deref for Account<'_> {
    type Target = World;
    fn deref(&self) -> &World {
        &self.guard.world
    }
}

impl std::ops::DerefMut for Account<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.guard.world
    }
}

impl Account<'_> {
    pub(super) fn add(&mut self, observer: Observer) {
        self.guard.observers.push(observer);
    }

    /// Copies the account for the observer; without one, no copy is made.
    pub(super) fn before(&self) -> Option<World> {
        (!self.guard.observers.is_empty()).then(|| self.guard.world.clone())
    }

    /// Shows the observer what was done.
    pub(super) fn show(&mut self, before: Option<&World>, by: &By, action: Option<&'static str>) {
        let Clocked { world, observers, .. } = &mut *self.guard;
        if let Some(before) = before {
            let change = Change { by, action, before, after: world };
            observers.iter_mut().for_each(|observer| observer(&change));
        }
    }
}

impl Clocked {
    fn catch_up(&mut self) {
        if self.time == WorldTime::Still {
            return;
        }
        let present = keyrot_core::model::after(SystemTime::now().into(), self.ahead);
        if let Ok(passed) = (present - self.world.now()).to_std() {
            self.world.advance(passed);
        }
    }
}

impl Shared {
    pub(super) fn new(world: World, options: EmulatorOptions, admin: Credentials) -> Self {
        let EmulatorOptions { latency, limits, time, strict_time, page_limit, log, .. } = options;
        Self {
            world: Mutex::new(Clocked {
                world,
                time,
                ahead: Duration::ZERO,
                observers: Vec::new(),
            }),
            control: Mutex::new(Control::new(limits, log)),
            admin,
            latency,
            strict_time,
            page_limit,
            reports: Mutex::default(),
            scp: Mutex::default(),
        }
    }

    /// Returns the account at the present time. A panic in a test's closure does not damage it.
    pub(super) fn world(&self) -> Account<'_> {
        let mut guard = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        guard.catch_up();
        Account { guard }
    }

    pub(super) fn advance(&self, time: Duration) {
        let mut account = self.world();
        account.guard.ahead += time;
        account.advance(time);
    }

    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_scp(&self, policy: Option<serde_json::Value>) {
        *self.scp.lock().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// Returns the subject of the call.
    fn subject(&self, call: &ApiCall) -> Option<String> {
        let owner = |key: &str| {
            let key = KeyId::parse(key).ok()?;
            self.world().users().find(|u| u.key(&key).is_some()).map(|u| u.arn.name().to_string())
        };
        match call.action {
            "GetCallerIdentity" | "GetSessionToken" => owner(Signature::read(&call.head)?.key),
            "GetAccessKeyLastUsed" => owner(call.text("AccessKeyId")?),
            _ if call.service == Service::CloudTrail => owner(trail::key(call).ok()?.as_str()),
            _ if call.service == Service::SecretsManager => Some(
                secrets::name_in(call.text("SecretId").or_else(|| call.text("Name"))?).to_owned(),
            ),
            _ => call.text("UserName").map(ToOwned::to_owned),
        }
    }

    /// Returns an injected error.
    fn refuse(&self, call: &ApiCall, code: &str, message: &str, status: u16) -> Refused {
        if code == DENIED && message.is_empty() {
            let caller = Caller::Admin.arn(self.world().account());
            return Refused::denied(&caller, call.service, call.action);
        }
        Refused::new(code.to_owned(), message.to_owned()).with_status(status)
    }

    fn carry_out(&self, call: &ApiCall) -> Result<Output, Refused> {
        let mut world = self.world();
        let time = world.rules.call_time;
        world.advance(time);
        // IAM is global. Secrets are in the region for which the request was signed.
        if call.service == Service::SecretsManager {
            world.set_region(auth::region(call));
        }
        let before = world.before();
        if self.strict_time {
            auth::in_time(call, world.now())?;
        }
        let caller = auth::caller(call, &self.admin, &mut world)?;
        let result = self.serve(call, &caller, &mut world);
        trail::note(call, &caller, result.as_ref().err(), &mut world);
        let by = match caller {
            Caller::Admin => By::Admin,
            Caller::User(arn) => By::User(arn),
        };
        world.show(before.as_ref(), &by, Some(call.action));
        result
    }

    fn serve(&self, call: &ApiCall, caller: &Caller, world: &mut World) -> Result<Output, Refused> {
        let may_all = match caller {
            Caller::Admin => true,
            Caller::User(arn) => {
                let may = |policy: &str| {
                    policy == ADMINISTRATOR
                        || policy == ADMINISTRATOR_WITH_MFA && auth::issued(call).is_some()
                };
                world
                    .user(arn.name())
                    .is_some_and(|user| user.policies.iter().any(|policy| may(policy)))
            }
        };
        let request = access_request(call, caller, world);
        let scp = self.scp.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if scp.as_ref().is_some_and(|policy| deny::denied_by(policy, &request)) {
            return Err(Refused::denied_by_scp(&caller.arn(world.account()), &request));
        }
        let ended = match caller {
            Caller::Admin => false,
            Caller::User(arn) => {
                world.user(arn.name()).is_some_and(|user| deny::denies(user, &request))
            }
        };
        if (!may_all || ended) && call.service != Service::Sts {
            return Err(Refused::denied(&caller.arn(world.account()), call.service, call.action));
        }
        let longest = self.page_limit.unwrap_or(usize::MAX).max(1);
        match call.service {
            Service::Sts if call.action == "GetSessionToken" => {
                iam::session_token(call, caller, world.now())
            }
            Service::Sts => Ok(iam::caller_identity(caller, world)),
            Service::Iam if call.action == "SimulatePrincipalPolicy" => {
                simulate::answer(call, scp.as_ref())
            }
            Service::Iam if call.action.contains("AccessKey") => {
                iam_keys::answer(call, caller, world, longest)
            }
            Service::Iam if call.action.ends_with("CredentialReport") => {
                self.reports.lock().unwrap_or_else(PoisonError::into_inner).answer(call, world)
            }
            Service::Iam => iam::answer(call, caller, world, longest),
            Service::SecretsManager => secrets::answer(call, world, longest),
            Service::CloudTrail => trail::answer(call, world, longest),
        }
    }
}

/// Returns the call as policies see it.
fn access_request(call: &ApiCall, caller: &Caller, world: &World) -> AccessRequest {
    let action = format!("{}:{}", call.service.prefix(), call.action);
    let resource = match call.service {
        Service::Iam => iam::resource(call, caller, world),
        Service::SecretsManager => secrets::resource(call, world),
        Service::Sts | Service::CloudTrail => None,
    };
    let tags = call.tags().into_iter().map(|(key, _)| key).chain(call.texts("TagKeys"));
    let request = AccessRequest::new(action, resource.unwrap_or_else(|| "*".to_owned()));
    let tag = |request: AccessRequest, (key, value): (String, String)| {
        request.with(&format!("aws:RequestTag/{key}"), [value])
    };
    call.tags()
        .into_iter()
        .fold(request, tag)
        .with("aws:PrincipalArn", [caller.principal(world.account())])
        .with("aws:RequestedRegion", [auth::region(call)])
        .with("aws:TagKeys", tags)
        .with("aws:TokenIssueTime", auth::issued(call).map(|at| at.to_rfc3339()))
}

/// Serves until the owner drops the other end of `stopped`.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener =
        tokio::net::TcpListener::from_std(listener).expect("a listener that does not block");
    loop {
        let stream = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // There are probably no file descriptors left; some connection may end meanwhile.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
        };
        // Otherwise small answers would wait for the client's delayed acknowledgment.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            // A request that has arrived is carried out even if the client has disconnected, so it
            // is a separate task.
            let answer = tokio::spawn(answer(Arc::clone(&shared), request));
            async move { answer.await.unwrap_or(Err(Cut)) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // The connection ends with an error when the client disconnects, and when it is cut.
            let _ = connection.await;
        });
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let arrived = Instant::now();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(|_| Cut)?.to_bytes();
    let call = match ApiCall::read(head, body) {
        Ok(call) => call,
        Err((service, refused)) => {
            return Ok(render(service, "", 0, shared.world().now(), Err(refused)));
        }
    };
    let subject = shared.subject(&call);
    let mut fate = shared.control().begin(call.action, subject);
    let (outcome, answer) = live(&shared, &call, arrived, &mut fate).await;
    shared.control().end(&fate, call.action, outcome);
    answer
}

/// Carries out the call, with its faults and gates.
async fn live(
    shared: &Shared,
    call: &ApiCall,
    arrived: Instant,
    fate: &mut Fate,
) -> (Outcome, Result<Response<Full<Bytes>>, Cut>) {
    let (fault, barrier) = (fate.fault.take(), fate.barrier.take());
    let (before, after) = match barrier {
        Some(barrier) if barrier.when == When::Before => (Some(barrier), None),
        other => (None, other),
    };
    sleep_until(arrived + shared.latency / 2).await;
    let goes_on = pass(before).await;
    if !goes_on || fault == Some(Fault::LostRequest) {
        return (Outcome::LostRequest, Err(Cut));
    }
    let result = match &fault {
        _ if fate.throttled => Err(Refused::new(THROTTLED, "Rate exceeded")),
        Some(Fault::Error { code, message, status }) => {
            Err(shared.refuse(call, code, message, *status))
        }
        _ => shared.carry_out(call),
    };
    let outcome = match &result {
        Ok(_) => Outcome::Done,
        Err(_) if fate.throttled => Outcome::Throttled,
        Err(refused) => Outcome::Refused(refused.code_of(call.service).to_owned()),
    };
    let goes_on = pass(after).await;
    let late = if let Some(Fault::Delay(late)) = fault { late } else { Duration::ZERO };
    sleep_until(arrived + shared.latency + late).await;
    if !goes_on || fault == Some(Fault::LostReply) {
        return (Outcome::LostReply, Err(Cut));
    }
    (outcome, Ok(render(call.service, call.action, fate.number, shared.world().now(), result)))
}

/// Waits at the gate, if there is one. Returns whether the call may continue.
async fn pass(barrier: Option<Barrier>) -> bool {
    match barrier {
        Some(barrier) => barrier.stand().await,
        None => true,
    }
}
