//! A request for one user, shared by `rollback`, `revoke` and `resolve`. It runs the core's flow
//! with a prompt and screens.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::asking::Asking;
use crate::cli::given;
use crate::cli::values::as_key;
use crate::commands::flow::Flow;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::request::{self as screens, View};
use crate::terminal::progress::ProgressReporter;
use crate::terminal::signals::{AGAIN, Signals};
use crate::terminal::size::width;
use crate::terminal::stdio::{json, print, record, warn};
use crate::terminal::style::{self, paint};
use futures_util::FutureExt;
use keyrot_core::decide::Refusal;
use keyrot_core::model::EndedSessions;
use keyrot_core::report::{Action, RequestDocument, command_line, flag};
use keyrot_core::requests::{
    Lifted, RequestFlow, RequestKind, RequestPlan, RequestReport, RequestStatus,
};
use keyrot_core::selection::MissingWhy;
use keyrot_core::settings::Settings;
use keyrot_core::{
    CallError, Cancel, ErrorKind, KeyId, Outcome, Request, Target, UserName, UserResult,
};
use std::sync::Arc;

/// One user, with everything that a request needs.
pub(crate) struct RequestSession<'a> {
    invocation: &'a Invocation,
    settings: Arc<Settings>,
    signals: Signals,
    backend: Arc<Backend>,
    flow: RequestFlow,
    /// The key by which the user was named.
    pub(crate) key: Option<KeyId>,
}

impl<'a> RequestSession<'a> {
    /// Finds the user, by name or by the id of a key. The user need not be tagged for rotation.
    pub(crate) async fn open(
        invocation: &'a Invocation,
        kind: RequestKind,
        user: &UserName,
    ) -> Result<Self, CliError> {
        let settings = config::load(invocation)?;
        let mut signals = Signals::listen()?;
        let find = async {
            let backend = Backend::open(invocation, &settings).await?;
            let (target, key) = find(&backend, &settings, user).await?;
            Ok((backend, target, key))
        };
        let (backend, target, key) = unless_stopped(&mut signals, find).await?;
        Ok(Self::new(invocation, kind, (settings, signals), (backend, target, key)))
    }

    /// Prepares a request for a user, given by name or by the id of a key. Only IAM is called, to
    /// find the key's user. Everything else follows once the key is Inactive.
    pub(crate) async fn for_iam_only(
        invocation: &'a Invocation,
        kind: RequestKind,
        user: &UserName,
    ) -> Result<Self, CliError> {
        let settings = config::load(invocation)?;
        let mut signals = Signals::listen()?;
        let find = async {
            let (backend, no_secrets) = Backend::open_for_iam(invocation, &settings).await?;
            let key = as_key(user.as_str());
            let user = match &key {
                Some(key) => owner(&backend, key).await?,
                None => user.clone(),
            };
            Ok((backend, no_secrets, user, key))
        };
        let (backend, no_secrets, user, key) = unless_stopped(&mut signals, find).await?;
        let target = Target::for_iam_only(&user, "the user was not looked up");
        let mut session = Self::new(invocation, kind, (settings, signals), (backend, target, key));
        let (settings, backend) = (session.settings.clone(), session.backend.clone());
        session.flow = session.flow.off_first(move || {
            let (settings, backend, user, no_secrets) =
                (settings.clone(), backend.clone(), user.clone(), no_secrets.clone());
            async move {
                if let Some(why) = no_secrets {
                    return Err(why);
                }
                let found = settings
                    .find_named(backend.ports.iam.as_ref(), &backend.homes(&settings), &user)
                    .await;
                let found = found
                    .map_err(|error| format!("could not list the account's users: {error}"))?;
                found.map_err(|missing| missing.to_string())
            }
            .boxed()
        });
        Ok(session)
    }

    fn new(
        invocation: &'a Invocation,
        kind: RequestKind,
        (settings, signals): (Settings, Signals),
        (backend, target, key): (Backend, Target, Option<KeyId>),
    ) -> Self {
        let (policies, trail) = (backend.policies.clone(), backend.trail.clone());
        let flow = RequestFlow::new(kind, backend.ports.clone(), policies, trail, target)
            .limits(settings.limits(backend.ports.clock.now()))
            .deadline(settings.deadline())
            .region(Some(backend.region(&settings)));
        Self {
            invocation,
            settings: Arc::new(settings),
            signals,
            backend: Arc::new(backend),
            flow,
            key,
        }
    }

    /// Sets whether to end the user's sessions, too.
    pub(crate) fn end_sessions(mut self, end_sessions: bool) -> Self {
        self.flow = self.flow.end_sessions(end_sessions);
        self
    }

    /// Reads the user, as a plan does.
    pub(crate) async fn look(&mut self) -> Result<UserResult, CliError> {
        self.signals.or(self.flow.look()).await.map_err(CliError::signal)
    }

