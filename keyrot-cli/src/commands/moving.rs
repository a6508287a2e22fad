//! `move`: moves a user's home to another region or secret.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::moving::MoveArgs;
use crate::commands::flow::Flow;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::moving::{Document, Row, screen};
use crate::terminal::signals::{Signals, say_resume};
use crate::terminal::stdio::{print, warn};
use crate::terminal::style::{self, paint};
use keyrot_core::engine::Moved;
use keyrot_core::model::{Adoption, HomeTag, SecretArn};
use keyrot_core::report::{Change, flag};
use keyrot_core::settings::Settings;
use keyrot_core::{
    Blocked, Cancel, Homes, Mode, Notifier, Outcome, Rotator, Selection, Target, UserName, select,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) async fn moving(invocation: &Invocation, args: &MoveArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let target = Backend::open(invocation, &settings).await?;
    let users =
        target.ports.iam.users(&settings.selection().path_prefix).await.map_err(|error| {
            CliError::failed(format!("could not list the account's users: {error}"))
                .hint("nothing was changed")
        })?;
    let only: BTreeSet<UserName> = args.users.iter().cloned().collect();
    let selection = Selection {
        only: only.into_iter().collect(),
        // A user who was released keeps its home, and may be moved.
        without_tag: true,
        ..settings.selection().clone()
    };
    let adoption = if args.adopt_secret { Adoption::TakeOver } else { Adoption::Named };
    let homes = Homes { adoption, ..target.homes(&settings) };
    let selected = select(&users, &selection, &homes, settings.policy());
    if !selected.missing.is_empty() {
        let lines: Vec<String> = selected.missing.iter().map(ToString::to_string).collect();
        return Err(CliError::usage(lines.join("\n")).hint("no user was moved"));
    }

    let notifiers = target.notifiers(&settings, &selected.chosen).map_err(CliError::usage)?;
    let places = Places {
        notifiers,
        ..Places::open(invocation, &settings, target, &selected.chosen).await?
    };
    let mut rows = Vec::new();
    for chosen in &selected.chosen {
        rows.push(places.row(chosen, Mode::Plan).await);
    }
    let mut document =
        Document { schema: "keyrot.move/1", dry_run: args.asking.dry_run, users: rows };
    let sandbox = if places.new.sandbox { " (sandbox)" } else { "" };
    let to = selected.chosen.first().map(|one| one.subject.place());
    let place = to
        .map(|to| format!("to account {}, {}{sandbox}", to.account, to.region))
        .unwrap_or_default();
    let flow = Flow::new(invocation, args.asking, place);
    let refused = document.refused();
    let planned = document.planned();
    let question = format!(
        "move the home of {}",
        planned.iter().map(UserName::as_str).collect::<Vec<_>>().join(", ")
    );
    let mut signals = Signals::listen()?;
    let screen = |width| screen(&document, &settings, places.new.sandbox, width);
    if !flow.plan(screen, refused.is_none() && !planned.is_empty(), Some(&question)).await? {
        flow.report(&document, || {});
        if refused.is_some() {
            say!("{} no user was moved", paint(style::WARN, "refused:"));
        }
        return Ok(refused.unwrap_or(Exit::Success));
    }
    // A move that has begun is finished: between its two writes the user is blocked at both places.
    let cancel = Cancel::default();
    let work = async {
        let mut left = 0;
        for chosen in selected.chosen.iter().filter(|one| planned.contains(&one.subject.user)) {
            if cancel.is_cancelled() {
                left += 1;
                continue;
            }
            let row = places.row(chosen, Mode::Act).await;
            if let Some(shown) = document.users.iter_mut().find(|shown| shown.user == row.user) {
                *shown = row;
            }
        }
        left
    };
    let say = |text: &str| say!("{}", paint(style::WARN, text));
    let (left, signal) = signals.while_working(&cancel, say, work).await;
    flow.report(&document, || document.results().for_each(|line| print(&line)));
    document.untold().for_each(|text| warn(&text));
    if let Some(signal) = signal.filter(|_| left > 0) {
        say_resume(left);
        return Ok(Exit::Signal(signal));
    }
    Ok(document.refused().unwrap_or(Exit::Success))
}

/// The new place, and the old ones by region.
struct Places<'a> {
    settings: &'a Settings,
    new: Backend,
    old: BTreeMap<String, Backend>,
    notifiers: Vec<Arc<dyn Notifier>>,
}

impl<'a> Places<'a> {
    async fn open(
        invocation: &Invocation,
        settings: &'a Settings,
        new: Backend,
        chosen: &[Target],
    ) -> Result<Self, CliError> {
        let mut old = BTreeMap::new();
        for chosen in chosen {
            if let HomeTag::At(home) = &chosen.subject.home
                && !old.contains_key(&home.place().region)
            {
                let region = home.place().region.clone();
                let target = Backend::in_region(invocation, settings, Some(&region)).await?;
                old.insert(region, target);
            }
        }
        Ok(Self { settings, new, old, notifiers: Vec::new() })
    }

    /// What both places show, or what became of the move.
    async fn row(&self, chosen: &Target, mode: Mode) -> Row {
        let subject = &chosen.subject;
        let (from, to) = (subject.home.clone(), SecretArn::planned(subject.place()));
        let row = |result, outcome: Option<(&str, &Outcome)>| {
            Row::new(&subject.user, (&from, &to), result, outcome)
        };
        if let Err(why) = &chosen.policy {
            return row(Change::Refused, Some(("", &Outcome::Blocked(Blocked::clone(why)))));
        }
        let old = match &from {
            HomeTag::At(home) => self.old.get(&home.place().region).unwrap_or(&self.new),
            HomeTag::Absent | HomeTag::Unreadable(_) => &self.new,
        };
        let (here, there) = (Rotator::new(self.new.ports.clone()), Rotator::new(old.ports.clone()));
        // A plan notifies nobody.
        let here = self.notifiers.iter().cloned().fold(here, Rotator::notify);
        let limits = self.settings.limits(self.new.ports.clock.now());
        let failed =
            |outcome: &Outcome| matches!(outcome, Outcome::Blocked(_) | Outcome::Refused(_));
        let report = here.move_home(&there, chosen.clone(), mode, &limits).await;
        let row =
            |result, outcome| row(result, outcome).with_failures(report.notifier_failures.clone());
        match report.moved {
            Moved::Already => row(Change::Already, None),
            Moved::Planned => row(Change::Planned, None),
            Moved::Done => row(Change::Done, None),
            Moved::Old(why) if failed(&why) => {
                row(Change::Refused, Some(("at the old home", &why)))
            }
            Moved::New(why) if failed(&why) => {
                row(Change::Refused, Some(("at the new place", &why)))
            }
            Moved::LeftOpen(why) => {
                let about = "the user's tag names the new place, but the old home is not closed";
                let row = row(Change::Failed, Some((about, &why)));
                if failed(&why) {
                    return row;
                }
                let hint = format!(
                    "a run may have begun at the old home meanwhile, and created a key that nobody reads; then keyrot status {} --region {} says unknown_keys",
                    flag("--user", &subject.user),
                    subject.region
                );
                row.with_hint(hint)
            }
            Moved::Old(why) => row(Change::Failed, Some(("at the old home", &why))),
            Moved::New(why) => row(Change::Failed, Some(("at the new place", &why))),
        }
    }
}
