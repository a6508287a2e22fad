//! What a person asks for, for one user: the way that `rollback`, `revoke` and `resolve` share. Look, show, ask, do, look again.

use super::who_uses::as_key;
use crate::args::Invocation;
use crate::config;
use crate::confirm::{Yes, confirm};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::progress::Teller;
use crate::render::request::{self as render, Kind, Told};
use crate::render::{json, paint, print, style, talk_width, width};
use crate::signals::Signals;
use crate::target::Target;
use keyrot_aws::notify::{self, FromEnvironment};
use keyrot_core::settings::Settings;
use keyrot_core::{
    Cancel, Chosen, EvidenceDocument, Intended, KeyId, Limits, MissingWhy, Mode, Outcome, Refusal, Report, Request,
    RequestDocument, Rotator, Standing, UserDocument, UserName, WayOut,
};

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
pub(crate) struct Desk<'a> {
    invocation: &'a Invocation,
    kind: Kind,
    settings: Settings,
    signals: Signals,
    target: Target,
    chosen: Chosen,
    /// The key by which the user was named.
    pub(crate) key: Option<KeyId>,
}

impl<'a> Desk<'a> {
    /// Finds the user, by name or by the id of a key. Whoever is named need not be tagged for rotation.
    pub(crate) async fn open(invocation: &'a Invocation, kind: Kind, user: &UserName) -> Result<Self, Problem> {
        let settings = config::load(invocation)?;
        let mut signals = Signals::listen()?;
        let found = signals.or(find(invocation, &settings, user)).await;
        let (target, chosen, key) = found.unwrap_or_else(|signal| Err(Problem::signal(signal)))?;
        Ok(Self { invocation, kind, settings, signals, target, chosen, key })
    }

    /// Where the user stands: a plan's answer.
    pub(crate) async fn look(&mut self) -> Result<Standing, Problem> {
        let rotator = Rotator::new(self.target.ports.clone());
        let (chosen, limits) = (vec![self.chosen.clone()], self.limits());
        let look = async { rotator.run(chosen, Mode::Plan, &limits, &Cancel::default(), &|_| {}).await };
        let report = self.signals.or(look).await.map_err(Problem::signal)?;
        only(report)
    }

    /// The last use of each of the user's keys.
    pub(crate) async fn evidence(&mut self, seen: &Standing) -> Result<Vec<EvidenceDocument>, Problem> {
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
        self.signals.or(ask).await.map_err(Problem::signal)
    }

    /// Shows what the request will do, asks, does it, and shows what came of it.
    pub(crate) async fn ask(mut self, seen: &Standing, request: Request, asking: Asking) -> Result<Exit, Problem> {
        let evidence = self.evidence(seen).await?;
        let plan = self.plan(&request).await?;
        let planned = only_of(&plan)?;
        let intended = match &planned.outcome {
            Outcome::Intended(steps) => steps.clone(),
            _ => Vec::new(),
        };
        let mut document = self.document(Some(request.clone()), intended, evidence, &plan)?;
        document.dry_run = asking.dry_run;
        let acts = !document.intended.is_empty() && !asking.dry_run;
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
        confirm(asking.yes, &Intended::question(&document.intended, &seen.user)).await?;
        let (report, signal) = self.fulfil(request).await?;
        let done = only_of(&report)?;
        let (intended, evidence) = (document.intended, document.evidence);
        document = self.document(document.request, intended, evidence, &report)?;
        // The record is told whatever comes now: a signal, or a look that fails, must not cost it.
        let mut after = self.look().await.ok();
        // IAM's listing lags: what the run itself has just seen to is not told as it was before.
        for key in after.iter_mut().flat_map(|after| &mut after.keys) {
            if let Some(known) = done.keys.iter().find(|known| known.id == key.id) {
                key.status = known.status.clone();
            }
        }
        document.left = after.as_ref().map(|after| UserDocument::new(after, report.finished));
        Ok(self.tell(&Told::acted(self.kind, &document, done, after.as_ref()), signal))
    }

    /// A request that cannot even be put: what the look found says why.
    pub(crate) async fn refuse(
        mut self,
        mut seen: Standing,
        refusal: Refusal,
        asking: Asking,
    ) -> Result<Exit, Problem> {
        let evidence = self.evidence(&seen).await?;
        seen.outcome = Outcome::Refused(refusal);
        Ok(self.tell_seen(&seen, evidence, asking.dry_run))
    }

