//! The guards of a user's home.

use super::{secret, seeing};
use crate::explore;
use crate::homes::{Deed, Lives, VersionContents, Way};
use keyrot_core::decide::Decision;
use keyrot_core::machine::Decider;
use keyrot_core::model::{Adoption, HomeTag, Observed, SecretState};
use keyrot_core::{Timestamp, WaitPolicy};

#[allow(clippy::needless_pass_by_value, reason = "callers have no other use for it")]
fn breaks(lives: Lives, promise: &str) {
    explore::breaks(lives.decider.name, || lives.clone(), promise);
}

fn weak(name: &'static str, decide: fn(&Observed, &WaitPolicy, Timestamp) -> Decision) -> Lives {
    const BOTH: &[(usize, Way)] = &[(0, Way::Named), (1, Way::Named)];
    Lives { decider: Decider { name, decide, ..Decider::REAL }, ..Lives::new(BOTH) }
}

#[test]
fn does_not_check_where_the_home_is() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            s.residence.tag = HomeTag::Absent;
            s.elsewhere = Some(Vec::new());
        })
    };
    breaks(weak("no home check", decide_so), "S9 a run elsewhere");
}

#[test]
fn treats_a_lost_tag_as_a_new_user() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| s.elsewhere = Some(Vec::new()))
    };
    breaks(
        Lives { untags: 1, ..weak("a lost tag is a new user", decide_so) },
        "S9 a run elsewhere",
    );
}

#[test]
fn treats_the_environment_as_a_choice() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            if s.residence.adoption == Adoption::NotNamed {
                s.residence.adoption = Adoption::Named;
            }
        })
    };
    const AMBIENT: &[(usize, Way)] = &[(0, Way::Named), (1, Way::Ambient)];
    let lives = weak("the environment is a choice", decide_so);
    breaks(Lives { untags: 1, runs: AMBIENT, ..lives }, "S9 a run elsewhere");
}

#[test]
fn believes_the_users_tag_over_the_secrets() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let (owner, tag) = (s.residence.owner.clone(), s.residence.tag.clone());
            if let (Some(secret), HomeTag::At(_)) = (secret(s), tag) {
                secret.owner = Some(owner);
            }
        })
    };
    const DEEDS: &[Deed] = &[Deed::TagOther, Deed::Squat(1, VersionContents::Nothing)];
    let lives =
        Lives { deeds: DEEDS, times: 2, horizon: 0, ..weak("the user's tag is enough", decide_so) };
    // The tag does not have the whole ARN. Otherwise, the run would look elsewhere, which is
    // another guard.
    const ALONE: &[(usize, Way)] = &[(0, Way::Named), (1, Way::Ambient)];
    breaks(Lives { runs: ALONE, ..lives }, "S9");
}

#[test]
fn adopts_a_foreign_secret() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let owner = s.residence.owner.clone();
            if let Some(secret) = secret(s)
                && secret.owner.is_none()
            {
                secret.owner = Some(owner);
            }
        })
    };
    const DEEDS: &[Deed] = &[Deed::Squat(0, VersionContents::Placeholder)];
    let lives = Lives {
        housed: false,
        deeds: DEEDS,
        times: 1,
        horizon: 0,
        ..weak("any secret will do", decide_so)
    };
    breaks(lives, "S9 nothing is published");
}

#[test]
fn a_recreated_user_takes_over_the_old_users_secret() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let owner = s.residence.owner.clone();
            if let Some(secret) = secret(s) {
                secret.owner = Some(owner);
            }
        })
    };
    let lives = Lives {
        deeds: &[Deed::Recreate],
        times: 1,
        horizon: 0,
        ..weak("names are enough", decide_so)
    };
    breaks(lives, "S9 a user created again");
}

#[test]
fn does_not_check_again_after_it_has_created_a_secret() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            if s.created_here {
                s.elsewhere = Some(Vec::new());
            }
        })
    };
    let lives = Lives {
        housed: false,
        keys: 0,
        at_once: 2,
        horizon: 0,
        ..weak("looks elsewhere only before", decide_so)
    };
    breaks(lives, "S9 one user's key");
}

#[test]
fn treats_a_secret_that_names_the_user_as_the_home() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            if matches!(s.secret, SecretState::Present(_)) {
                s.elsewhere = Some(Vec::new());
            }
        })
    };
    let lives = weak("the secret's tag is enough", decide_so);
    breaks(
        Lives { untags: 1, deeds: &[Deed::Squat(1, VersionContents::ForUser)], times: 1, ..lives },
        "S9 a run elsewhere",
    );
}
