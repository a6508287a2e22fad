//! Models in which another program forges claims about keys.

use super::explore::{bound, explore};
use super::setting::{Setting, Start, asked};

#[test]
fn claims_do_not_retire_a_key_that_is_in_use() {
    let claims =
        |setting| Setting { forges: 1, claims: true, uses: 1, horizon: bound(4, 6), ..setting };
    for start in [Start::Due, Start::Overlap, Start::New { keys: 1 }] {
        let setting = claims(Setting::new(start));
        explore(&format!("one forged claim, a consumer, {start:?}"), setting.clone());
        let setting = Setting { forges: 2, horizon: bound(1, 3), ..setting };
        explore(&format!("two forged claims, a consumer, {start:?}"), setting);
    }
    explore("one forged claim, a consumer, Soaking", claims(asked(Start::Soaking)));
}

#[test]
fn claims_do_not_retire_a_key_that_a_person_created() {
    for start in [Start::Due, Start::Overlap] {
        let setting = Setting {
            person: 1,
            forges: 1,
            claims: true,
            uses: 1,
            horizon: bound(3, 6),
            ..asked(start)
        };
        explore(&format!("one forged claim, and a person's own key, {start:?}"), setting);
    }
}
