//! `move`: a user's home goes to another region or secret, after a look at both places.

use crate::args::Invocation;
use crate::backend::Backend;
use crate::commands::enroll::{list, listed, none_missing};
use crate::config;
use crate::confirm::{Yes, confirm};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::enroll::Change;
use crate::render::moving::{Document, Row, screen};
use crate::render::{paint, print, print_json, style, talk_width, width};
use keyrot_core::engine::Moved;
use keyrot_core::model::{Adoption, HomeTag, SecretArn};
use keyrot_core::settings::Settings;
use keyrot_core::{Blocked, Homes, Mode, Outcome, Rotator, Selection, Target, UserName, select};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot move ci-deployer --region eu-west-1 --dry-run   what is in the way?
  keyrot move ci-deployer --region eu-west-1   show it, ask, and move
  keyrot move ci-deployer --secret-name '/keys/{user}'
  keyrot rotate --user ci-deployer --region eu-west-1   publish a key there

Exit codes:
  0  they are moved, or would be (--dry-run)
  1  some could not be moved, or a place could not be read
  2  there is no such user, or nobody could be asked
  3  some are not at rest or would be blocked, and nobody was moved";

#[derive(Debug, clap::Args)]
pub(crate) struct MoveArgs {
    /// The users, by name
    #[arg(value_name = "USER", required = true)]
    pub(crate) users: Vec<UserName>,
    /// Use the secret at the new place although it exists already, whatever it holds
    #[arg(long)]
    pub(crate) adopt_secret: bool,
    /// Show what would be done, and change nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

pub(crate) async fn moving(invocation: &Invocation, args: &MoveArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let target = Backend::open(invocation, &settings).await?;
    let users = listed(&target, &settings).await?;
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
    none_missing(&selected.missing, "nobody was moved")?;

    let places = Places::open(invocation, &settings, target, &selected.chosen).await?;
    let mut rows = Vec::new();
    for chosen in &selected.chosen {
        rows.push(places.row(chosen, Mode::Plan).await);
    }
    let mut document = Document { schema: "keyrot.move/1", dry_run: args.dry_run, users: rows };
    let show = |document: &Document| match invocation.json {
        true => print_json(document),
        false => print(&screen(document, &settings, places.new.sandbox, width())),
    };
    if let Some(exit) = document.refused() {
        show(&document);
        say!("{} nobody was moved", paint(style::WARN, "refused:"));
        return Ok(exit);
    }
    let planned: Vec<UserName> =
        document.users.iter().filter(|row| row.result == Change::Planned).map(|row| row.user.clone()).collect();
    if args.dry_run || planned.is_empty() {
        show(&document);
        return Ok(Exit::Success);
    }
    if !invocation.json {
        show(&document);
    } else if !args.yes.yes {
        say_part!("{}", screen(&document, &settings, places.new.sandbox, talk_width()));
    }
    confirm(args.yes, &document.question(&list(&planned))).await?;
    for chosen in selected.chosen.iter().filter(|chosen| planned.contains(&chosen.subject.user)) {
        let row = places.row(chosen, Mode::Act).await;
        if let Some(shown) = document.users.iter_mut().find(|shown| shown.user == row.user) {
            *shown = row;
        }
    }
    if invocation.json {
        print_json(&document);
    } else {
        document.results().for_each(|line| print(&line));
    }
    Ok(document.refused().unwrap_or(Exit::Success))
}

/// The new place, and the old ones by region.
struct Places<'a> {
    settings: &'a Settings,
    new: Backend,
    old: BTreeMap<String, Backend>,
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
        Ok(Self { settings, new, old })
    }

    /// What a look at both places shows, or what became of the move.
    async fn row(&self, chosen: &Target, mode: Mode) -> Row {
        let subject = &chosen.subject;
        let (from, to) = (subject.home.clone(), SecretArn::planned(subject.place()));
        let row = |result, outcome: Option<(&str, &Outcome)>| Row::new(&subject.user, (&from, &to), result, outcome);
        if let Err(why) = &chosen.policy {
            return row(Change::Refused, Some(("", &Outcome::Blocked(Blocked::clone(why)))));
        }
        let old = match &from {
            HomeTag::At(home) => self.old.get(&home.place().region).unwrap_or(&self.new),
            HomeTag::Absent | HomeTag::Unreadable(_) => &self.new,
        };
        let (here, there) = (Rotator::new(self.new.ports.clone()), Rotator::new(old.ports.clone()));
        let limits = self.settings.limits(self.new.ports.clock.now());
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Blocked(_) | Outcome::Refused(_));
        match here.move_home(&there, chosen.clone(), mode, &limits).await {
            Moved::Already => row(Change::Already, None),
            Moved::Planned => row(Change::Planned, None),
            Moved::Done => row(Change::Done, None),
            Moved::Old(why) if failed(&why) => row(Change::Refused, Some(("at the old home", &why))),
            Moved::New(why) if failed(&why) => row(Change::Refused, Some(("at the new place", &why))),
            Moved::Old(why) => row(Change::Failed, Some(("at the old home", &why))),
            Moved::New(why) => row(Change::Failed, Some(("at the new place", &why))),
        }
    }
}
