//! A request for one user, as `rollback`, `revoke` and `resolve` share it: read, plan, confirm, do, read again, report.

mod switch_off;

use super::aftermath::{self, After, Around, is_revoked};
use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::asking::Asking;
use crate::cli::values::as_key;
use crate::commands::flow::Flow;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::request::{self as screens, Kind, View};
use crate::terminal::progress::ProgressReporter;
use crate::terminal::signals::Signals;
use crate::terminal::size::width;
use crate::terminal::stdio::{json, print};
use crate::terminal::style::{self, paint};
use keyrot_core::decide::Refusal;
use keyrot_core::machine::PlannedAction;
use keyrot_core::report::{EvidenceDocument, RequestDocument, UserDocument};
use keyrot_core::requests::Resolution;
use keyrot_core::selection::MissingWhy;
use keyrot_core::settings::Settings;
use keyrot_core::{Cancel, KeyId, Limits, Mode, Outcome, Report, Request, Rotator, Stop, Target, UserName, UserResult};

/// One user, and all that is needed to do something about them.
pub(crate) struct RequestSession<'a> {
    invocation: &'a Invocation,
    kind: Kind,
    settings: Settings,
    signals: Signals,
    target: Backend,
    chosen: Target,
    /// The key by which the user was named.
    pub(crate) key: Option<KeyId>,
    /// Whether the user's sessions are to be ended, too.
    pub(crate) end_sessions: bool,
    /// Why the secrets are out of reach, if that is known from the start.
    no_secrets: Option<String>,
}

/// What came of a request, and what was known before it.
struct Done {
    report: Report,
    before: Option<UserResult>,
    intended: Vec<PlannedAction>,
    evidence: Vec<EvidenceDocument>,
    signal: Option<u8>,
}

impl<'a> RequestSession<'a> {
    /// Finds the user, by name or by the id of a key. The user need not be tagged for rotation.
    pub(crate) async fn open(invocation: &'a Invocation, kind: Kind, user: &UserName) -> Result<Self, CliError> {
        let settings = config::load(invocation)?;
        let mut signals = Signals::listen()?;
        let found = signals.or(find(invocation, &settings, user)).await;
        let (target, chosen, key) = found.unwrap_or_else(|signal| Err(CliError::signal(signal)))?;
        Ok(Self { invocation, kind, settings, signals, target, chosen, key, end_sessions: false, no_secrets: None })
    }

    /// For a user who is named, or whose key is, with nothing looked up but, by IAM, whose key that is.
    pub(crate) async fn for_iam_only(
        invocation: &'a Invocation,
        kind: Kind,
        user: &UserName,
    ) -> Result<Self, CliError> {
        let settings = config::load(invocation)?;
        let mut signals = Signals::listen()?;
        let find = async {
            let (target, no_secrets) = Backend::open_for_iam(invocation, &settings).await?;
            let key = as_key(user.as_str());
            let user = match &key {
                Some(key) => owner(&target, key).await?,
                None => user.clone(),
            };
            Ok((target, no_secrets, Target::for_iam_only(&user, "the user was not looked up"), key))
        };
        let found = signals.or(find).await.unwrap_or_else(|signal| Err(CliError::signal(signal)));
        let (target, no_secrets, chosen, key) = found?;
        Ok(Self { invocation, kind, settings, signals, target, chosen, key, end_sessions: false, no_secrets })
    }

    /// Reads the user: a plan's result.
    pub(crate) async fn look(&mut self) -> Result<UserResult, CliError> {
        let rotator = Rotator::new(self.target.ports.clone());
        let (chosen, limits) = (vec![self.chosen.clone()], self.limits());
        let look = async { rotator.run(chosen, Mode::Plan, &limits, &Cancel::default(), &|_| {}).await };
        let report = self.signals.or(look).await.map_err(CliError::signal)?;
        only(report)
    }

