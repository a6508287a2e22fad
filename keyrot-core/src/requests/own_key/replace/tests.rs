use super::*;
use crate::model::waits::Waits;
use crate::testing::{at, key};

const DAY: i64 = 86_400;

fn listed(name: &str, status: KeyStatus, created: i64) -> AccessKey {
    AccessKey { id: key(name), status, created: at(created) }
}

fn policy() -> WaitPolicy {
    WaitPolicy::new(Waits::default(), false).unwrap()
}

fn used(seconds: i64) -> LastUse {
    LastUse::At { when: at(seconds), service: "s3".into(), region: "eu-west-1".into() }
}

/// Returns the decision at this time. The old key was created 100 days before the new one, which is
/// in the file.
fn leaving_at(now: i64, last_use: Option<&LastUse>) -> OwnStep {
    let keys = [listed("OLD", KeyStatus::Active, -100 * DAY), listed("NEW", KeyStatus::Active, 0)];
    decide_own(&keys, &key("NEW"), last_use, &policy(), at(now))
}

#[test]
fn one_key_is_replaced_when_due_or_forced() {
    let keys = [listed("OWN", KeyStatus::Active, 0)];
    let decide = |policy: &WaitPolicy, now| decide_own(&keys, &key("OWN"), None, policy, at(now));
    let due = 90 * DAY - i64::try_from(policy().lead().as_secs()).unwrap();
    assert_eq!(decide(&policy(), due - 1), OwnStep::Settled { until: at(due) });
    assert_eq!(decide(&policy(), due), OwnStep::Replace);
    assert_eq!(decide(&policy().forced(at(DAY)), DAY), OwnStep::Replace);
}

#[test]
fn the_previous_key_is_deactivated_only_after_its_overlap_and_if_unused() {
    let held = |step: OwnStep| matches!(step, OwnStep::Wait(Wait { .. }));
    assert_eq!(
        leaving_at(7 * DAY - 1, Some(&used(-50 * DAY))),
        OwnStep::Wait(Wait { why: Why::Overlap(key("OLD")), until: Some(at(7 * DAY)) })
    );
    let half = 7 * DAY / 2;
    assert_eq!(leaving_at(7 * DAY, Some(&used(half))), OwnStep::Deactivate(key("OLD")));
    // A use that late can't come from a cache.
    let late = OwnStep::Wait(Wait {
        why: Why::UsedLate { key: key("OLD"), new: key("NEW"), last_use: used(half + 1) },
        until: Some(at(half + 1 + 45 * DAY)),
    });
    assert_eq!(leaving_at(half + 45 * DAY, Some(&used(half + 1))), late);
    assert_eq!(
        leaving_at(half + 1 + 45 * DAY, Some(&used(half + 1))),
        OwnStep::Deactivate(key("OLD"))
    );
    assert!(held(leaving_at(7 * DAY, Some(&used(6 * DAY + 1)))));
    assert!(held(leaving_at(8 * DAY - 1, Some(&LastUse::NoRecord))));
    assert_eq!(leaving_at(8 * DAY, Some(&LastUse::NoRecord)), OwnStep::Deactivate(key("OLD")));
    assert!(held(leaving_at(80 * DAY, Some(&LastUse::Unknown("denied".into())))));
    assert!(held(leaving_at(80 * DAY, None)));
}

#[test]
fn a_second_key_that_is_not_a_predecessor_is_not_changed() {
    let decide = |keys: &[AccessKey]| {
        decide_own(keys, &key("OWN"), Some(&used(-9 * DAY)), &policy(), at(500 * DAY))
    };
    let own = || listed("OWN", KeyStatus::Active, 0);
    for created in [0, 1, 90 * DAY] {
        let unexplained = OwnBlocked::Unexplained { key: key("OTHER"), mine: key("OWN") };
        assert_eq!(
            decide(&[own(), listed("OTHER", KeyStatus::Active, created)]),
            OwnStep::Blocked(unexplained)
        );
    }
    for created in [-1, 1] {
        assert_eq!(
            decide(&[listed("OTHER", KeyStatus::Inactive, created), own()]),
            OwnStep::Inactive(key("OTHER"))
        );
    }
    let strange = decide(&[listed("OTHER", KeyStatus::Other("Expired".into()), -1), own()]);
    assert!(matches!(strange, OwnStep::Blocked(OwnBlocked::UnknownStatus { .. })));
    assert_eq!(
        decide(&[listed("OTHER", KeyStatus::Active, -1)]),
        OwnStep::Blocked(OwnBlocked::Unlisted(key("OWN")))
    );
}

#[cfg(feature = "memory")]
mod replacing {
    use super::*;
    use crate::memory::account::MemoryAccount;
    use crate::memory::fault::{Fault, FaultAt};
    use crate::memory::world::World;
    use futures_util::FutureExt;
    use std::cell::RefCell;
    use std::error::Error;

    struct Scene {
        account: MemoryAccount,
        owner: UserArn,
        keys: Vec<AccessKey>,
        stored: RefCell<Vec<KeyId>>,
    }