    /// Shows where the user stands, and changes nothing.
    pub(crate) fn tell_seen(&self, seen: &Standing, evidence: Vec<EvidenceDocument>, dry_run: bool) -> Exit {
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
            choices: WayOut::of(seen),
            left: None,
            notifier_failures: Vec::new(),
        };
        let told = Told::new(self.kind, &document, seen);
        if !self.invocation.json {
            print(&render::before(&told, width()));
        }
        self.tell(&told, None)
    }

    async fn plan(&mut self, request: &Request) -> Result<Report, Problem> {
        let rotator = Rotator::new(self.target.ports.clone());
        let (chosen, limits, request) = (self.chosen.clone(), self.limits(), request.clone());
        let plan = async { rotator.fulfil(chosen, request, Mode::Plan, &limits, &Cancel::default(), &|_| {}).await };
        self.signals.or(plan).await.map_err(Problem::signal)
    }

    async fn fulfil(&mut self, request: Request) -> Result<(Report, Option<u8>), Problem> {
        let invocation = self.invocation;
        let notifiers = match &self.target.aws {
            Some(aws) => {
                let whom = std::slice::from_ref(&self.chosen);
                notify::from_specs(self.settings.notify(), aws, FromEnvironment::Allowed, whom)
                    .map_err(|error| Problem::usage(error.to_string()))?
            }
            // What happens in a sandbox is nobody's news.
            None => Vec::new(),
        };
        let rotator = notifiers.into_iter().fold(Rotator::new(self.target.ports.clone()), Rotator::notify);
        let teller = Teller::new(1, invocation.silent, invocation.json);
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
        intended: Vec<Intended>,
        evidence: Vec<EvidenceDocument>,
        report: &Report,
    ) -> Result<RequestDocument, Problem> {
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
            // The command line names no key, or a wrong one.
            Outcome::Refused(Refusal::WhichKey { .. } | Refusal::NoSuchKey { .. }) => Exit::Usage,
            // Only what was done is done: whoever asked for it has to come back.
            Outcome::Waiting(_) | Outcome::Due(_) if told.document.request.is_some() => Exit::Failed,
            Outcome::Intended(steps) if steps.iter().any(|step| matches!(step, Intended::Wait(_))) => Exit::Failed,
            Outcome::Intended(steps) if steps.iter().any(|step| matches!(step, Intended::Stop(_))) => Exit::Blocked,
            outcome => Exit::of(outcome.verdict(), signal),
        }
    }

    fn account(&self) -> String {
        self.chosen.subject.arn.account().to_owned()
    }

    fn region(&self) -> Option<String> {
        self.target.aws.as_ref().map(|aws| aws.region().to_owned())
    }

    fn limits(&self) -> Limits {
        self.settings.limits(self.target.ports.clock.now())
    }
}

async fn find(
    invocation: &Invocation,
    settings: &Settings,
    named: &UserName,
) -> Result<(Target, Chosen, Option<KeyId>), Problem> {
    let target = Target::open(invocation, settings).await?;
    let key = as_key(named.as_str());
    let user = match &key {
        Some(key) => owner(&target, key).await?,
        None => named.clone(),
    };
    let found = settings.find_named(target.ports.iam.as_ref(), &target.homes(settings), &user).await;
    let found = found.map_err(|error| Problem::failed(format!("the account's users could not be listed: {error}")))?;
    match found {
        Ok(chosen) => Ok((target, chosen, key)),
        Err(missing) => {
            let problem = Problem::usage(missing.to_string());
            Err(match missing.why {
                MissingWhy::Excluded { .. } | MissingWhy::OutsidePath { .. } => problem.hint(format!(
                    "the settings exclude and path_prefix leave this user to you. To switch a leaked key off by hand: \
                     aws iam update-access-key --user-name {user} --access-key-id KEY --status Inactive"
                )),
                _ => problem.hint("nothing was done"),
            })
        }
    }
}

/// Whose key it is: who finds one in public knows no more than its id.
async fn owner(target: &Target, key: &KeyId) -> Result<UserName, Problem> {
    match target.trail.key_record(key).await {
        Ok(record) => Ok(record.user),
        Err(error) => Err(Problem::usage(format!("whose key {key} is could not be found out: {error}")).hint(format!(
            "nothing was done. If it is another account's: aws sts get-access-key-info --access-key-id {key} says which"
        ))),
    }
}

fn only(report: Report) -> Result<Standing, Problem> {
    report.users.into_iter().next().ok_or_else(nobody)
}

fn only_of(report: &Report) -> Result<&Standing, Problem> {
    report.users.first().ok_or_else(nobody)
}

fn nobody() -> Problem {
    Problem::failed("the run has no answer for the user; this is a fault in keyrot, please report it")
}