    /// The last use of each of the user's keys.
    pub(crate) async fn evidence(&mut self, seen: &UserResult) -> Result<Vec<EvidenceDocument>, CliError> {
        let (iam, user) = (self.target.ports.iam.clone(), seen.user.clone());
        let ask = async {
            let mut evidence = Vec::new();
            for key in &seen.keys {
                let used = iam.last_use(&user, &key.id).await;
                let used = used.unwrap_or_else(|error| keyrot_core::LastUse::Unknown(error.message));
                evidence.push(EvidenceDocument::new(&key.id, &used));
            }
            evidence
        };
        self.signals.or(ask).await.map_err(CliError::signal)
    }

    /// Shows what the request will do, asks, does it, and shows what came of it.
    pub(crate) async fn ask(mut self, seen: &UserResult, request: Request, asking: Asking) -> Result<Exit, CliError> {
        let evidence = self.evidence(seen).await?;
        let plan = self.plan(&request).await?;
        let planned = only_of(&plan)?;
        let mut document = self.document(Some(request.clone()), steps_of(planned), evidence, &plan)?;
        let flow = Flow::new(self.invocation, asking);
        document.dry_run = flow.is_dry_run();
        // Even if the key seems to be revoked already, its state is verified.
        let again = matches!(request, Request::Revoke(_)) && planned.outcome == Outcome::Done;
        let has_work = !document.intended.is_empty() || again;
        let view = View::new(self.kind, &document, planned);
        let question = (!again || self.end_sessions).then(|| self.question(&document.intended));
        if !flow.plan(|width| screens::before(&view, width), has_work, question.as_deref()).await? {
            return Ok(self.report(&view, None));
        }
        let (report, signal) = self.fulfil(request.clone()).await?;
        let RequestDocument { intended, evidence, .. } = document;
        self.close(request, Done { report, before: Some(seen.clone()), intended, evidence, signal }).await
    }

    fn question(&self, steps: &[PlannedAction]) -> String {
        let user = &self.chosen.subject.user;
        match (self.end_sessions, steps.is_empty()) {
            (false, _) => PlannedAction::question(steps, user),
            (true, true) => format!("End the sessions of {user}"),
            (true, false) => format!("{} and end the user's sessions", PlannedAction::question(steps, user)),
        }
    }

    /// Shows what came of it, what is left, and what is still alive.
    async fn close(mut self, request: Request, done: Done) -> Result<Exit, CliError> {
        let Done { report, before, intended, evidence, signal } = done;
        let done = only_of(&report)?;
        let mut document = self.document(Some(request.clone()), intended, evidence, &report)?;
        // The record is printed whatever happens now: a signal or a failed read must not lose it.
        let looks = signal.is_none() && self.chosen.policy.is_ok();
        let mut after = if looks { self.look().await.ok() } else { None };
        if let Request::Revoke(order) = &request {
            let (before, left) = (before.as_ref(), after.as_ref());
            let around = Around { order, done, before, left, end_sessions: self.end_sessions };
            let found = self.signals.or(aftermath::aftermath(&self.target, around)).await;
            let After { still_alive, ended, not_ended } = found.unwrap_or_default();
            (document.still_alive, document.sessions_ended, document.sessions_not_ended) =
                (still_alive, ended, not_ended);
        }
        if document.sessions_ended.is_none() && signal.is_none() {
            self.lift().await;
        }
        // IAM's listing lags: it must not hide what the run itself has just done.
        for key in after.iter_mut().flat_map(|after| &mut after.keys) {
            if let Some(known) = done.keys.iter().find(|known| known.id == key.id) {
                key.status = known.status.clone();
            }
        }
        document.left = after.as_ref().map(|after| UserDocument::new(after, report.finished));
        Ok(self.report(&View::acted(self.kind, &document, done, after.as_ref()), signal))
    }

    /// Takes off what had ended the user's sessions, once it is over.
    pub(crate) async fn lift(&mut self) {
        let _ = self.signals.or(aftermath::lift(&self.target, &self.chosen.subject.user)).await;
    }

