//! Checks whether the destinations answer, and the state of their places.

use crate::doctor::check::{Check, Notes};
use crate::doctor::wording::some;
use keyrot_core::Ports;
use keyrot_core::model::{Found, Subject, format_duration, plural};
use keyrot_core::settings::{DestinationKind, DestinationSpec, Settings};
use std::time::Duration;

const ABOUT: &str = "destinations";
/// The number of places of each destination that are read.
const PLACES: usize = 5;
/// The longest time for which a CI job waits in a queue, with the key from when it was queued
/// (GitHub Actions documentation, "Usage limits": 24 hours).
const QUEUED: Duration = Duration::from_secs(86_400);

/// Reads the first places of each destination, as a run does before it delivers.
pub(super) async fn examine(
    ports: &Ports,
    settings: &Settings,
    selected: &[Subject],
    notes: &mut Notes<'_>,
) {
    for spec in settings.destinations() {
        let all = selected.iter().flat_map(|subject| &subject.destinations);
        let places: Vec<&str> =
            all.filter(|one| one.to == *spec.name()).map(|one| one.place.as_str()).collect();
        // A user whose place is not usable is reported as blocked.
        if places.is_empty() && !selected.iter().any(|subject| spec.serves(&subject.user)) {
            let text = format!("{}: it is for no selected user", spec.name());
            notes.add(Check::warning(ABOUT, text).hint("check `users` of this destination"));
            continue;
        }
        if places.is_empty() {
            continue;
        }
        look(ports, spec, &places, notes).await;
        queue(settings, spec, notes);
    }
}

async fn look(ports: &Ports, spec: &DestinationSpec, places: &[&str], notes: &mut Notes<'_>) {
    let name = spec.name();
    let Some(port) = ports.destinations.get(name) else {
        notes.add(Check::failure(ABOUT, format!("{name}: this program was built without it")));
        return;
    };
    let (mut empty, mut wrong) = (0, Vec::new());
    let read = &places[..places.len().min(PLACES)];
    for place in read {
        match port.inspect(place).await {
            Ok(Found::Nothing) => empty += 1,
            Ok(Found::Copy { .. }) => {}
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if !wrong.is_empty() {
        let check = match spec.required() {
            true => Check::failure(ABOUT, some(&wrong)),
            false => Check::warning(ABOUT, some(&wrong)),
        };
        notes.add(check.hint("old keys stay Active until a required destination has the new key"));
        return;
    }
    let empty = if empty > 0 { format!(", {empty} empty yet") } else { String::new() };
    let more = match places.len() - read.len() {
        0 => String::new(),
        _ => format!("; only the first {PLACES} of {} places were checked", places.len()),
    };
    let looked = plural(read.len(), "place");
    let text = format!(
        "{name}: {looked} can be read{empty}; whether it may write shows with the first key{more}"
    );
    notes.add(Check::ok(ABOUT, text));
}

/// Whether a job may still have the old key when it is deactivated.
fn queue(settings: &Settings, spec: &DestinationSpec, notes: &mut Notes<'_>) {
    let overlap = settings.policy().waits().overlap;
    let queues = matches!(
        spec.kind(),
        DestinationKind::GitHub(_) | DestinationKind::GitLab(_) | DestinationKind::CircleCi(_)
    );
    if queues && overlap < QUEUED * 2 {
        let text = format!(
            "{}: the overlap is {}, and a job may keep the key with which it was queued for a day and more",
            spec.name(),
            format_duration(overlap)
        );
        notes.add(Check::warning(ABOUT, text).hint("set overlap to 2d or more"));
    }
}
