//! The adapters over real HTTP, on the two emulators that `scripts/emulators` starts.
//!
//! Neither is AWS. The gaps of each are in [`gaps`], which asserts that every gap still exists, so
//! that a better emulator is noticed and the test of the real rule comes back. Each test uses its
//! own account, so all may run at the same time.
#![allow(clippy::unwrap_used)]

mod account;
mod audit;
mod gaps;
mod iam;
mod lifecycle;
mod secrets;
mod sts;
mod trail;

use account::{Account, Emulator};

/// Runs each scenario on each emulator, in a separate test.
macro_rules! on_both {
    ($($area:ident :: $scenario:ident),* $(,)?) => {
        mod moto {
            $(#[tokio::test] async fn $scenario() { $crate::run($crate::Emulator::Moto, $crate::$area::$scenario).await })*
        }
        mod ministack {
            $(#[tokio::test] async fn $scenario() { $crate::run($crate::Emulator::Ministack, $crate::$area::$scenario).await })*
        }
    };
}

on_both! {
    audit::the_credential_report_is_read_and_judged,
    gaps::each_gap_is_still_there,
    iam::users_are_found_with_tags_and_policies,
    iam::a_key_lives_and_dies,
    iam::a_third_key_is_refused,
    iam::what_is_not_there_is_not_found,
    iam::the_last_use_is_seen,
    iam::a_denied_call_names_the_missing_action,
    iam::where_the_bulk_call_is_denied_users_are_looked_up_one_by_one,
    lifecycle::a_user_is_adopted_rotated_and_the_old_key_goes,
    secrets::a_secret_is_adopted_staged_and_promoted,
    secrets::a_repeated_stage_changes_nothing_and_other_content_is_refused,
    secrets::of_two_promotions_one_wins,
    secrets::a_foreign_version_is_looked_into_and_carried,
    secrets::an_empty_secret_gets_the_placeholder,
    secrets::deleted_secrets_and_replicas_are_seen,
    sts::the_caller_is_known,
    sts::a_key_is_verified,
    sts::keys_that_do_not_work_are_refused,
    trail::a_keys_uses_are_looked_up,
}

async fn run<F: Future<Output = ()>>(emulator: Emulator, scenario: impl FnOnce(Account) -> F) {
    if let Some(account) = emulator.account().await {
        scenario(account).await;
    }
}