    /// A request that cannot even be put: what the look found says why.
    pub(crate) async fn refuse(
        mut self,
        mut seen: UserResult,
        refusal: Refusal,
        asking: Asking,
    ) -> Result<Exit, CliError> {
        let evidence = self.evidence(&seen).await?;
        seen.outcome = Outcome::Refused(refusal);
        Ok(self.report_seen(&seen, evidence, asking.dry_run))
    }

    /// Shows the user, and changes nothing.
    pub(crate) fn report_seen(&self, seen: &UserResult, evidence: Vec<EvidenceDocument>, dry_run: bool) -> Exit {
        let now = self.target.ports.clock.now();
        let document = RequestDocument {
            schema: self.kind.schema(),
            started: now,
            finished: now,
            account: self.account(),
            region: self.region(),
            request: None,
            dry_run,
            intended: Vec::new(),
            evidence,
            user: UserDocument::new(seen, now),
            choices: Resolution::of(seen),
            left: None,
            still_alive: Vec::new(),
            sessions_ended: None,
            sessions_not_ended: None,
            notifier_failures: Vec::new(),
        };
        let view = View::new(self.kind, &document, seen);
        if !self.invocation.json {
            print(&screens::before(&view, width()));
        }
        self.report(&view, None)
    }

    async fn plan(&mut self, request: &Request) -> Result<Report, CliError> {
        let rotator = Rotator::new(self.target.ports.clone());
        let (chosen, limits, request) = (self.chosen.clone(), self.limits(), request.clone());
        let plan = async { rotator.fulfil(chosen, request, Mode::Plan, &limits, &Cancel::default(), &|_| {}).await };
        self.signals.or(plan).await.map_err(CliError::signal)
    }

    async fn fulfil(&mut self, request: Request) -> Result<(Report, Option<u8>), CliError> {
        let invocation = self.invocation;
        let notifiers = match self.target.notifiers(&self.settings, std::slice::from_ref(&self.chosen)) {
            Ok(notifiers) => notifiers,
            // A notifier that cannot be used is no reason to leave a leaked key Active.
            Err(error) if matches!(request, Request::Revoke(_)) => {
                say!("{} no notifications: {error}", paint(style::WARN, "warning:"));
                Vec::new()
            }
            Err(error) => return Err(CliError::usage(error)),
        };
        let rotator = notifiers.into_iter().fold(Rotator::new(self.target.ports.clone()), Rotator::notify);
        let reporter = ProgressReporter::new(1, invocation.silent, invocation.json);
        let cancel = Cancel::default();
        let limits = self.limits();
        let progress = |progress| reporter.take(&progress);
        let work = rotator.fulfil(self.chosen.clone(), request, Mode::Act, &limits, &cancel, &progress);
        let say = |text: &str| reporter.say(&paint(style::WARN, text));
        let done = self.signals.while_working(&cancel, say, work).await;
        reporter.finish();
        Ok(done)
    }

    fn document(
        &self,
        request: Option<Request>,
        intended: Vec<PlannedAction>,
        evidence: Vec<EvidenceDocument>,
        report: &Report,
    ) -> Result<RequestDocument, CliError> {
        Ok(RequestDocument {
            schema: self.kind.schema(),
            started: report.started,
            finished: report.finished,
            account: self.account(),
            region: self.region(),
            request,
            dry_run: false,
            intended,
            evidence,
            user: UserDocument::new(only_of(report)?, report.finished),
            choices: Vec::new(),
            left: None,
            still_alive: Vec::new(),
            sessions_ended: None,
            sessions_not_ended: None,
            notifier_failures: report.notifier_failures.clone(),
        })
    }

