//! Problems that keyrot can't fix: this machine's clock, and the path to STS.

use crate::lifecycle::Life;
use crate::scene::Scene;
use keyrot_aws::emulator::{CallAt, EmulatorOptions, Fault};
use keyrot_core::KeyStatus;
use std::process::Command;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

const READS: [&str; 2] = ["GetAccountAuthorizationDetails", "ListAccessKeys"];

fn active(life: &Life) -> usize {
    let world = life.emulator.world();
    let keys = world
        .users()
        .flat_map(|user| user.keys().iter().map(|k| k.listed.status.clone()).collect::<Vec<_>>());
    keys.filter(|status| *status == KeyStatus::Active).count()
}

#[test]
fn with_a_clock_that_is_days_off_nothing_changes_and_the_difference_is_reported() {
    // Like AWS, the emulator refuses the signatures. If a server accepts them, the answer's date is
    // enough.
    for strict_time in [true, false] {
        let options = EmulatorOptions { strict_time, ..EmulatorOptions::default() };
        let life = Life::on(&Scene::overlap(2), options);
        let now = life.emulator.now();
        for (time, says) in [
            (now + DAY * 8, "8d ahead of AWS's"),
            (now - DAY * 8, "8d behind AWS's"),
            (now + HOUR, "1h ahead of AWS's"),
        ] {
            life.emulator.reset_stats();
            let (code, said) = life.run_at(time);
            assert_eq!(code, Some(1), "{said}");
            assert!(said.contains(says), "{said}");
            let called: Vec<_> = life.emulator.stats().actions.keys().copied().collect();
            assert!(called.iter().all(|action| READS.contains(action)), "{called:?}: {said}");
            assert_eq!(active(&life), 4, "two keys each");
        }
        life.is_well();
        // Once the clock is set right, the run continues as if nothing had happened.
        life.converges();
    }
}

/// Short waits, so that a test ends soon.
fn soon(command: &mut Command) -> &mut Command {
    command.env("KEYROT_PROBE_FOR", "2s").env("KEYROT_ALLOW_SHORT_WAITS", "true")
}

#[test]
fn an_unreachable_sts_costs_no_key_for_days() {
    let scene = Scene::rotation(2);
    let life = Life::new(&scene);
    let before = active(&life);
    let unreachable = |life: &Life| {
        let mut command = life.command(None);
        // An address on which nothing listens.
        soon(&mut command).env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9");
        life.ended(command.spawn().unwrap())
    };
    let silent = |life: &Life| {
        life.emulator.inject(
            CallAt::every("GetCallerIdentity"),
            Fault::Error {
                code: "ServiceUnavailable".to_owned(),
                message: "no".to_owned(),
                status: 503,
            },
        );
        let ended = life.ended(soon(&mut life.command(None)).spawn().unwrap());
        life.emulator.heal();
        ended
    };
    for day in 0..4 {
        let (code, document) = if day % 2 == 0 { unreachable(&life) } else { silent(&life) };
        assert_eq!(code, Some(1), "{document:#}");
        for user in document["users"].as_array().unwrap() {
            assert_eq!(
                (&user["state"], &user["reason"]),
                (&"failed".into(), &"unavailable".into()),
                "{user:#}"
            );
            let text = user["message"].as_str().unwrap();
            assert!(
                text.contains("could not verify AKIA") && text.contains("sts:GetCallerIdentity"),
                "{text}"
            );
            assert!(text.contains("is not known, and the next run asks again"), "{text}");
        }
        // Each user has a new key, which the first run created, and which still exists past
        // `probe_limit`.
        assert_eq!(active(&life), before + 2, "day {day}: {document:#}");
        life.pass(DAY);
        life.is_well();
    }
    life.converges();
}

#[test]
fn a_secret_that_takes_no_version_for_a_day_costs_one_key() {
    let scene = Scene::rotation(2);
    for code in ["AccessDeniedException", "LimitExceededException", "EncryptionFailure"] {
        let life = Life::new(&scene);
        let before = active(&life);
        let refused =
            Fault::Error { code: code.to_owned(), message: "not for you".to_owned(), status: 400 };
        life.emulator.inject(CallAt::every("PutSecretValue"), refused);
        life.emulator.reset_stats();
        for hour in 0..24 {
            let (exit, document) = life.run(None);
            // The first run finds out after it has created a key; all others write a test version
            // before they create one.
            let expected = if hour == 0 { (1, "failed") } else { (3, "blocked") };
            for user in document["users"].as_array().unwrap() {
                assert_eq!(
                    (exit, user["state"].as_str()),
                    (Some(expected.0), Some(expected.1)),
                    "hour {hour}: {user:#}"
                );
                assert!(
                    user["message"].as_str().unwrap().contains("secretsmanager:PutSecretValue"),
                    "{user:#}"
                );
                assert!(hour == 0 || user["reason"] == "staging_refused", "{user:#}");
            }
            assert_eq!(active(&life), before, "no key is left behind");
            life.pass(HOUR);
        }
        assert_eq!(life.emulator.stats().actions["CreateAccessKey"].calls, 2, "one for each user");
        life.is_well();
        life.emulator.heal();
        life.converges();
    }
}
