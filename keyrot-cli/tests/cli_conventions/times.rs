//! Times in a time zone, and documents in UTC.

use crate::support::{Ran, Sandbox};
use std::collections::BTreeSet;
use std::path::Path;

/// A zone given by its rules, which needs no zone data on the machine: Central European Time
/// (POSIX.1-2024, 8.3 "TZ").
const CENTRAL_EUROPE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

fn in_zone(sandbox: &Sandbox, zone: &str, args: &[&str]) -> Ran {
    let output = sandbox.command(args).env("TZ", zone).output().unwrap();
    sandbox.take(&output)
}

#[test]
fn local_times_have_their_offset_and_documents_stay_in_utc() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "show"]);
    let mut zones = vec![CENTRAL_EUROPE];
    // By name, if the machine knows it.
    if Path::new("/usr/share/zoneinfo/Europe/Zurich").exists() {
        zones.push("Europe/Zurich");
    }
    let utc = sandbox.run(&["status"]).stdout;
    assert!(utc.contains(" UTC)") && utc.contains("2026-01-04 23:00 UTC"), "{utc}");
    for zone in zones {
        // The machine's zone alone has no effect.
        assert_eq!(in_zone(&sandbox, zone, &["status"]).stdout, utc);
        assert_eq!(in_zone(&sandbox, zone, &["status", "--utc"]).stdout, utc);
        let local = in_zone(&sandbox, zone, &["status", "--local"]).stdout;
        // In a table, and inside a message from the engine.
        assert!(!local.contains("UTC") && local.contains("+01:00)"), "{local}");
        assert!(local.contains("last used 2026-01-05 00:00 +01:00 for dynamodb"), "{local}");
        let plan = in_zone(&sandbox, zone, &["--local", "plan"]);
        assert!(plan.stderr.contains("clock 2026-01-05 05:00 +01:00"), "{}", plan.stderr);
        // In summer the offset is different.
        let summer = in_zone(
            &sandbox,
            zone,
            &["status", "--local", "--user", "report-mailer", "--max-age", "200d"],
        );
        assert!(summer.stdout.contains("+02:00"), "{}", summer.stdout);
        for args in [
            &["--json", "status"][..],
            &["--json", "who-uses", "backup-agent"],
            &["audit", "--output", "csv"],
            &["audit", "--output", "html"],
            &["audit", "--output", "asff"],
            &["--json", "audit"],
        ] {
            // Each read advances the sandbox's clock, so the two commands see different times.
            let before = std::fs::read(sandbox.file()).unwrap();
            let here = in_zone(&sandbox, zone, &[args, &["--local"]].concat()).stdout;
            std::fs::write(sandbox.file(), before).unwrap();
            assert_eq!(here, sandbox.run(args).stdout, "{args:?}");
        }
        let uses = in_zone(&sandbox, zone, &["who-uses", "backup-agent", "--local"]).stdout;
        assert!(uses.contains("+01:00") && !uses.contains(" UTC"), "{uses}");
    }
    // In a zone that is a day ahead, the date is that zone's.
    let day = |zone| in_zone(&sandbox, zone, &["audit", "--local"]).stdout;
    assert!(day("AHEAD-14").contains("2026-01-05 18:00 +14:00"), "{}", day("AHEAD-14"));
    assert!(day("BEHIND+5").contains("2026-01-04 23:00 -05:00"), "{}", day("BEHIND+5"));
}

#[test]
fn the_record_of_an_incident_is_in_one_zone() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "show"]);
    let record =
        in_zone(&sandbox, "AHEAD-5", &["revoke", "ci-deployer", "--local", "--yes"]).stdout;
    let rows = record
        .lines()
        .filter_map(|line| line.trim_start().get(..8))
        .filter(|at| at.as_bytes()[2] == b':');
    let hours: BTreeSet<&str> = rows.map(|at| &at[..2]).collect();
    assert_eq!(hours, ["09"].into(), "04:00 UTC, five hours ahead: {record}");
    assert!(!record.contains("UTC") && record.contains("2026-01-05 09:00 +05:00"), "{record}");
}

#[test]
fn only_one_of_utc_and_local() {
    let sandbox = Sandbox::new();
    for args in [
        &["--utc", "--local", "plan"][..],
        &["--local", "plan", "--utc"],
        &["plan", "--utc", "--local"],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("--utc") && ran.stderr.contains("--local"),
            "{args:?}: {}",
            ran.stderr
        );
    }
    assert!(!sandbox.file().exists());
}
