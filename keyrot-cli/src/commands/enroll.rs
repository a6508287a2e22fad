//! `enroll` and `release`: put the tag that selects a user, or remove it.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::enroll::{EnrollArgs, ReleaseArgs};
use crate::commands::flow::Flow;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::enroll::{Change, Document, Row, screen};
use crate::terminal::size::width;
use crate::terminal::stdio::print;
use crate::terminal::style::{self, paint};
use keyrot_core::model::{Adoption, HOME_TAG, HomeTag};
use keyrot_core::report::{State, UserDocument};
use keyrot_core::selection::{Missing, MissingWhy};
use keyrot_core::settings::Settings;
use keyrot_core::{
    CallError, Cancel, ErrorKind, Homes, IamUser, Mode, Outcome, Request, Rotator, RunDocument, Selected, Selection,
    Target, UserName, select,
};
use std::collections::BTreeSet;

pub(crate) async fn enroll(invocation: &Invocation, args: &EnrollArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let target = Backend::open(invocation, &settings).await?;
    let names: BTreeSet<UserName> = args.users.iter().cloned().collect();
    let users = listed(&target, &settings).await?;
    let Selection { tag, tag_value, .. } = settings.selection();

    // The operator sees the place, and is asked: that is a choice.
    let adoption = if args.adopt_secret { Adoption::TakeOver } else { Adoption::Named };
    let homes = Homes { adoption, ..target.homes(&settings) };
    let housed = |name: &UserName| user(&users, name).is_some_and(|user| user.tag(HOME_TAG).is_some());
    let mut already = enrolled(&users, &names, &settings, &homes);
    // To take over a secret is asked for where an enrolled user is blocked, too.
    already.retain(|name| housed(name) && !args.adopt_secret);
    let new: Vec<UserName> = names.iter().filter(|name| !already.contains(*name)).cloned().collect();
    let other = |name: &&UserName| {
        let value = user(&users, name).and_then(|user| user.tag(tag)).map(|(_, value)| value.to_owned());
        value.filter(|value| !value.eq_ignore_ascii_case(tag_value)).map(|value| ((*name).clone(), value))
    };
    let others: Vec<(UserName, String)> = new.iter().filter_map(|name| other(&name)).collect();
    if let Some((name, value)) = others.first().filter(|_| !args.anyway) {
        let text = format!("user {name} has the tag {tag}={value}, which may exclude it from rotation on purpose");
        return Err(CliError::usage(text).hint("to enroll it anyway, add --anyway; no user was tagged"));
    }
    let tagged: Vec<IamUser> = users
        .iter()
        .map(|user| if new.contains(user.arn.name()) { user.clone().with_tag(tag, tag_value) } else { user.clone() })
        .collect();
    let selected = chosen(&tagged, &new, &settings, &homes);
    none_missing(&selected.missing, "no user was tagged")?;
    let plan = plan(&target, &settings, &selected, "keyrot.enroll/1").await;
    let blocked = plan.users.iter().any(|user| matches!(user.state, State::Blocked | State::Failed));
    let refused = blocked && !args.anyway;

    let there = chosen(&users, &already, &settings, &homes).chosen;
    let mut rows: Vec<Row> =
        there.iter().map(|one| Row::new(&one.subject.user, Change::Already, &enrolled_at(one))).collect();
    let planned = if refused { Change::Refused } else { Change::Planned };
    rows.extend(plan.users.iter().map(|user| Row::of(user, planned, first_rotation(user))));
    let place = selected.chosen.first().map(|one| one.subject.place());
    let place = place.map(|place| format!(", with their secrets in {}, account {}", place.region, place.account));
    let what = format!("tag {} with {tag}={tag_value}{}", list(&new), place.unwrap_or_default());
    let document = Document::new("keyrot.enroll/1", (tag, tag_value), args.asking.dry_run, rows);
    let work = Work { flow: Flow::new(invocation, args.asking), target: &target, settings: &settings };
    if refused {
        work.show(&document);
        let text = "a rotation would be blocked; no user was tagged";
        say!("{} {text}; to tag them anyway, add --anyway", paint(style::WARN, "refused:"));
        return Ok(Exit::Blocked);
    }
    let rotator = Rotator::new(target.ports.clone());
    let one = async |name: &UserName| {
        // The home first: once the tag selects the user, the next run may be another machine's.
        if let Some(chosen) = selected.chosen.iter().find(|one| one.subject.user == *name && one.policy.is_ok()) {
            house(&rotator, chosen.clone(), &settings, &target).await?;
        }
        target.tags.tag_user(name, tag, tag_value).await
    };
    work.change(document, &what, one).await
}

