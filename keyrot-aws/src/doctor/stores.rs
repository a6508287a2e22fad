//! Checks the users, their keys and their secrets, with the calls that every run begins with.

use super::{current, destinations};
use crate::connection::Aws;
use crate::doctor::check::{Check, Notes, Verify};
use crate::doctor::rights::administrators;
use crate::doctor::sample::Sample;
use crate::doctor::wording::some;
use keyrot_core::model::{
    Adoption, HomeTag, Journal, LabeledVersion, Place, Secret, SecretState, Subject, VersionId,
    format_duration,
};
use keyrot_core::settings::Settings;
use keyrot_core::{
    ErrorKind, Homes, KeyId, Ports, SecretName, Selected, Timestamp, UserArn, select,
};
use std::time::Duration;

/// The number of secrets that are read to find the last run.
const SECRETS: usize = 20;

/// Makes the checks that need only the ports. This also works on an in-memory account.
pub async fn of_ports(
    ports: &Ports,
    settings: &Settings,
    homes: &Homes,
    verify: Verify,
    tell: &(dyn Fn(&Check) + Sync),
) -> Vec<Check> {
    let mut notes = Notes { checks: Vec::new(), tell };
    examine(ports, settings, homes, verify, &mut notes).await;
    notes.checks
}

pub(super) async fn examine(
    ports: &Ports,
    settings: &Settings,
    homes: &Homes,
    verify: Verify,
    notes: &mut Notes<'_>,
) -> Sample {
    let mut sample = Sample::default();
    let users = match ports.iam.users(&settings.selection().path_prefix).await {
        Ok(users) => users,
        Err(error) => {
            let hint = "without the list of users none is selected, and a run does nothing; `keyrot policy` prints the permissions";
            notes.add(
                Check::failure("users", format!("the users could not be listed: {error}"))
                    .hint(hint),
            );
            return any_secret(ports, settings, sample, notes).await;
        }
    };
    let selected = select(&users, settings.selection(), homes, settings.policy());
    count(settings, &selected, notes);
    administrators(&users, &selected, notes);
    let Some(first) = selected.chosen.first() else {
        return any_secret(ports, settings, sample, notes).await;
    };
    sample.selected = selected.chosen.iter().map(|one| one.subject.clone()).collect();
    sample.user = Some(first.subject.arn.clone());
    sample.secret = Some(first.subject.secret.clone());
    sample.key = keys(ports, first.subject.arn.clone(), notes).await;
    secrets(ports, settings, &selected, verify, &mut sample, notes).await;
    destinations::examine(ports, settings, &sample.selected, notes).await;
    sample
}

/// Warns about users that a run would not adopt, because nobody chose this account and region.
fn homeless(selected: &Selected, notes: &mut Notes<'_>) {
    let all = selected.chosen.iter().map(|one| &one.subject);
    let without =
        all.filter(|one| one.adoption == Adoption::NotNamed && one.home == HomeTag::Absent);
    let names: Vec<String> = without.map(|one| one.user.to_string()).collect();
    if names.is_empty() {
        return;
    }
    let text = format!(
        "{} of {} selected users have no home yet, and no setting names account and region, so a run blocks those without a secret: {}",
        names.len(),
        selected.chosen.len(),
        some(&names)
    );
    let hint = "enroll them (`keyrot enroll USER`), or set account and region in the settings file";
    notes.add(Check::warning("users", text).hint(hint));
}

