//! What a person asks for: what it takes, what is refused, and that to ask again is harmless.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, Value, World};
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{
    Blocked, Cancel, Chosen, EventDocument, IamPort, Intended, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Refusal,
    Request, Revocation, Rotator, SecretName, Standing, UserName, Wait, WayOut, Why,
};
use support::{DAY, HOUR, MINUTE};

/// One user, tagged for rotation, at a desk where a person sits.
struct Desk {
    account: MemoryAccount,
    user: UserName,
}

impl Desk {
    /// A user with so many keys, and no secret.
    fn new(keys: usize) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        for _ in 0..keys {
            world.add_key(&user).unwrap();
            world.advance(DAY);
        }
        Self { account: MemoryAccount::new(world), user }
    }

    /// A user who was adopted, and rotated once since: the key before is in its overlap.
    async fn in_overlap() -> Self {
        let desk = Self::new(0);
        desk.run().await;
        desk.account.advance(90 * DAY);
        desk.run().await;
        assert_eq!(desk.active().len(), 2);
        desk
    }

    async fn chosen(&self) -> Chosen {
        settings().find_named(&self.account, &self.user).await.unwrap().unwrap()
    }

    async fn run(&self) -> Standing {
        self.work(Mode::Act).await
    }

    async fn look(&self) -> Standing {
        self.work(Mode::Plan).await
    }

    async fn work(&self, mode: Mode) -> Standing {
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let chosen = vec![self.chosen().await];
        let report = rotator.run(chosen, mode, &Limits::default(), &Cancel::default(), &|_| {}).await;
        report.users.into_iter().next().unwrap()
    }

    async fn put(&self, request: &Request, mode: Mode) -> Outcome {
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let (chosen, limits, cancel) = (self.chosen().await, Limits::default(), Cancel::default());
        let report = rotator.fulfil(chosen, request.clone(), mode, &limits, &cancel, &|_| {}).await;
        report.users.into_iter().next().unwrap().outcome
    }

    /// Asks, demands that it is done, and gives back what people were told, in a word each.
    async fn told(&self, request: &Request) -> Vec<&'static str> {
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let (chosen, limits, cancel) = (self.chosen().await, Limits::default(), Cancel::default());
        let report = rotator.fulfil(chosen, request.clone(), Mode::Act, &limits, &cancel, &|_| {}).await;
        assert_eq!(report.users[0].outcome, Outcome::Done);
        report.users[0].events.iter().map(|event| EventDocument::of(event).event).collect()
    }

    async fn ask(&self, request: &Request) -> Outcome {
        self.put(request, Mode::Act).await
    }

    async fn intended(&self, request: &Request) -> Vec<Intended> {
        let before = self.account.world();
        let Outcome::Intended(steps) = self.put(request, Mode::Plan).await else { panic!("nothing is intended") };
        let after = self.account.world();
        assert_eq!(self.keys(), keys_of(&before, &self.user), "to look changes nothing");
        assert_eq!(before.secret(&secret()), after.secret(&secret()), "to look changes nothing");
        steps
    }

    /// What is refused has changed nothing; an authentication leaves its mark on the key's last use only.
    async fn refused(&self, request: &Request) -> Refusal {
        let before = self.account.world();
        let outcome = self.ask(request).await;
        let after = self.account.world();
        assert_eq!(self.keys(), keys_of(&before, &self.user));
        assert_eq!(before.secret(&secret()), after.secret(&secret()));
        match outcome {
            Outcome::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn keys(&self) -> Vec<(KeyId, KeyStatus)> {
        keys_of(&self.account.world(), &self.user)
    }

    fn active(&self) -> Vec<KeyId> {
        self.keys().into_iter().filter(|(_, status)| *status == KeyStatus::Active).map(|(id, _)| id).collect()
    }

    fn labelled(&self, label: Label) -> Option<KeyId> {
        let world = self.account.world();
        let secret = world.secret(&secret())?;
        Some(secret.value(secret.labelled(label)?)?.read()?.key)
    }

    fn current(&self) -> Option<KeyId> {
        self.labelled(Label::Current)
    }

    /// Runs a day apart until the user is settled, and demands that this comes.
    async fn settles(&self) {
        for _ in 0..30 {
            self.account.advance(DAY);
            if matches!(self.run().await.outcome, Outcome::Settled { .. }) {
                let keys = self.keys();
                assert_eq!((keys.len(), self.current()), (1, Some(keys[0].0.clone())));
                return;
            }
        }
        panic!("never settled: {:?}", self.look().await.outcome);
    }
}

fn settings() -> Settings {
    Settings::load(&Sources::default()).unwrap()
}

fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

fn keys_of(world: &World, user: &UserName) -> Vec<(KeyId, KeyStatus)> {
    world.user(user).unwrap().keys().iter().map(|k| (k.listed.id.clone(), k.listed.status.clone())).collect()
}

fn back_to(key: &KeyId) -> Request {
    Request::Rollback { to: key.clone() }
}

fn revoke(key: &KeyId) -> Revocation {
    Revocation::of(key.clone())
}

#[tokio::test]
async fn back_and_forth_between_two_keys() {
    let desk = Desk::in_overlap().await;
    let (old, new) = (desk.labelled(Label::Previous).unwrap(), desk.current().unwrap());
    let request = back_to(&Request::key_before(&desk.look().await).unwrap());
    assert_eq!(desk.intended(&request).await, [Intended::PublishAgain(old.clone())]);
    assert_eq!(desk.ask(&request).await, Outcome::Done);
    assert_eq!((desk.current(), desk.active().len()), (Some(old.clone()), 2));

    let before = desk.account.world();
    assert_eq!(desk.ask(&request).await, Outcome::Done, "to ask again is harmless");
    assert_eq!(desk.account.world().secret(&secret()), before.secret(&secret()));

    // No run undoes it, however long it takes.
    for _ in 0..20 {
        desk.account.advance(5 * DAY);
        let blocked = Blocked::RolledBack { from: new.clone(), to: Some(old.clone()) };
        assert_eq!(desk.run().await.outcome, Outcome::Blocked(blocked));
    }
    assert_eq!((desk.current(), desk.active().len()), (Some(old.clone()), 2));

    let forward = back_to(&Request::key_before(&desk.look().await).unwrap());
    assert_eq!((desk.ask(&forward).await, desk.current()), (Outcome::Done, Some(new)));
    let why = Why::Overlap(old);
    assert!(matches!(desk.run().await.outcome, Outcome::Waiting(Wait { why: w, .. }) if w == why));
    desk.settles().await;
}

#[tokio::test]
async fn a_key_that_is_inactive_already_is_reactivated_before_it_is_published() {
    let desk = Desk::in_overlap().await;
    let old = desk.labelled(Label::Previous).unwrap();
    while desk.active().len() == 2 {
        desk.account.advance(DAY);
        desk.run().await;
    }
    let request = back_to(&old);
    assert_eq!(desk.intended(&request).await, [Intended::Activate(old.clone()), Intended::PublishAgain(old.clone())]);
    desk.account.advance(HOUR);
    assert_eq!(desk.ask(&request).await, Outcome::Done);
    assert_eq!((desk.current(), desk.active().len()), (Some(old), 2));
}

#[tokio::test]
async fn there_is_no_way_back_and_it_says_why() {
    let new = Desk::new(1);
    let key = new.active().remove(0);
    assert_eq!(Request::key_before(&new.look().await), Err(Refusal::NothingCurrent));
    assert_eq!(new.refused(&back_to(&key)).await, Refusal::NothingCurrent);

    let adopted = Desk::new(1);
    adopted.run().await;
    let own = adopted.active().remove(0);
    let none = Refusal::NothingBefore { left: vec![own.clone()] };
    assert_eq!(Request::key_before(&adopted.look().await), Err(none.clone()));
    assert!(none.hint(&adopted.user).unwrap().contains(own.as_str()));
    assert_eq!(adopted.refused(&back_to(&own)).await, Refusal::NotBefore { key: own });

    let desk = Desk::in_overlap().await;
    let old = desk.labelled(Label::Previous).unwrap();
    let world = desk.account.world();
    let right = World::credentials_of(&old);
    // Somebody overwrote what is under AWSPREVIOUS: it names the key, and does not work.
    let version = world.secret(&secret()).unwrap().labelled(Label::Previous).unwrap().clone();
    let wrong = Value::text(format!(r#"{{"AccessKeyId":"{old}","SecretAccessKey":"slip of the pen"}}"#));
    let set = |value: Value| {
        desk.account.change(|w| {
            let other = keyrot_core::VersionId::parse("00000000-0000-0000-0000-000000000009").unwrap();
            let now = w.secret(&secret()).unwrap().labelled(Label::Current).unwrap().clone();
            w.put_secret_value(&secret(), &other, value, &[]).unwrap();
            w.move_label(&secret(), Label::Current, Some(&other), Some(&now)).unwrap();
            other
        })
    };
    let other = set(wrong);
    assert_ne!(other, version);
    let refusal = desk.refused(&back_to(&old)).await;
    assert!(matches!(&refusal, Refusal::DoesNotWork { key, .. } if *key == old), "{refusal:?}");
    assert!(!format!("{refusal} {refusal:?}").contains("slip of the pen"));
    drop(right);

    let gone = Desk::in_overlap().await;
    let old = gone.labelled(Label::Previous).unwrap();
    gone.settles().await;
    assert_eq!(gone.refused(&back_to(&old)).await, Refusal::Gone { key: old });
}

#[tokio::test]
async fn a_leaked_key_is_replaced_first_and_deactivated_at_once() {
    for start in ["no secret yet", "current", "in its overlap"] {
        let desk = match start {
            "no secret yet" => Desk::new(1),
            "current" => Desk::new(0),
            _ => Desk::in_overlap().await,
        };
        if start == "current" {
            desk.run().await;
        }
        let leaked = desk.labelled(Label::Previous).unwrap_or_else(|| desk.active().remove(0));
        let request = Request::Revoke(Revocation { reason: Some("in a public repository".into()), ..revoke(&leaked) });
        let intended = desk.intended(&request).await;
        assert_eq!(intended.contains(&Intended::MakeSecret), start == "no secret yet");
        assert_eq!(intended.contains(&Intended::PublishNewKey), start != "in its overlap");
        assert!(intended.contains(&Intended::Deactivate(leaked.clone())), "{start}: {intended:?}");

        assert_eq!(desk.ask(&request).await, Outcome::Done, "{start}");
        let active = desk.active();
        assert_eq!((active.len(), desk.current()), (1, Some(active[0].clone())), "{start}");
        assert_ne!(active[0], leaked);
        let made = desk.account.calls().get("create_key").copied();
        assert_eq!(desk.ask(&request).await, Outcome::Done, "{start}: to ask again is harmless");
        assert_eq!(desk.account.calls().get("create_key").copied(), made, "{start}");

        let refusal = desk.refused(&back_to(&leaked)).await;
        match start {
            "no secret yet" => assert_eq!(refusal, Refusal::NotBefore { key: leaked.clone() }),
            _ => assert_eq!(refusal, Refusal::WasRevoked { key: leaked.clone() }, "{start}"),
        }
        desk.account.advance(6 * DAY);
        desk.run().await;
        assert_eq!(desk.keys().len(), 2, "{start}: it soaks");
        desk.settles().await;
    }
}

#[tokio::test]
async fn where_there_is_no_room_the_key_before_takes_the_place_of_the_one_that_leaked() {
    let desk = Desk::in_overlap().await;
    let (old, leaked) = (desk.labelled(Label::Previous).unwrap(), desk.current().unwrap());
    let request = Request::Revoke(revoke(&leaked));
    let intended = desk.intended(&request).await;
    let until = desk.account.world().now() + 30 * MINUTE;
    assert!(matches!(&intended[0], Intended::Wait { key, until: u } if *key == leaked && *u <= until), "{intended:?}");
    assert_eq!(intended[1..3], [Intended::PublishAgain(old.clone()), Intended::Deactivate(leaked.clone())]);
    // It was published just now: a run that is still under way may publish it once more.
    let settling = desk.ask(&request).await;
    assert!(matches!(settling, Outcome::Waiting(Wait { why: Why::Settling(_), .. })), "{settling:?}");
    desk.account.advance(30 * MINUTE);
    assert_eq!(desk.ask(&request).await, Outcome::Done);
    assert_eq!((desk.current(), desk.active()), (Some(old.clone()), vec![old]));
    desk.settles().await;
}

#[tokio::test]
async fn a_revocation_is_refused_before_anything_is_changed() {
    let desk = Desk::new(2);
    let keys = desk.active();
    let no_room = Refusal::NoRoom { key: keys[0].clone(), other: keys[1].clone(), revoked: false };
    assert_eq!(desk.refused(&Request::Revoke(revoke(&keys[0]))).await, no_room);
    let stranger = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    let no_such = Refusal::NoSuchKey { key: stranger.clone(), keys: keys.clone() };
    assert_eq!(desk.refused(&Request::Revoke(revoke(&stranger))).await, no_such);
    let which = Refusal::WhichKey { keys: keys.clone() };
    assert_eq!(Request::revoke(&desk.look().await, None), Err(which));

    let credentials = World::credentials_of(&keys[1]);
    desk.account.change(|world| world.authenticate(&credentials, "s3", "eu-west-1"));
    desk.account.advance(HOUR);
    let if_unused = |key: &KeyId| Request::Revoke(Revocation { only_if_unused: true, ..revoke(key) });
    let refusal = desk.refused(&if_unused(&keys[1])).await;
    assert!(matches!(&refusal, Refusal::InUse { key, .. } if *key == keys[1]), "{refusal:?}");
    assert!(refusal.hint(&desk.user).unwrap().contains("keyrot who-uses"));

    let adopted = Desk::new(0);
    adopted.run().await;
    adopted.account.advance(30 * DAY);
    let current = adopted.current().unwrap();
    assert_eq!(adopted.refused(&if_unused(&current)).await, Refusal::IsCurrent { key: current });
}

#[tokio::test]
async fn without_a_successor_the_key_goes_first_of_all_and_a_deletion_makes_room() {
    let desk = Desk::new(2);
    let keys = desk.active();
    let order = Revocation { without_successor: true, delete: true, ..revoke(&keys[0]) };
    let intended = desk.intended(&Request::Revoke(order.clone())).await;
    assert_eq!(intended[0], Intended::Deactivate(keys[0].clone()));
    assert!(intended.contains(&Intended::Delete(keys[0].clone())), "{intended:?}");
    let told = desk.told(&Request::Revoke(order)).await;
    let expected = ["retired", "adopted", "revoked", "deleted"];
    assert_eq!(told, expected, "each once, in the order in which it happened");
    assert_eq!(desk.keys(), [(keys[1].clone(), KeyStatus::Active)]);
    // The key that is left is adopted as any other.
    desk.settles().await;
}

#[tokio::test]
async fn a_revocation_that_dies_halfway_is_finished_by_the_next_run() {
    for call in ["create_key", "stage", "probe", "promote", "deactivate_key", "write_note"] {
        let desk = Desk::new(0);
        desk.run().await;
        let leaked = desk.current().unwrap();
        desk.account.advance(DAY);
        // The note that it is revoked is the first to be written; it is there.
        let nth = usize::from(call == "write_note");
        desk.account.inject(FaultAt { call: Some(call), after: nth, times: 1, fault: Fault::DeathAfter });
        let request = Request::Revoke(revoke(&leaked));
        let died = tokio::time::timeout(std::time::Duration::from_millis(50), desk.ask(&request)).await;
        assert!(died.is_err(), "{call}: {died:?}");
        desk.account.heal();
        for _ in 0..6 {
            desk.account.advance(HOUR);
            desk.run().await;
        }
        // The key whose maker's reply was lost is in the way of another, and is not mistaken for a successor.
        assert_eq!(desk.active().contains(&leaked), call == "create_key", "{call}");
        assert_eq!(desk.look().await.revoked, Some(leaked), "{call}");
        desk.settles().await;
    }
}

#[tokio::test]
async fn amazons_quarantine_stops_runs_and_not_the_person_who_is_called() {
    let desk = Desk::new(0);
    desk.run().await;
    let leaked = desk.current().unwrap();
    let policy = "AWSCompromisedKeyQuarantineV3";
    desk.account.change(|world| {
        let user = world.user_mut(&desk.user).unwrap();
        user.policies.push(policy.to_owned());
    });
    assert!(matches!(desk.run().await.outcome, Outcome::Blocked(Blocked::Quarantined { .. })));
    assert_eq!(desk.ask(&Request::Revoke(revoke(&leaked))).await, Outcome::Done);
    assert!(!desk.active().contains(&leaked));
}

#[tokio::test]
async fn each_way_out_leads_out() {
    // Two keys that nobody knows: the one without use goes, the other is adopted.
    let desk = Desk::new(2);
    let keys = desk.active();
    desk.account.advance(30 * DAY);
    let seen = desk.run().await;
    let ways = WayOut::of(&seen);
    let choices: Vec<_> = ways.iter().map(|way| way.choice.as_str()).collect();
    assert_eq!(choices, [format!("retire:{}", keys[0]), format!("retire:{}", keys[1])]);
    assert_eq!(desk.ask(&ways[0].request).await, Outcome::Done);
    assert_eq!(desk.active(), [keys[1].clone()]);
    desk.settles().await;

    // The current key was deactivated, or deleted, by hand.
    for deleted in [false, true] {
        let desk = Desk::new(0);
        desk.run().await;
        let current = desk.current().unwrap();
        desk.account.advance(DAY);
        desk.account.change(|world| {
            world.set_key_status(&desk.user, &current, KeyStatus::Inactive).unwrap();
            if deleted {
                world.delete_key(&desk.user, &current).unwrap();
            }
        });
        let ways = WayOut::of(&desk.run().await);
        assert_eq!(ways.iter().map(|way| way.choice.as_str()).collect::<Vec<_>>(), ["replace"]);
        assert_eq!(desk.ask(&ways[0].request).await, Outcome::Done);
        assert_ne!(desk.current(), Some(current));
        desk.settles().await;
    }

    // AWSCURRENT was moved back: on, or never again.
    for choice in ["go-on", "give-up"] {
        let desk = Desk::in_overlap().await;
        let (old, new) = (desk.labelled(Label::Previous).unwrap(), desk.current().unwrap());
        desk.account.advance(HOUR);
        assert_eq!(desk.ask(&back_to(&old)).await, Outcome::Done);
        let ways = WayOut::of(&desk.run().await);
        let way = ways.iter().find(|way| way.choice == choice).unwrap();
        assert_eq!(desk.ask(&way.request).await, Outcome::Done);
        let expected = if choice == "go-on" { new } else { old };
        assert_eq!(desk.current(), Some(expected));
        desk.settles().await;
    }

    assert_eq!(WayOut::of(&Desk::new(1).look().await), [], "nothing is in the way");
}

#[tokio::test]
async fn who_is_not_tagged_can_be_named() {
    let desk = Desk::new(1);
    desk.account.change(|world| world.untag_user(&desk.user, "RotateKey").unwrap());
    let leaked = desk.active().remove(0);
    assert_eq!(desk.ask(&Request::Revoke(revoke(&leaked))).await, Outcome::Done);
    assert_eq!(desk.active(), [desk.current().unwrap()]);
    let nobody = UserName::parse("cj").unwrap();
    let missing = settings().find_named(&desk.account, &nobody).await.unwrap().unwrap_err();
    assert!(missing.to_string().contains("did you mean ci?"), "{missing}");
    assert!(desk.account.users("/").await.is_ok());
}

#[tokio::test]
async fn a_listing_that_lags_does_not_block_who_was_just_freed() {
    let desk = Desk::new(2);
    let keys = desk.active();
    desk.account.advance(30 * DAY);
    desk.account.change(|world| world.rules.listing_lag = 5 * MINUTE);
    let request = Request::Revoke(Revocation { only_if_unused: true, ..revoke(&keys[0]) });
    assert_eq!(desk.ask(&request).await, Outcome::Done);
    let seen = desk.look().await;
    assert_eq!(seen.keys[0].status, KeyStatus::Active, "the listing lags");
    assert!(matches!(&seen.outcome, Outcome::Waiting(Wait { why: Why::Settling(_), .. })), "{:?}", seen.outcome);
    desk.settles().await;
}

#[tokio::test]
async fn what_leaked_goes_at_once_although_it_was_just_published_again() {
    // Rotated, taken back; then what was taken back turns out to have leaked.
    let desk = Desk::in_overlap().await;
    let (old, new) = (desk.labelled(Label::Previous).unwrap(), desk.current().unwrap());
    desk.account.advance(HOUR);
    assert_eq!(desk.ask(&back_to(&old)).await, Outcome::Done);
    desk.account.advance(MINUTE);
    assert_eq!(desk.ask(&Request::Revoke(revoke(&old))).await, Outcome::Done);
    assert_eq!((desk.current(), desk.active()), (Some(new.clone()), vec![new]));
    desk.settles().await;

    // The key before had been kept for another overlap, and that was nearly over when it was published again.
    let desk = Desk::in_overlap().await;
    let (old, new) = (desk.labelled(Label::Previous).unwrap(), desk.current().unwrap());
    while desk.active().len() == 2 {
        desk.account.advance(DAY);
        desk.run().await;
    }
    assert_eq!(desk.ask(&back_to(&old)).await, Outcome::Done);
    desk.account.advance(HOUR);
    desk.run().await;
    desk.account.advance(20 * DAY);
    assert_eq!(desk.ask(&back_to(&new)).await, Outcome::Done);
    desk.account.advance(HOUR);
    assert_eq!(desk.ask(&Request::Revoke(revoke(&new))).await, Outcome::Done);
    assert_eq!((desk.current(), desk.active()), (Some(old.clone()), vec![old]));
    desk.settles().await;
}

#[tokio::test]
async fn to_repeat_a_command_without_a_key_never_means_the_successor() {
    let desk = Desk::new(1);
    let leaked = desk.active().remove(0);
    let order = Request::revoke(&desk.look().await, None).unwrap();
    assert_eq!(order, revoke(&leaked));
    assert_eq!(desk.ask(&Request::Revoke(Revocation { delete: true, ..order })).await, Outcome::Done);
    let successor = desk.current().unwrap();
    let which = Request::revoke(&desk.look().await, None).unwrap_err();
    assert_eq!(which, Refusal::WhichKey { keys: vec![successor] });
    assert!(which.to_string().contains("another was revoked before"), "{which}");
}

#[tokio::test]
async fn where_both_keys_leaked_it_says_how_to_make_room() {
    let desk = Desk::in_overlap().await;
    let (old, new) = (desk.labelled(Label::Previous).unwrap(), desk.current().unwrap());
    desk.account.advance(HOUR);
    assert_eq!(desk.ask(&Request::Revoke(revoke(&old))).await, Outcome::Done);
    let refusal = desk.refused(&Request::Revoke(revoke(&new))).await;
    assert_eq!(refusal, Refusal::NoRoom { key: new.clone(), other: old.clone(), revoked: true });
    let hint = refusal.hint(&desk.user).unwrap();
    assert!(hint.contains(&format!("keyrot revoke ci {old} --delete")), "{hint}");
    assert_eq!(desk.ask(&Request::Revoke(Revocation { delete: true, ..revoke(&old) })).await, Outcome::Done);
    assert_eq!(desk.ask(&Request::Revoke(revoke(&new))).await, Outcome::Done);
    assert!(!desk.active().contains(&new));
    desk.settles().await;
}

#[tokio::test]
async fn a_listing_that_lags_does_not_block_who_was_just_taken_back() {
    let desk = Desk::in_overlap().await;
    let old = desk.labelled(Label::Previous).unwrap();
    while desk.active().len() == 2 {
        desk.account.advance(DAY);
        desk.run().await;
    }
    desk.account.advance(HOUR);
    desk.account.change(|world| world.rules.listing_lag = 5 * MINUTE);
    assert_eq!(desk.ask(&back_to(&old)).await, Outcome::Done);
    let outcome = desk.look().await.outcome;
    assert!(matches!(&outcome, Outcome::Waiting(Wait { why: Why::Settling(key), .. }) if *key == old), "{outcome:?}");
    // Deactivated by hand, and for longer than any listing lags: that is told.
    desk.account.advance(HOUR);
    desk.account.change(|world| world.set_key_status(&desk.user, &old, KeyStatus::Inactive).unwrap());
    desk.account.advance(HOUR);
    assert_eq!(desk.look().await.outcome, Outcome::Blocked(Blocked::CurrentKeyInactive { key: old }));
}

#[tokio::test]
async fn a_note_from_before_does_not_shorten_the_overlap_of_what_is_left() {
    let desk = Desk::in_overlap().await;
    let (old, new) = (desk.labelled(Label::Previous).unwrap(), desk.current().unwrap());
    desk.account.advance(6 * DAY);
    // Somebody puts the older key back by hand, and thinks better of it before any run has looked.
    let by_hand = keyrot_core::VersionId::parse("00000000-0000-0000-0000-000000000009").unwrap();
    let value = Value::credentials(&World::credentials_of(&old), None);
    desk.account.change(|world| world.put_secret_value(&secret(), &by_hand, value, &[]).unwrap());
    assert_eq!(desk.current(), Some(old.clone()));
    assert_eq!(desk.ask(&back_to(&new)).await, Outcome::Done);
    assert_eq!(desk.current(), Some(new));
    let until = desk.account.world().now() + 7 * DAY;
    desk.account.advance(2 * DAY);
    match desk.run().await.outcome {
        Outcome::Waiting(Wait { why: Why::Overlap(key), until: Some(end) }) => {
            assert_eq!((key, (end - until).num_minutes()), (old, 0), "it counts from when the key was left");
        }
        other => panic!("{other:?}"),
    }
    desk.settles().await;
}
