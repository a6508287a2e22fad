//! Tests of the guard: an administrator that it does not name can neither tag nor write what keyrot
//! relies on, whatever the spelling. keyrot, its consumers and everything else keep working. Each
//! attempt is made without the guard first, to see that nothing else stops it.
#![cfg(feature = "emulator")]
#![allow(clippy::unwrap_used)]

mod account;
mod attacks;
mod statements;

use keyrot_aws::policy::{Guard, Policy, Principal, Scope, Text};
use keyrot_core::selection::SecretTemplate;
use serde_json::Value;

fn guard(boundary: bool) -> Policy {
    let scope = Scope {
        region: Text::any(),
        config: Some(Text::fixed("/keyrot/config")),
        ..Scope::new(Text::any(), &SecretTemplate::default(), "/ci/", "RotateKey", "True")
    };
    let principals = ["arn:aws:iam::123456789012:role/emulator", "arn:aws:iam::*:role/ops/*"];
    scope.guard_policy(&Guard {
        principals: principals.into_iter().map(|arn| Principal::parse(arn).unwrap()).collect(),
        function: Text::fixed("keyrot"),
        boundary: boundary.then(|| Text::fixed("keyrot-guard")),
    })
}

fn value(policy: &Policy) -> Value {
    serde_json::to_value(policy).unwrap()
}