fn count(settings: &Settings, selected: &Selected, notes: &mut Notes<'_>) {
    let passed = &selected.skipped;
    let alone = passed.not_tagged
        + passed.other_value
        + passed.outside_path
        + passed.excluded
        + passed.not_named;
    let (tag, value) = (&settings.selection().tag, &settings.selection().tag_value);
    let count = selected.chosen.len();
    notes.add(match count {
        0 => Check::warning(
            "users",
            format!("no user is selected: none of the {alone} users has the tag {tag}={value}"),
        )
        .hint(format!("aws iam tag-user --user-name NAME --tags Key={tag},Value={value}")),
        _ => Check::ok(
            "users",
            format!("{count} selected by the tag {tag}={value}, {alone} skipped"),
        ),
    });
    let wrong: Vec<String> = selected
        .chosen
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.subject.user, one.policy.as_ref().err()?)))
        .collect();
    if !wrong.is_empty() {
        let users = if wrong.len() == 1 {
            "1 selected user is".to_owned()
        } else {
            format!("{} selected users are", wrong.len())
        };
        let text =
            format!("{users} blocked by their tags, secret or destinations: {}", some(&wrong));
        notes.add(
            Check::warning("users", text)
                .hint("correct these users' tags, or the destinations in the settings; `keyrot status` says what each needs"),
        );
    }
    homeless(selected, notes);
    for pattern in &selected.unmatched_exclusions {
        let text = format!("the exclusion {pattern} fits no user");
        notes.add(Check::warning("users", text).hint("check its spelling"));
    }
}

/// Checks the first user's keys, and the last use of one.
async fn keys(ports: &Ports, user: UserArn, notes: &mut Notes<'_>) -> Option<KeyId> {
    let name = user.name();
    let keys = match ports.iam.list_keys(name).await {
        Ok(keys) => keys,
        Err(error) => {
            notes.add(Check::failure("keys", error.to_string()));
            return None;
        }
    };
    let Some(key) = keys.into_iter().map(|key| key.id).next() else {
        notes.add(Check::ok("keys", format!("the keys of {name} can be listed; it has none")));
        return None;
    };
    notes.add(match ports.iam.last_use(name, &key).await {
        Ok(_) => Check::ok(
            "keys",
            format!("the keys of {name} can be listed, and their last use can be read"),
        ),
        Err(error) => Check::failure("keys", error.to_string())
            .hint("without the last use, every old key counts as in use and is kept"),
    });
    Some(key)
}

/// Checks whether the store answers at all, if there is no user with a secret.
async fn any_secret(
    ports: &Ports,
    settings: &Settings,
    sample: Sample,
    notes: &mut Notes<'_>,
) -> Sample {
    let example = UserArn::parse("arn:aws:iam::123456789012:user/keyrot-doctor").ok();
    let name = example.and_then(|arn| settings.template().secret_name(&arn).ok());
    if let Some(name) = name {
        notes.add(match ports.store.describe(&name).await {
            Ok(_) => Check::ok("secrets", "the secret store answers"),
            Err(error) => store_error(&error),
        });
    }
    sample
}

fn store_error(error: &keyrot_core::CallError) -> Check {
    let check = Check::failure("secrets", error.to_string());
    match error.kind {
        ErrorKind::Denied => {
            check.hint("`keyrot policy` prints the permissions for these secret names")
        }
        ErrorKind::Unavailable => {
            check.hint("check the region, the endpoint, the proxy and the network")
        }
        _ => check,
    }
}

