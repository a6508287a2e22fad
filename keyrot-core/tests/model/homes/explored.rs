//! The explored models of homes.

use super::{Deed, Lives, VersionContents, Way};
use crate::explore::{bound, explored};

/// Runs in either region, whose place was chosen on purpose or by the environment alone.
const ANYWHERE: &[(usize, Way)] =
    &[(0, Way::Named), (0, Way::Ambient), (1, Way::Named), (1, Way::Ambient)];

#[test]
fn a_home_whose_tag_is_removed() {
    let lives = Lives { untags: 2, faults: 1, ..Lives::new(ANYWHERE) };
    explored("a home whose tag is taken off twice, one fault", lives);
}

#[test]
fn a_tag_that_names_another_home() {
    // If only the environment sets a run's place, the tag decides. Anyone who may write the tag
    // chooses between the places of runs.
    const CHOSEN: &[(usize, Way)] = &[(0, Way::Named), (0, Way::Ambient), (1, Way::Named)];
    const DEEDS: &[Deed] = &[
        Deed::TagOther,
        Deed::Squat(1, VersionContents::Nothing),
        Deed::Squat(1, VersionContents::Placeholder),
    ];
    let lives = Lives { deeds: DEEDS, times: 2, horizon: bound(1, 3), ..Lives::new(CHOSEN) };
    explored("a tag that names another home, and a squatted secret there", lives);
}

const SQUATS: &[Deed] = &[
    Deed::Squat(0, VersionContents::Nothing),
    Deed::Squat(0, VersionContents::Placeholder),
    Deed::Squat(0, VersionContents::Strangers),
    Deed::Squat(0, VersionContents::ForUser),
    Deed::Squat(1, VersionContents::Nothing),
    Deed::Squat(1, VersionContents::Placeholder),
    Deed::Squat(1, VersionContents::ForUser),
    Deed::Squat(1, VersionContents::ForUsersKey),
    Deed::Squat(1, VersionContents::Strangers),
];

#[test]
fn a_secret_that_another_program_created_before() {
    let lives =
        Lives { untags: 1, deeds: SQUATS, times: 1, horizon: bound(1, 3), ..Lives::new(ANYWHERE) };
    explored("a squatted secret beside a home", lives.clone());
    explored("a squatted secret, and a new user", Lives { housed: false, untags: 0, ..lives });
}

#[test]
fn a_user_who_is_renamed_or_recreated() {
    let lives = Lives {
        faults: 1,
        deeds: &[Deed::Rename, Deed::Recreate],
        times: 1,
        horizon: bound(2, 3),
        ..Lives::new(ANYWHERE)
    };
    explored("a user renamed or created again, one fault", lives);
}

#[test]
fn two_places_at_the_same_time() {
    const NAMED: &[(usize, Way)] = &[(0, Way::Named), (1, Way::Named)];
    for keys in [0, 1] {
        let lives =
            Lives { housed: false, keys, at_once: 2, horizon: bound(0, 1), ..Lives::new(NAMED) };
        explored(&format!("two places at once, and a new user with {keys} keys"), lives);
    }
}