    /// Shows what the request will do, asks, carries it out, and shows the result.
    pub(crate) async fn ask(
        mut self,
        seen: &UserResult,
        request: Request,
        asking: Asking,
    ) -> Result<Exit, CliError> {
        let plan =
            self.signals.or(self.flow.plan(seen, request)).await.map_err(CliError::signal)?;
        self.agree(plan, asking).await
    }

    /// Deactivates the key with IAM alone, then does the rest as far as possible.
    pub(crate) async fn switch_off(
        mut self,
        request: Request,
        asking: Asking,
    ) -> Result<Exit, CliError> {
        if asking.yes {
            let plan = self.flow.unplanned(request);
            return self.carry_out(plan).await;
        }
        let plan =
            self.signals.or(self.flow.plan_off_first(request)).await.map_err(CliError::signal)?;
        self.agree(plan, asking).await
    }

    async fn agree(self, mut plan: RequestPlan, asking: Asking) -> Result<Exit, CliError> {
        plan.document.dry_run = asking.dry_run;
        let place = self.place(&plan.document);
        let flow = Flow::new(self.invocation, asking, format!("in {place}"));
        let screen = |width| screens::before(&View::of_plan(&plan, &place), width);
        match flow.plan(screen, plan.has_work(), plan.question().as_deref()).await? {
            true => self.carry_out(plan).await,
            false => {
                let report = plan.into_report();
                let exit = self.report(&report, None);
                self.tell_whose_it_is(&report).await;
                Ok(exit)
            }
        }
    }

    /// Returns the account, if it is known, and the region.
    fn place(&self, document: &RequestDocument) -> String {
        let account = document.account.as_deref().unwrap_or("not looked up");
        self.backend.place(account, &self.backend.homes(&self.settings).region)
    }

    async fn carry_out(mut self, plan: RequestPlan) -> Result<Exit, CliError> {
        let (backend, settings) = (self.backend.clone(), self.settings.clone());
        let revokes = matches!(plan.document.request, Some(Request::Revoke(_)));
        if !revokes {
            backend
                .notifiers(&settings, std::slice::from_ref(self.flow.target()))
                .map_err(CliError::usage)?;
        }
        let flow = self.flow.clone().notify(move |target| {
            // An unusable notifier must not keep a leaked key Active.
            backend.notifiers(&settings, std::slice::from_ref(target)).unwrap_or_else(|error| {
                warn(&format!("no notifications: {error}"));
                Vec::new()
            })
        });
        let reporter = ProgressReporter::new(1, self.invocation.silent, self.invocation.json);
        let then = self.unknown(plan.document.request.as_ref());
        let cancel = Cancel::default();
        let progress = |progress| reporter.take(&progress);
        let work = flow.carry_out(plan, &cancel, &progress);
        let say = |text: &str| reporter.say(&paint(style::WARN, text));
        let (report, signal) = self.signals.while_working(&cancel, (say, &then), work).await;
        reporter.finish();
        let exit = self.report(&report, signal);
        self.tell_whose_it_is(&report).await;
        Ok(exit)
    }

    async fn tell_whose_it_is(&self, report: &RequestReport) {
        if let Some(text) = self.whose_it_is(report).await {
            say!("{} {text}", paint(style::HINT, "hint:"));
        }
    }

    /// Returns the command with the right user, if the key to revoke belongs to another user than
    /// the one that was named.
    async fn whose_it_is(&self, report: &RequestReport) -> Option<String> {
        let Some(Request::Revoke(order)) = &report.document.request else { return None };
        let is_unknown = match &report.result.outcome {
            Outcome::Failed(failure) => failure.error.kind == ErrorKind::NotFound,
            Outcome::Refused(Refusal::NoSuchKey { .. }) => true,
            _ => false,
        };
        if !is_unknown {
            return None;
        }
        let owner = owner(&self.backend, &order.key).await.ok()?;
        let named = &report.result.user;
        let request = Request::Revoke(order.clone());
        let command = screens::resuming(&owner, &request, self.flow.ends_sessions());
        (owner != *named).then(|| {
            format!("{} belongs to {owner}; to revoke it: {}", order.key, given::command(&command))
        })
    }

    /// Returns how to go on after the process ended immediately.
    fn unknown(&self, request: Option<&Request>) -> String {
        let command = request.map(|request| {
            let user = &self.flow.target().subject.user;
            given::command(&screens::resuming(user, request, self.flow.ends_sessions()))
        });
        match command {
            Some(command) => format!("it is not known what was done. To finish it: {command}"),
            None => AGAIN.to_owned(),
        }
    }

    /// Removes the policy that had ended the user's sessions, once they have expired.
    pub(crate) async fn lift(&mut self) {
        if let Ok(lifted) = self.signals.or(self.flow.lift()).await {
            say_lifted(&self.flow.target().subject.user, &lifted);
        }
    }