/// Checks the first users' secrets: their state, whether a value can be read, and when keyrot last
/// wrote a journal entry.
async fn secrets(
    ports: &Ports,
    settings: &Settings,
    selected: &Selected,
    verify: Verify,
    sample: &mut Sample,
    notes: &mut Notes<'_>,
) {
    let mut seen = Seen::default();
    let mut held = Vec::new();
    let all = selected.chosen.len();
    for one in selected.chosen.iter().take(SECRETS) {
        let secret = &one.subject.secret;
        if let Some(home) = home_elsewhere(&one.subject) {
            seen.elsewhere.push(format!("{}: {home}", one.subject.user));
            continue;
        }
        match ports.store.describe(secret).await {
            Ok(SecretState::Present(found)) => {
                seen.bad.extend(whose(&found, &one.subject));
                let value = found.current.as_ref().map(|held| held.version.clone());
                held.extend(found.current.map(|held| (&one.subject, held)));
                seen.there(secret, value, newest(&found.journal));
            }
            Ok(SecretState::Missing) => seen.missing += 1,
            Ok(SecretState::Deleted { .. }) => {
                seen.bad.push(format!("{secret} is scheduled for deletion"));
            }
            Ok(SecretState::Replica { primary }) => {
                seen.bad.push(format!("{secret} is a replica of {primary}"));
            }
            Err(error) => return notes.add(store_error(&error)),
        }
    }
    let read = all.min(SECRETS);
    if !seen.elsewhere.is_empty() {
        let (count, homes) = (seen.elsewhere.len(), some(&seen.elsewhere));
        let text = format!(
            "{count} of the first {read} users' secrets are in another place than these settings say: {homes}"
        );
        let check = if count == read {
            Check::failure("secrets", text)
        } else {
            Check::warning("secrets", text)
        };
        notes.add(check.hint("check region, account and secret_name; these users are blocked here, and `keyrot status` says what each needs"));
    }
    if !seen.bad.is_empty() {
        let text = some(&seen.bad);
        notes.add(
            Check::warning("secrets", text)
                .hint("these users are blocked; `keyrot status` says what each needs"),
        );
    }
    let text = format!(
        "{} of the first {read} users' secrets exist, {} do not exist yet",
        seen.present, seen.missing
    );
    notes.add(match seen.readable {
        None => Check::ok("secrets", text),
        // The contents are dropped, because the finding says only that it can be read.
        Some((secret, version)) => match ports.store.inspect_version(&secret, &version).await {
            Ok(_) => {
                sample.there = true;
                sample.secret = Some(secret);
                Check::ok("secrets", format!("{text}; values can be read"))
            }
            Err(error) => {
                // Every user would be refused in the same way.
                held.clear();
                store_error(&error)
            }
        },
    });
    current::examine(ports, &held, (read, all), verify, notes).await;
    notes.add(last_run(seen.last, ports.clock.now(), read, all, settings));
}

/// Returns the user's home, if its tag names a place other than the settings do.
fn home_elsewhere(subject: &Subject) -> Option<&Place> {
    let HomeTag::At(home) = &subject.home else { return None };
    Some(home.place()).filter(|place| **place != subject.place())
}

/// Returns why the secret is not this user's: a run would not publish the user's key there.
fn whose(secret: &Secret, subject: &Subject) -> Option<String> {
    let (name, user) = (&subject.secret, &subject.user);
    match &secret.owner {
        _ if secret.moved_to().is_some() => Some(format!("{name}: {user} was moved away from it")),
        Some(owner) if !owner.is(&subject.owner()) => {
            Some(format!("{name} belongs to another user, {owner}"))
        }
        None if secret.current.as_ref().and_then(LabeledVersion::key).is_none() => {
            Some(format!("{name} exists, and nothing in it shows that it is {user}'s"))
        }
        Some(_) | None => None,
    }
}

#[derive(Default)]
struct Seen {
    present: usize,
    missing: usize,
    bad: Vec<String>,
    elsewhere: Vec<String>,
    readable: Option<(SecretName, VersionId)>,
    last: Option<(Timestamp, SecretName)>,
}

impl Seen {
    fn there(&mut self, secret: &SecretName, value: Option<VersionId>, written: Option<Timestamp>) {
        self.present += 1;
        if self.readable.is_none() {
            self.readable = value.map(|version| (secret.clone(), version));
        }
        let last = written.map(|at| (at, secret.clone()));
        self.last = self.last.take().max(last);
    }
}

/// Returns when keyrot last wrote an entry.
fn newest(journal: &Journal) -> Option<Timestamp> {
    let intent = journal.intent.as_ref().map(|note| note.at);
    let promoted = journal.promoted.as_ref().map(|note| note.at);
    let retired = journal.retired.as_ref().map(|note| note.at);
    let revoked = journal.revoked.iter().map(|note| note.at).max();
    intent.max(promoted).max(retired).max(revoked)
}

