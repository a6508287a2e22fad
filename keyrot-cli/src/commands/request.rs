//! What a person asks for, for one user: the way that `rollback`, `revoke` and `resolve` share. Look, show, ask, do, look again.

use super::aftermath::{self, After, Around, is_revoked};
use super::who_uses::as_key;
use crate::args::Invocation;
use crate::backend::Backend;
use crate::config;
use crate::confirm::{Yes, confirm};
use crate::error::CliError;
use crate::exit::Exit;
use crate::progress::ProgressReporter;
use crate::render::request::{self as render, Kind, Told};
use crate::render::{json, paint, print, style, talk_width, width};
use crate::signals::Signals;
use keyrot_core::decide::Refusal;
use keyrot_core::machine::PlannedAction;
use keyrot_core::report::{EvidenceDocument, RequestDocument, UserDocument};
use keyrot_core::requests::Resolution;
use keyrot_core::selection::MissingWhy;
use keyrot_core::settings::Settings;
use keyrot_core::{
    Blocked, Cancel, KeyId, Limits, Mode, Outcome, Report, Request, Revocation, Rotator, Stop, Target, UserName,
    UserResult,
};
use std::time::Duration;

/// What is shown before a key is switched off may take this long to find out, and no longer.
const FOR_THE_PREVIEW: Duration = Duration::from_secs(15);

