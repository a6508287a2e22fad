//! Models in which a person rolls back, revokes a key, or takes a revocation back.

use super::explore::{bound, deep, explore};
use super::setting::{Ask, Port, Setting, Start, asked, waits};

const REVOKE: &[Ask] = &[Ask::Revoke];
const REVOKE_IF_UNUSED: &[Ask] = &[Ask::RevokeIfUnused];
const REVOKE_OTHERWISE: &[Ask] =
    &[Ask::RevokeAndDelete, Ask::RevokeIfUnused, Ask::RevokeWithoutSuccessor];

#[test]
fn a_person_rolls_back() {
    let setting = Setting {
        asks: &[Ask::Rollback],
        faults: 1,
        horizon: bound(3, 8),
        ..asked(Start::Overlap)
    };
    explore("rollback, one fault", setting);
    let setting =
        Setting { asks: &[Ask::Rollback], horizon: bound(3, 6), ..asked(Start::ServicedOverlap) };
    explore("rollback after orders", setting);
}

#[test]
fn a_person_rolls_back_during_another_run() {
    let setting = Setting {
        asks: &[Ask::Rollback],
        rotators: 2,
        horizon: bound(3, 7),
        ..asked(Start::Overlap)
    };
    explore("rollback beside another run", setting);
}

#[test]
fn a_person_rolls_back_during_other_changes() {
    let setting = Setting {
        asks: &[Ask::Rollback],
        person: 1,
        horizon: bound(2, 4),
        ..asked(Start::Overlap)
    };
    explore("rollback and a person", setting);
}

#[test]
fn a_person_revokes_a_key() {
    for start in [Start::New { keys: 1 }, Start::Due, Start::DueForeign, Start::Overlap] {
        let setting = Setting { asks: REVOKE, faults: 1, horizon: bound(2, 6), ..asked(start) };
        explore(&format!("revocation, one fault, {start:?}"), setting);
        let setting =
            Setting { asks: REVOKE_OTHERWISE, faults: 1, horizon: bound(1, 6), ..asked(start) };
        explore(&format!("revocations of other kinds, one fault, {start:?}"), setting);
    }
}

#[test]
fn a_person_revokes_an_unknown_key() {
    let two = Start::New { keys: 2 };
    let waits = waits([14, 2, 1, 2, 2]);
    let setting = Setting {
        asks: REVOKE_IF_UNUSED,
        faults: 1,
        uses: 1,
        horizon: bound(5, 8),
        ..Setting::new(two)
    };
    let setting = Setting { waits, rotator_waits: waits, ..setting };
    explore("revocation of one of two unknown keys, if unused", setting);
    let setting = Setting { asks: REVOKE_OTHERWISE, person: 1, horizon: bound(1, 4), ..asked(two) };
    explore("revocations of one of two unknown keys, and a person", setting);
    let setting = Setting {
        asks: REVOKE_IF_UNUSED,
        faults: 1,
        uses: 1,
        horizon: bound(2, 4),
        ..asked(Start::Overlap)
    };
    explore("revocation in the overlap, if unused", setting);
}

#[test]
fn a_person_revokes_both_keys() {
    const BOTH: &[Ask] = &[Ask::Revoke, Ask::RevokeWithoutSuccessor];
    for start in [Start::Due, Start::Overlap] {
        let setting = Setting { asks: BOTH, requests: 2, horizon: bound(3, 6), ..asked(start) };
        explore(&format!("two revocations, {start:?}"), setting);
    }
    let setting = Setting {
        asks: BOTH,
        requests: 2,
        faults: 1,
        horizon: bound(0, 4),
        ..asked(Start::Overlap)
    };
    explore("two revocations, one fault", setting);
}

#[test]
fn a_person_revokes_a_key_that_was_inactive_before() {
    let setting = Setting {
        asks: REVOKE_OTHERWISE,
        person: 1,
        horizon: bound(2, 3),
        ..asked(Start::Soaking)
    };
    explore("revocations of a key that soaks, and a person", setting.clone());
    explore("the same, one fault", Setting { faults: 1, horizon: bound(0, 2), ..setting });
    if deep() {
        let setting = Setting {
            asks: &[Ask::Rollback],
            person: 1,
            rotators: 2,
            horizon: 0,
            ..asked(Start::Soaking)
        };
        explore("rollback to a key that soaks, and a person beside another run", setting);
    }
}

#[test]
fn a_revocation_without_a_successor_needs_only_iam() {
    const WITHOUT: &[Ask] = &[Ask::RevokeWithoutSuccessor];
    for port in [Port::StoreDown, Port::NoRoomForTags, Port::DropsRevocations] {
        for start in [Start::Due, Start::Overlap, Start::Soaking, Start::Reactivated] {
            let setting =
                Setting { asks: WITHOUT, port, faults: 1, horizon: bound(1, 4), ..asked(start) };
            explore(
                &format!("revocation without a successor, {port:?}, one fault, {start:?}"),
                setting,
            );
        }
    }
}

#[test]
fn writes_by_another_program_do_not_prevent_a_revocation() {
    const ASKS: &[Ask] = &[Ask::Revoke, Ask::RevokeWithoutSuccessor];
    for start in [Start::Due, Start::Overlap] {
        let setting = Setting { asks: ASKS, forges: 2, horizon: bound(1, 3), ..asked(start) };
        explore(&format!("revocation despite forged entries, {start:?}"), setting);
    }
}

#[test]
fn a_person_reactivates_a_revoked_key() {
    const ASKS: &[Ask] = &[Ask::Reinstate, Ask::Revoke, Ask::RevokeWithoutSuccessor];
    let setting =
        Setting { asks: ASKS, faults: 1, horizon: bound(3, 6), ..asked(Start::Reactivated) };
    explore("a revoked key that is reactivated, one fault", setting.clone());
    explore(
        "the same, despite forged entries",
        Setting { faults: 0, forges: 1, horizon: bound(1, 3), ..setting },
    );
}

#[test]
fn a_person_revokes_a_key_during_another_run() {
    for start in [Start::New { keys: 1 }, Start::Due] {
        let setting = Setting { asks: REVOKE, rotators: 2, horizon: bound(0, 4), ..asked(start) };
        explore(&format!("revocation beside another run, {start:?}"), setting);
    }
    let setting =
        Setting { asks: REVOKE, rotators: 2, horizon: bound(2, 6), ..asked(Start::Overlap) };
    explore("revocation beside a retirement", setting);
}

#[test]
fn a_person_revokes_a_key_during_other_changes() {
    for start in [Start::New { keys: 1 }, Start::Due, Start::Overlap, Start::Serviced] {
        let setting = Setting { asks: REVOKE, person: 1, horizon: bound(1, 4), ..asked(start) };
        explore(&format!("revocation and a person, {start:?}"), setting);
        let setting =
            Setting { asks: REVOKE_OTHERWISE, person: 1, horizon: bound(0, 4), ..asked(start) };
        explore(&format!("revocations of other kinds and a person, {start:?}"), setting);
    }
}