    /// Shows the end, and says what the process is to end with. A signal that came too late to stop anything changes nothing about that.
    fn report(&self, view: &View<'_>, signal: Option<u8>) -> Exit {
        let text = match self.invocation.json {
            true => json(view.document),
            false => screens::after(view, width()),
        };
        match view.acted {
            true => crate::terminal::stdio::record(&text, &format!("{}-{}", view.kind.name(), view.result.user)),
            false => print(&text),
        }
        match &view.result.outcome {
            // What was asked for on top is not done.
            outcome if is_revoked(outcome) && view.document.sessions_not_ended.is_some() => Exit::Failed,
            // The command line names no key, or a wrong one.
            Outcome::Refused(Refusal::WhichKey { .. } | Refusal::NoSuchKey { .. }) => Exit::Usage,
            // Not finished: the command has to be run again.
            Outcome::Waiting(_)
            | Outcome::Due(_)
            | Outcome::Settled { .. }
            | Outcome::Verifying { .. }
            | Outcome::Stopped(Stop::ChangeLimit)
                if view.document.request.is_some() =>
            {
                Exit::Failed
            }
            // It is unknown what it would do.
            Outcome::Planned(steps) if steps.is_empty() => Exit::Failed,
            Outcome::Planned(steps) if steps.iter().any(|step| matches!(step, PlannedAction::Wait(_))) => Exit::Failed,
            Outcome::Planned(steps) if steps.iter().any(|step| matches!(step, PlannedAction::Stop(_))) => Exit::Blocked,
            outcome => Exit::of(outcome.verdict(), signal),
        }
    }

    fn account(&self) -> Option<String> {
        let account = self.chosen.subject.arn.account();
        (account != Target::NO_ACCOUNT).then(|| account.to_owned())
    }

    fn region(&self) -> Option<String> {
        self.target.aws.as_ref().map(|aws| aws.region().to_owned())
    }

    fn limits(&self) -> Limits {
        // How many users a run may change is not for one who is named.
        self.settings.limits(self.target.ports.clock.now()).with_max_changes(None)
    }
}

fn steps_of(planned: &UserResult) -> Vec<PlannedAction> {
    match &planned.outcome {
        Outcome::Planned(steps) => steps.clone(),
        _ => Vec::new(),
    }
}

async fn find(
    invocation: &Invocation,
    settings: &Settings,
    named: &UserName,
) -> Result<(Backend, Target, Option<KeyId>), CliError> {
    let target = Backend::open(invocation, settings).await?;
    let key = as_key(named.as_str());
    let user = match &key {
        Some(key) => owner(&target, key).await?,
        None => named.clone(),
    };
    let found = settings.find_named(target.ports.iam.as_ref(), &target.homes(settings), &user).await;
    let found = found.map_err(|error| CliError::failed(format!("could not list the account's users: {error}")))?;
    match found {
        Ok(chosen) => Ok((target, chosen, key)),
        Err(missing) => {
            let problem = CliError::usage(missing.to_string());
            Err(match missing.why {
                MissingWhy::Excluded { .. } | MissingWhy::OutsidePath { .. } => problem.hint(format!(
                    "exclude or path_prefix skip this user; to deactivate a leaked key anyway: \
                     keyrot revoke {user} KEY --without-successor"
                )),
                _ => problem.hint("nothing was done"),
            })
        }
    }
}

/// Whose key it is: who finds one in public knows no more than its id.
async fn owner(target: &Backend, key: &KeyId) -> Result<UserName, CliError> {
    match target.trail.key_record(key).await {
        Ok(record) => Ok(record.user),
        Err(error) => Err(CliError::usage(format!("could not find out whose key {key} is: {error}")).hint(format!(
            "nothing was done; to find the key's account: aws sts get-access-key-info --access-key-id {key}"
        ))),
    }
}

fn only(report: Report) -> Result<UserResult, CliError> {
    report.users.into_iter().next().ok_or_else(nobody)
}

fn only_of(report: &Report) -> Result<&UserResult, CliError> {
    report.users.first().ok_or_else(nobody)
}

fn nobody() -> CliError {
    CliError::failed("the run has no result for the user; this is a bug in keyrot, please report it")
}