/// Records where the user's secret is, or is to be.
async fn house(rotator: &Rotator, chosen: Target, settings: &Settings, target: &Backend) -> Result<(), CallError> {
    let limits = settings.limits(target.ports.clock.now());
    let report = rotator.fulfil(chosen, Request::Bind, Mode::Act, &limits, &Cancel::default(), &|_| {}).await;
    match report.users.into_iter().next().map(|one| one.outcome) {
        Some(Outcome::Done) => Ok(()),
        Some(Outcome::Failed(failure)) => Err(failure.error),
        Some(Outcome::Blocked(why)) => Err(CallError::refused(ErrorKind::Other, why.to_string())),
        other => Err(CallError::lost(format!("its home was not recorded: {other:?}"))),
    }
}

pub(crate) async fn release(invocation: &Invocation, args: &ReleaseArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let target = Backend::open(invocation, &settings).await?;
    let names: BTreeSet<UserName> = args.users.iter().cloned().collect();
    let users = listed(&target, &settings).await?;
    let Selection { tag, tag_value, .. } = settings.selection();

    let found = chosen(&users, &names.iter().cloned().collect::<Vec<_>>(), &settings, &target.homes(&settings));
    let unknown: Vec<Missing> =
        found.missing.iter().filter(|m| matches!(m.why, MissingWhy::NotFound { .. })).cloned().collect();
    none_missing(&unknown, "no user was released")?;
    let has = |name: &&UserName| {
        user(&users, name)
            .and_then(|user| user.tag(tag))
            .is_some_and(|(_, value)| value.eq_ignore_ascii_case(tag_value))
    };
    let (tagged, free): (Vec<&UserName>, Vec<&UserName>) = names.iter().partition(has);
    let standing = plan(&target, &settings, &found, "keyrot.release/1").await;
    let mut rows: Vec<Row> = free.into_iter().map(|name| Row::new(name, Change::Already, "not enrolled")).collect();
    for name in &tagged {
        rows.push(match standing.users.iter().find(|user| user.user == **name) {
            Some(user) => Row::of(user, Change::Planned, left_behind(user)),
            None => Row::new(name, Change::Planned, "keyrot already skips it; nothing changes"),
        });
    }
    let names: Vec<UserName> = tagged.into_iter().cloned().collect();
    let what = format!("remove the tag {tag} from {}", list(&names));
    let document = Document::new("keyrot.release/1", (tag, tag_value), args.asking.dry_run, rows);
    let work = Work { flow: Flow::new(invocation, args.asking), target: &target, settings: &settings };
    let untag = async |name: &UserName| {
        // As it is written there.
        let key = user(&users, name).and_then(|user| user.tag(tag)).map_or(tag.as_str(), |(key, _)| key);
        target.tags.untag_user(name, key).await
    };
    work.change(document, &what, untag).await
}

/// What both have in common once it is known what to do.
struct Work<'a> {
    flow: Flow,
    target: &'a Backend,
    settings: &'a Settings,
}

impl Work<'_> {
    /// Shows it, asks, does it for each user, and reports.
    async fn change(
        &self,
        mut document: Document,
        what: &str,
        one: impl AsyncFn(&UserName) -> Result<(), CallError>,
    ) -> Result<Exit, CliError> {
        let planned = document.users.iter().any(|row| row.result == Change::Planned);
        let screen = |width| screen(&document, self.settings, self.target.sandbox, width);
        if !self.flow.plan(screen, planned, Some(what)).await? {
            self.flow.report(&document, || {});
            return Ok(Exit::Success);
        }
        for row in document.users.iter_mut().filter(|row| row.result == Change::Planned) {
            match one(&row.user).await {
                Ok(()) => row.result = Change::Done,
                Err(error) => (row.result, row.message) = (Change::Failed, error.to_string()),
            }
        }
        self.flow.report(&document, || {
            for Row { user, result, message, .. } in &document.users {
                match result {
                    Change::Done => print(&format!("{} {user}\n", paint(style::GOOD, document.done()))),
                    Change::Failed => say!("{} {user}: {message}", paint(style::BAD, "failed:")),
                    Change::Already | Change::Planned | Change::Refused => {}
                }
            }
        });
        let failed = document.users.iter().any(|row| row.result == Change::Failed);
        Ok(if failed { Exit::Failed } else { Exit::Success })
    }

    /// Shows what is not done.
    fn show(&self, document: &Document) {
        self.flow.report(document, || print(&screen(document, self.settings, self.target.sandbox, width())));
    }
}