    /// Reports a request that cannot be made. The state that was read says why.
    pub(crate) async fn refuse(
        mut self,
        seen: &UserResult,
        refusal: Refusal,
        (asking, without_successor): (Asking, bool),
    ) -> Result<Exit, CliError> {
        let mut report =
            self.signals.or(self.flow.refuse(seen, refusal)).await.map_err(CliError::signal)?;
        // The commands in the hints ask for the same.
        for hint in &mut report.document.user.hints {
            if let Some(Action::Revoke { without_successor: off_first, .. }) = &mut hint.action {
                *off_first |= without_successor;
            }
        }
        Ok(self.show(report, asking.dry_run))
    }

    /// Shows the user, and changes nothing.
    pub(crate) async fn report_seen(
        &mut self,
        seen: &UserResult,
        dry_run: bool,
    ) -> Result<Exit, CliError> {
        let report = self.signals.or(self.flow.show(seen)).await.map_err(CliError::signal)?;
        Ok(self.show(report, dry_run))
    }

    fn show(&self, mut report: RequestReport, dry_run: bool) -> Exit {
        report.document.dry_run = dry_run;
        if !self.invocation.json {
            let place = self.place(&report.document);
            print(&screens::before(&View::of_report(&report, &place), width()));
        }
        self.report(&report, None)
    }

    /// Shows the result, and returns the exit code. A signal that came too late to stop anything
    /// does not change the exit code.
    fn report(&self, report: &RequestReport, signal: Option<u8>) -> Exit {
        if let Some(lifted) = &report.lifted {
            say_lifted(&report.result.user, lifted);
        }
        let text = match self.invocation.json {
            true => json(&report.document),
            false => {
                let place = self.place(&report.document);
                screens::after(&View::of_report(report, &place), width())
            }
        };
        match report.acted {
            true => record(&text, &format!("{}-{}", report.kind.name(), report.result.user)),
            false => print(&text),
        }
        match report.status() {
            RequestStatus::Done => Exit::Success,
            RequestStatus::Blocked => Exit::Blocked,
            RequestStatus::Unclear => Exit::Usage,
            RequestStatus::Stopped => signal.map_or(Exit::Failed, Exit::Signal),
            _ => Exit::Failed,
        }
    }
}

async fn unless_stopped<T>(
    signals: &mut Signals,
    find: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    signals.or(find).await.unwrap_or_else(|signal| Err(CliError::signal(signal)))
}

/// Prints nothing if the permission to read the policy that ends sessions is missing.
fn say_lifted(user: &UserName, lifted: &Result<Lifted, CallError>) {
    let name = EndedSessions::POLICY;
    let dim = |text: String| say!("{}", paint(style::DIM, text));
    match lifted {
        Ok(Lifted::None | Lifted::NotYet(_)) => {}
        Ok(Lifted::Off(ended)) => dim(format!(
            "removed the policy {name} from {user}: the sessions that it denied, started before {}, have expired",
            ended.before.format("%F %R UTC")
        )),
        Ok(Lifted::Remains(_, error)) => dim(format!(
            "the policy {name} of {user} is no longer needed and could not be removed ({error}); to remove it: aws iam delete-user-policy {} --policy-name {name}",
            flag("--user-name", user)
        )),
        Err(_) => {}
    }
}

async fn find(
    backend: &Backend,
    settings: &Settings,
    named: &UserName,
) -> Result<(Target, Option<KeyId>), CliError> {
    let key = as_key(named.as_str());
    let user = match &key {
        Some(key) => owner(backend, key).await?,
        None => named.clone(),
    };
    let found =
        settings.find_named(backend.ports.iam.as_ref(), &backend.homes(settings), &user).await;
    let found = found.map_err(|error| {
        CliError::failed(format!("could not list the account's users: {error}"))
    })?;
    match found {
        Ok(target) => Ok((target, key)),
        Err(missing) => {
            let problem = CliError::usage(missing.to_string());
            Err(match missing.why {
                MissingWhy::Excluded { .. } | MissingWhy::OutsidePath { .. } => {
                    problem.hint(format!(
                        "exclude or path_prefix skip this user; to deactivate a leaked key anyway: \
                     {}",
                        command_line(
                            "keyrot revoke",
                            &[user.as_str(), "KEY"],
                            " --without-successor"
                        )
                    ))
                }
                _ if begins_a_key(user.as_str()) => {
                    problem.hint("a key's id has 20 characters; nothing was done")
                }
                _ => problem.hint("nothing was done"),
            })
        }
    }
}

/// Whether the name looks like a key's id that was cut off or extended.
fn begins_a_key(name: &str) -> bool {
    name.starts_with("AKIA")
        && name.len() > 8
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Finds the key's user: someone who finds a leaked key knows only its id.
async fn owner(backend: &Backend, key: &KeyId) -> Result<UserName, CliError> {
    match backend.trail.key_record(key).await {
        Ok(record) => Ok(record.user),
        Err(error) => Err(CliError::usage(format!("could not find out whose key {key} is: {error}")).hint(format!(
            "nothing was done; to find the key's account: aws sts get-access-key-info --access-key-id {key}"
        ))),
    }
}
