//! The rules that every destination has to follow.

use keyrot_core::model::{Delivery, Found, Holds, Mark, VersionId};
use keyrot_core::ports::Destination;
use keyrot_core::{CallError, Credentials, Effect, ErrorKind, KeyId, SecretKey};

/// A text in every secret half of these tests, which must not appear in any message.
pub(crate) const SESAME: &str = "SESAME";

pub(crate) fn credentials(n: usize) -> Credentials {
    Credentials {
        key: KeyId::parse(format!("AKIA{n:0>16}")).unwrap(),
        secret: SecretKey::new(format!("{SESAME}/wJalrXUtnFEMI+K7MDENG{n:0>12}")),
    }
}

pub(crate) fn delivery(n: usize, replaces: Option<&Mark>) -> Delivery {
    let version = format!("keyrot-key-AKIA{n:0>16}-17000000{n:0>2}");
    Delivery {
        version: VersionId::parse(version).unwrap(),
        credentials: credentials(n),
        replaces: replaces.cloned(),
    }
}

/// Checks that a message contains no secret.
pub(crate) fn silent(error: &CallError) -> String {
    let mut said = format!("{error} {error:?}");
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(one) = cause {
        said.push_str(&format!(" {one} {one:?}"));
        cause = one.source();
    }
    assert!(!said.contains(SESAME), "{said}");
    assert!(
        !["ghp_", "glpat-", "hvs.", "CCIPAT_"].iter().any(|token| said.contains(token)),
        "{said}"
    );
    error.to_string()
}

/// Checks a destination at an empty place. `foreign` writes there as something other than keyrot.
pub(crate) async fn keeps_the_rules(to: &dyn Destination, place: &str, foreign: impl Fn()) {
    let readable = to.abilities().readable;
    let holds = |n: usize| if readable { Holds::Key(credentials(n).key) } else { Holds::NotShown };
    let is =
        |found: &Found, n: usize| matches!(found, Found::Copy { holds: h, .. } if *h == holds(n));
    assert_eq!(to.inspect(place).await.unwrap(), Found::Nothing);

    // The delivered key is there, and its mark is the returned one.
    let first = to.deliver(place, &delivery(1, None)).await.unwrap();
    assert!(is(&first, 1), "{first:?}");
    let seen = to.inspect(place).await.unwrap();
    assert_eq!(seen.mark(), first.mark());
    assert!(is(&seen, 1), "{seen:?}");
    assert_eq!(to.inspect(place).await.unwrap(), seen, "to look changes nothing");

    // A repeated delivery of the same key changes nothing.
    let again = to.deliver(place, &delivery(1, first.mark())).await.unwrap();
    assert!(is(&again, 1), "{again:?}");
    assert_eq!(to.inspect(place).await.unwrap().mark(), again.mark());

    let second = to.deliver(place, &delivery(2, again.mark())).await.unwrap();
    assert!(is(&second, 2) && second.mark() != again.mark(), "{second:?}");

    // A rollback delivers the first key, in place of the second one.
    let back = to.deliver(place, &delivery(1, second.mark())).await.unwrap();
    assert!(is(&back, 1) && back.mark() != second.mark(), "{back:?}");

    // If something else writes, the mark differs, and the write is not silently overwritten.
    foreign();
    let theirs = to.inspect(place).await.unwrap();
    assert_ne!(theirs.mark(), back.mark());
    for replaces in [back.mark(), None] {
        let error = to.deliver(place, &delivery(3, replaces)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None), "{error}");
        let said = silent(&error);
        assert!(said.contains(place) && said.contains("destination "), "{said}");
        assert_eq!(to.inspect(place).await.unwrap(), theirs, "nothing was written");
    }
    let third = to.deliver(place, &delivery(3, theirs.mark())).await.unwrap();
    assert!(is(&third, 3), "{third:?}");
    assert!(!format!("{third:?}").contains(SESAME));
}