fn last_run(
    last: Option<(Timestamp, SecretName)>,
    now: Timestamp,
    read: usize,
    all: usize,
    settings: &Settings,
) -> Check {
    const ABOUT: &str = "last_run";
    let among = if read < all {
        format!(" (the first {read} of {all} secrets were read)")
    } else {
        String::new()
    };
    let Some((at, secret)) = last else {
        return Check::warning(ABOUT, format!("keyrot has changed nothing yet{among}")).hint(
            "`keyrot plan` says what a run would do; `keyrot rotate` does it, best every day",
        );
    };
    let waits = settings.policy().waits();
    let ago = (now - at).to_std().unwrap_or_default();
    let when = match ago.as_secs() / 3600 {
        0 => "less than an hour".to_owned(),
        hours => format_duration(Duration::from_secs(hours * 3600)),
    };
    let text = format!("the last change was {when} ago, recorded on {secret}{among}");
    // A user is changed at least once in each max_age, and again when its old key is removed; then
    // the next rotation is due.
    if ago > waits.max_age {
        return Check::warning(ABOUT, text).hint(format!(
            "some key should be due by now: see whether keyrot rotate still runs, every {} at least (run_interval)",
            format_duration(waits.run_interval)
        ));
    }
    Check::ok(ABOUT, format!("{text}; a run with nothing to do leaves no record"))
}

/// Checks the KMS key, if the settings name one.
pub(super) async fn kms(aws: &Aws, settings: &Settings, sample: &Sample, notes: &mut Notes<'_>) {
    let Some(key) = settings.kms_key() else { return };
    let (Some(secret), true) = (&sample.secret, sample.there) else {
        let text = format!("{key}: no secret of keyrot's is there yet that uses it");
        notes.add(
            Check::not_checked("kms", text)
                .hint("it shows with the first rotation; see that keyrot's role may use the key"),
        );
        return;
    };
    let used = match aws.described(secret, &aws.budget()).await {
        Ok(answer) => answer.kms_key_id,
        Err(failure) => return notes.add(Check::failure("kms", failure.error.to_string())),
    };
    notes.add(compare(key, used.as_deref(), secret));
}

/// A value encrypted with the key was already read. Whether it is the configured key can be checked
/// only if both are in the same form.
fn compare(set: &str, used: Option<&str>, secret: &SecretName) -> Check {
    let plain = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
    let is_alias = |key: &str| key.contains("alias/");
    match used {
        None => Check::warning("kms", format!("{secret} is under AWS's own key and not under {set}"))
            .hint("kms_key is for new secrets: aws secretsmanager update-secret --kms-key-id moves one that is there"),
        Some(used) if is_alias(set) == is_alias(used) && plain(set) != plain(used) => {
            Check::warning("kms", format!("{secret} is under {used} and not under {set}")).hint(
                "kms_key is for new secrets: aws secretsmanager update-secret --kms-key-id moves one that is there",
            )
        }
        Some(used) => Check::ok("kms", format!("{secret} is under {used}, and its value can be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Health;
    use keyrot_core::settings::Sources;

    #[test]
    fn keys_are_compared_if_they_have_the_same_form() {
        let secret = SecretName::parse("/iam/ci/access_key").unwrap();
        let arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let of = |set, used| compare(set, used, &secret).health;
        assert_eq!(of(arn, Some("1234abcd-12ab-34cd-56ef-1234567890ab")), Health::Ok);
        assert_eq!(of(arn, Some(arn)), Health::Ok);
        assert_eq!(
            of("alias/keys", Some(arn)),
            Health::Ok,
            "which key an alias means is not seen here"
        );
        assert_eq!(of("alias/keys", Some("alias/other")), Health::Warning);
        assert_eq!(of("other", Some(arn)), Health::Warning);
        assert_eq!(of(arn, None), Health::Warning);
    }

    #[test]
    fn the_last_run_is_a_warning_if_there_was_none_or_long_ago() {
        let settings = Settings::load(&Sources::default()).unwrap();
        let now: Timestamp = "2026-01-05T04:00:00Z".parse().unwrap();
        let secret = SecretName::parse("/iam/ci/access_key").unwrap();
        let of = |days| {
            last_run(
                Some((now - chrono::TimeDelta::days(days), secret.clone())),
                now,
                20,
                30,
                &settings,
            )
        };
        assert_eq!(
            (of(0).health, of(90).health, of(91).health),
            (Health::Ok, Health::Ok, Health::Warning)
        );
        assert!(of(3).message.starts_with(
            "the last change was 3d ago, recorded on /iam/ci/access_key (the first 20 of 30"
        ));
        assert_eq!(last_run(None, now, 1, 1, &settings).health, Health::Warning);
    }
}
