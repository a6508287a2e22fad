//! The network or AWS fails at each call, while the process stays alive.

use crate::lifecycle::each;
use crate::scene::Scene;
use keyrot_aws::emulator::{CallAt, Fault, Outcome};

/// Faults that outlast keyrot's retries, and one that it does not retry.
fn faults() -> [(Fault, usize); 5] {
    let throttle = Fault::Error {
        code: "Throttling".to_owned(),
        message: "Rate exceeded".to_owned(),
        status: 400,
    };
    [
        (Fault::LostRequest, 3),
        (Fault::LostReply, 3),
        (Fault::server_error(), 3),
        (throttle, 2),
        (Fault::denied(), 1),
    ]
}

/// Uses one user for each fault at each call. Returns how many calls failed.
fn fails_at_every_call(scene: fn(usize) -> Scene, calls: usize) -> usize {
    assert_eq!(scene(1).calls(), calls);
    let moments = (0..calls).flat_map(|n| faults().map(|(fault, times)| (n, fault, times)));
    let failed = each(moments, scene, |life, user, (n, fault, times)| {
        life.emulator.reset_stats();
        life.emulator.inject(CallAt::nth(n).times(times), fault.clone());
        let (code, document) = life.run(Some(user));
        assert!(matches!(code, Some(0 | 1)), "{fault:?} at call {n}: {document:#}");
        life.is_well();
        let log = life.emulator.stats().log;
        let failed = log.iter().filter(|e| e.outcome != Outcome::Done).count();
        assert!(failed >= 1, "{fault:?} at call {n}: {log:#?}");
        life.emulator.heal();
        failed
    });
    assert_eq!(failed.len(), 5 * calls);
    failed.into_iter().sum()
}

#[test]
fn in_a_rotation() {
    assert!(fails_at_every_call(Scene::rotation, 11) > 5 * 11);
}

#[test]
fn in_a_retirement() {
    assert!(fails_at_every_call(Scene::retirement, 16) > 5 * 16);
}

#[test]
fn in_a_deletion() {
    assert!(fails_at_every_call(Scene::deletion, 9) > 5 * 9);
}