pub(crate) async fn listed(target: &Backend, settings: &Settings) -> Result<Vec<IamUser>, CliError> {
    let users = target.ports.iam.users(&settings.selection().path_prefix).await;
    users.map_err(|error| {
        CliError::failed(format!("could not list the account's users: {error}")).hint("nothing was changed")
    })
}

fn user<'a>(users: &'a [IamUser], name: &UserName) -> Option<&'a IamUser> {
    users.iter().find(|user| user.arn.name() == name)
}

/// Those of them that a run already selects.
fn enrolled(users: &[IamUser], names: &BTreeSet<UserName>, settings: &Settings, homes: &Homes) -> Vec<UserName> {
    let only: Vec<UserName> = names.iter().cloned().collect();
    chosen(users, &only, settings, homes).chosen.into_iter().map(|chosen| chosen.subject.user).collect()
}

fn chosen(users: &[IamUser], only: &[UserName], settings: &Settings, homes: &Homes) -> Selected {
    if only.is_empty() {
        return Selected::default();
    }
    let selection = Selection { only: only.to_vec(), ..settings.selection().clone() };
    select(users, &selection, homes, settings.policy())
}

pub(crate) fn none_missing(missing: &[Missing], hint: &str) -> Result<(), CliError> {
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Err(CliError::usage(lines.join("\n")).hint(hint))
}

/// What a run would find and do; it changes nothing.
async fn plan(target: &Backend, settings: &Settings, selected: &Selected, schema: &'static str) -> RunDocument {
    let limits = settings.limits(target.ports.clock.now());
    let rotator = Rotator::new(target.ports.clone());
    let report = rotator.run(selected.chosen.clone(), Mode::Plan, &limits, &Cancel::default(), &|_| {}).await;
    RunDocument::new(schema, &report, selected)
}

/// An enrolled user; where its home is, if the settings give another place.
fn enrolled_at(one: &Target) -> String {
    match &one.subject.home {
        HomeTag::At(home) if *home.place() != one.subject.place() => {
            format!("already enrolled elsewhere: {}", home.place())
        }
        _ => "already enrolled".to_owned(),
    }
}

fn first_rotation(user: &UserDocument) -> String {
    let keys = match user.keys.as_slice() {
        [] => "it has no key".to_owned(),
        [one] => format!("{} keeps working for at least the overlap", one.id),
        more => format!("it has {} keys", more.len()),
    };
    format!("{}; {keys}; its secret is {}", user.message, user.secret)
}

fn left_behind(user: &UserDocument) -> String {
    let keys: Vec<String> = user
        .keys
        .iter()
        .map(|key| format!("{} ({}{})", key.id, key.status, if key.current { ", published" } else { "" }))
        .collect();
    if keys.is_empty() && user.state == State::Blocked {
        return "its keys and its secret, which were not read, stay as they are".to_owned();
    }
    let keys = if keys.is_empty() { "no key".to_owned() } else { keys.join(" and ") };
    // Without a current key nothing was ever published, and perhaps there is no secret at all.
    let secret = match user.current {
        Some(_) => format!(" and the secret {}; its key is no longer rotated", user.secret),
        None => "; keyrot never replaced it".to_owned(),
    };
    let under_way = match user.state {
        State::Waiting | State::Due if user.current.is_some() && user.keys.len() > 1 => {
            "; a rotation is under way, and the old key will not be deactivated or deleted"
        }
        _ => "",
    };
    format!("keeps {keys}{secret}{under_way}")
}

pub(crate) fn list(names: &[UserName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