    impl Scene {
        fn new() -> Self {
            let mut world = World::new(at(0));
            world.rules.propagation = Duration::from_secs(6);
            let user = world.add_user("jane", &[]).unwrap();
            world.add_key(&user).unwrap();
            let owner = world.user(&user).unwrap().arn.clone();
            let keys = world.list_keys(&user).unwrap();
            Self { account: MemoryAccount::new(world), owner, keys, stored: RefCell::default() }
        }

        fn replace(
            &self,
            cancel: &Cancel,
            store: Result<(), Box<dyn Error + Send + Sync>>,
        ) -> Result<KeyId, ReplaceError> {
            let ports = (
                &self.account as &dyn IamPort,
                &self.account as &dyn CredentialProbe,
                &self.account as &dyn Clock,
            );
            let store = |credentials: &Credentials| {
                store.inspect(|()| self.stored.borrow_mut().push(credentials.key.clone()))
            };
            replace_own(ports, &self.owner, &self.keys, &policy(), cancel, store)
                .now_or_never()
                .unwrap()
        }

        fn left(&self) -> Vec<KeyId> {
            self.account
                .world()
                .user(self.owner.name())
                .unwrap()
                .keys()
                .iter()
                .map(|k| k.listed.id.clone())
                .collect()
        }
    }

    #[test]
    fn a_key_is_stored_only_after_it_has_worked() {
        let scene = Scene::new();
        let key = scene.replace(&Cancel::default(), Ok(())).unwrap();
        assert_eq!((scene.left().len(), &*scene.stored.borrow()), (2, &vec![key.clone()]));
        assert!(
            scene.account.world().user(scene.owner.name()).unwrap().key(&key).unwrap().verified
        );
        assert!(
            scene.account.calls()["probe"] >= 4,
            "refused until it is propagated, then three times running"
        );
    }

    #[test]
    fn the_new_key_is_deleted_after_any_failure() {
        let never = |scene: &Scene| {
            scene.account.change(|world| world.rules.propagation = Duration::from_secs(900));
        };
        let scene = Scene::new();
        never(&scene);
        let error = scene.replace(&Cancel::default(), Ok(())).unwrap_err();
        assert!(matches!(error, ReplaceError::Undone { why: Undone::NotProved(_), .. }), "{error}");
        assert_eq!((scene.left().len(), scene.stored.borrow().len()), (1, 0));

        // The key is not known to be bad, but it was not verified, so it must not be stored.
        let scene = Scene::new();
        scene.account.inject(FaultAt::every("probe", Fault::LostRequest));
        let error = scene.replace(&Cancel::default(), Ok(())).unwrap_err();
        assert!(
            matches!(error, ReplaceError::Undone { why: Undone::NotVerified(_), .. }),
            "{error}"
        );
        assert!(error.to_string().contains("could not be verified"), "{error}");
        assert_eq!((scene.left().len(), scene.stored.borrow().len()), (1, 0));

        let scene = Scene::new();
        let error = scene.replace(&Cancel::default(), Err("no space left".into())).unwrap_err();
        assert!(
            error.to_string().contains("could not be stored: no space left; the new key AKIA"),
            "{error}"
        );
        let stored =
            error.source().and_then(Error::source).and_then(|why| why.downcast_ref::<Cause>());
        assert_eq!(stored.map(ToString::to_string).as_deref(), Some("no space left"), "{error:?}");
        assert_eq!(scene.left().len(), 1);

        let scene = Scene::new();
        let stop = Cancel::default();
        stop.cancel();
        let error = scene.replace(&stop, Ok(())).unwrap_err();
        assert!(matches!(error, ReplaceError::Undone { why: Undone::Cancelled, .. }), "{error}");
        assert_eq!((scene.left().len(), scene.stored.borrow().len()), (1, 0));

        let scene = Scene::new();
        scene.account.inject(FaultAt::first("delete_key", Fault::Denied));
        let error = scene.replace(&Cancel::default(), Err("no".into())).unwrap_err();
        assert!(matches!(error, ReplaceError::LeftBehind { .. }), "{error}");
        assert_eq!(scene.left().len(), 2);
    }

    #[test]
    fn a_lost_reply_names_the_keys_it_may_have_left() {
        for (fault, left) in [(Fault::LostReply, 1), (Fault::LostRequest, 0)] {
            let scene = Scene::new();
            scene.account.inject(FaultAt::first("create_key", fault));
            let error = scene.replace(&Cancel::default(), Ok(())).unwrap_err();
            assert!(
                matches!(&error, ReplaceError::Lost { since, .. } if since.len() == left),
                "{error}"
            );
            assert_eq!(scene.account.calls()["create_key"], 1, "it is never repeated");
            assert!(!scene.account.calls().contains_key("delete_key"));
        }
        let scene = Scene::new();
        scene.account.inject(FaultAt::first("create_key", Fault::Denied));
        assert!(matches!(
            scene.replace(&Cancel::default(), Ok(())).unwrap_err(),
            ReplaceError::NotMade(_)
        ));
    }
}