/// How a person is asked.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Asking {
    #[command(flatten)]
    pub(crate) yes: Yes,
    /// Show what would be done, and do nothing
    #[arg(long, short = 'n', conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

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
    /// Finds the user, by name or by the id of a key. Whoever is named need not be tagged for rotation.
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

    /// Where the user stands: a plan's answer.
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
        document.dry_run = asking.dry_run;
        // A revocation that seems to be done has to be seen to be.
        let again = matches!(request, Request::Revoke(_)) && planned.outcome == Outcome::Done;
        let acts = (!document.intended.is_empty() || again) && !asking.dry_run;
        let told = Told::new(self.kind, &document, planned);
        // What a person is to agree to is talk, and so is everything that comes before the result.
        if asking.dry_run && !self.invocation.json {
            print(&render::before(&told, width()));
        } else if !self.invocation.json || (acts && !asking.yes.yes) {
            say_part!("{}", render::before(&told, talk_width()));
        }
        if !acts {
            return Ok(self.tell(&told, None));
        }
        if !again || self.end_sessions {
            confirm(asking.yes, &self.question(&document.intended)).await?;
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

    /// Switches the key off, with IAM and nothing else; then does the rest, as far as it can be done.
    pub(crate) async fn switch_off(mut self, request: Request, asking: Asking) -> Result<Exit, CliError> {
        let iam_only = self.chosen.clone();
        let mut before = None;
        if !asking.yes.yes || asking.dry_run {
            // Everything that will follow is shown, if it can be found out soon.
            let preview = self.preview(&request).await?;
            let seen = only(preview.clone())?;
            let evidence = self.evidence(&seen).await?;
            let mut document = self.document(Some(request.clone()), steps_of(&seen), evidence, &preview)?;
            document.dry_run = asking.dry_run;
            let told = Told::new(self.kind, &document, &seen);
            if asking.dry_run {
                if !self.invocation.json {
                    print(&render::before(&told, width()));
                }
                return Ok(self.tell(&told, None));
            }
            say_part!("{}", render::before(&told, talk_width()));
            if let Outcome::Refused(_) = &seen.outcome {
                return Ok(self.tell(&told, None));
            }
            confirm(asking.yes, &self.question(&document.intended)).await?;
            before = Some(seen);
        }
        self.chosen = iam_only;
        // A deletion is part of the rest.
        let (off_only, deletes) = match &request {
            Request::Revoke(order) => (Request::Revoke(Revocation { delete: false, ..order.clone() }), order.delete),
            other => (other.clone(), false),
        };
        let (mut first, signal) = self.fulfil(off_only).await?;
        let key = request.off_first().cloned();
        let mut intended: Vec<PlannedAction> = key.into_iter().map(PlannedAction::Deactivate).collect();
        let off = only_of(&first)?.clone();
        if !is_revoked(&off.outcome) || signal.is_some() {
            let done = Done { report: first, before, intended, evidence: Vec::new(), signal };
            return self.close(request, done).await;
        }
        // From here on the key is off, and whatever else goes wrong is told beside that.
        let looked = match self.find_rest().await {
            Ok(()) => self.plan(&request).await.map_err(|_| "a signal came".to_owned()),
            Err(why) => Err(why),
        };
        let evidence = self.evidence(&off).await.unwrap_or_default();
        let plan = match looked {
            Ok(plan) => plan,
            Err(why) => {
                let rest = Outcome::Blocked(Blocked::IamOnly { reason: why });
                for one in &mut first.users {
                    one.outcome = match &one.outcome {
                        Outcome::Revoked { key, .. } if !deletes => {
                            Outcome::Revoked { key: key.clone(), rest: Box::new(rest.clone()) }
                        }
                        _ => rest.clone(),
                    };
                }
                return self.close(request, Done { report: first, before, intended, evidence, signal }).await;
            }
        };
        intended.extend(steps_of(only_of(&plan)?));
        let before = before.or_else(|| only(plan.clone()).ok());
        let (mut report, signal) = self.fulfil(request.clone()).await?;
        for (rest, first) in report.users.iter_mut().zip(&first.users) {
            rest.events.splice(0..0, first.events.iter().cloned());
            rest.calls += first.calls;
            // That it was seen Inactive stands, whatever came of the rest.
            if let Some(key) = request.off_first().filter(|_| !is_revoked(&rest.outcome) && !deletes) {
                rest.outcome = Outcome::Revoked { key: key.clone(), rest: Box::new(rest.outcome.clone()) };
            }
        }
        report.started = first.started;
        self.close(request, Done { report, before, intended, evidence, signal }).await
    }

    /// What will follow, or, where that cannot be found out soon, that the key goes.
    async fn preview(&mut self, request: &Request) -> Result<Report, CliError> {
        let whole = async {
            self.find_rest().await.ok()?;
            self.plan(request).await.ok()
        };
        match tokio::time::timeout(FOR_THE_PREVIEW, whole).await {
            Ok(Some(report)) if report.users.iter().all(|one| !matches!(one.outcome, Outcome::Failed(_))) => Ok(report),
            _ => {
                let user = self.chosen.subject.user.clone();
                self.chosen = Target::for_iam_only(&user, "the user could not be looked up in time");
                self.plan(request).await
            }
        }
    }

    /// Looks the user up among the account's, for what comes after IAM. Tells why that is not to be had.
    async fn find_rest(&mut self) -> Result<(), String> {
        if let Some(why) = &self.no_secrets {
            return Err(why.clone());
        }
        let user = self.chosen.subject.user.clone();
        let homes = self.target.homes(&self.settings);
        let find = self.settings.find_named(self.target.ports.iam.as_ref(), &homes, &user);
        let found = self.signals.or(find).await.map_err(|_| "a signal came".to_owned())?;
        let found = found.map_err(|error| format!("the account's users could not be listed: {error}"))?;
        self.chosen = found.map_err(|missing| missing.to_string())?;
        Ok(())
    }

    /// Shows what came of it, what is left, and what is still alive.
    async fn close(mut self, request: Request, done: Done) -> Result<Exit, CliError> {
        let Done { report, before, intended, evidence, signal } = done;
        let done = only_of(&report)?;
        let mut document = self.document(Some(request.clone()), intended, evidence, &report)?;
        // The record is told whatever comes now: a signal, or a look that fails, must not cost it.
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
        // IAM's listing lags: what the run itself has just seen to is not told as it was before.
        for key in after.iter_mut().flat_map(|after| &mut after.keys) {
            if let Some(known) = done.keys.iter().find(|known| known.id == key.id) {
                key.status = known.status.clone();
            }
        }
        document.left = after.as_ref().map(|after| UserDocument::new(after, report.finished));
        Ok(self.tell(&Told::acted(self.kind, &document, done, after.as_ref()), signal))
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
        Ok(self.tell_seen(&seen, evidence, asking.dry_run))
    }

    /// Shows where the user stands, and changes nothing.
    pub(crate) fn tell_seen(&self, seen: &UserResult, evidence: Vec<EvidenceDocument>, dry_run: bool) -> Exit {
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
        let told = Told::new(self.kind, &document, seen);
        if !self.invocation.json {
            print(&render::before(&told, width()));
        }
        self.tell(&told, None)
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
            // Whom to tell is no reason to leave a leaked key Active.
            Err(error) if matches!(request, Request::Revoke(_)) => {
                say!("{} nobody is notified: {error}", paint(style::WARN, "warning:"));
                Vec::new()
            }
            Err(error) => return Err(CliError::usage(error)),
        };
        let rotator = notifiers.into_iter().fold(Rotator::new(self.target.ports.clone()), Rotator::notify);
        let teller = ProgressReporter::new(1, invocation.silent, invocation.json);
        let cancel = Cancel::default();
        let limits = self.limits();
        let progress = |progress| teller.take(&progress);
        let work = rotator.fulfil(self.chosen.clone(), request, Mode::Act, &limits, &cancel, &progress);
        let say = |text: &str| teller.say(&paint(style::WARN, text));
        let done = self.signals.while_working(&cancel, say, work).await;
        teller.finish();
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
    fn tell(&self, told: &Told<'_>, signal: Option<u8>) -> Exit {
        let text = match self.invocation.json {
            true => json(told.document),
            false => render::after(told, width()),
        };
        match told.acted {
            true => crate::stdio::record(&text, &format!("{}-{}", told.kind.name(), told.standing.user)),
            false => print(&text),
        }
        match &told.standing.outcome {
            // What was asked for on top is not done.
            outcome if is_revoked(outcome) && told.document.sessions_not_ended.is_some() => Exit::Failed,
            // The command line names no key, or a wrong one.
            Outcome::Refused(Refusal::WhichKey { .. } | Refusal::NoSuchKey { .. }) => Exit::Usage,
            // Only what was done is done: whoever asked for it has to come back.
            Outcome::Waiting(_)
            | Outcome::Due(_)
            | Outcome::Settled { .. }
            | Outcome::Verifying { .. }
            | Outcome::Stopped(Stop::ChangeLimit)
                if told.document.request.is_some() =>
            {
                Exit::Failed
            }
            // Nobody knows what it would do.
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
        Limits { max_changes: None, ..self.settings.limits(self.target.ports.clock.now()) }
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
    let found = found.map_err(|error| CliError::failed(format!("the account's users could not be listed: {error}")))?;
    match found {
        Ok(chosen) => Ok((target, chosen, key)),
        Err(missing) => {
            let problem = CliError::usage(missing.to_string());
            Err(match missing.why {
                MissingWhy::Excluded { .. } | MissingWhy::OutsidePath { .. } => problem.hint(format!(
                    "the settings exclude and path_prefix leave this user to you. To switch a leaked key off all the same: \
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
        Err(error) => Err(CliError::usage(format!("whose key {key} is could not be found out: {error}")).hint(format!(
            "nothing was done. If it is another account's: aws sts get-access-key-info --access-key-id {key} says which"
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
    CliError::failed("the run has no answer for the user; this is a fault in keyrot, please report it")
}
