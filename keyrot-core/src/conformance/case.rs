//! Cases and their results.

use crate::conformance::lab::Trouble;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::NameError;
use futures_util::FutureExt;
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The case, such as `iam::two_keys_at_most`.
    pub case: &'static str,
    /// How it ended.
    pub outcome: CaseOutcome,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseOutcome {
    /// The port keeps the rule.
    Passed,
    /// The port breaks the rule, and how.
    Failed(String),
    /// The lab cannot do what the case needs, for this reason.
    NotSupported(String),
}

/// Asserts that every case has passed, or is listed with the reason why it cannot.
///
/// # Panics
/// If there is a case that did not pass and is not listed, a listed case that passed, or a listed
/// name that no case has.
pub fn assert_all(results: &[CaseResult], known_gaps: &[(&str, &str)]) {
    let listed = |case: &str| known_gaps.iter().any(|(gap, _)| *gap == case);
    let mut wrong: Vec<String> = results
        .iter()
        .filter_map(|result| match (&result.outcome, listed(result.case)) {
            (CaseOutcome::Passed, true) => {
                Some(format!("{} passes now: take it off the list", result.case))
            }
            (CaseOutcome::Failed(why), false) => Some(format!("{} failed: {why}", result.case)),
            (CaseOutcome::NotSupported(why), false) => {
                Some(format!("{} did not run, and is not listed: {why}", result.case))
            }
            _ => None,
        })
        .collect();
    let unknown = known_gaps.iter().filter(|(gap, _)| results.iter().all(|r| r.case != *gap));
    wrong.extend(unknown.map(|(gap, _)| format!("{gap} is listed, and there is no such case")));
    assert!(!results.is_empty(), "no case was run");
    assert!(
        wrong.is_empty(),
        "{} of {} cases are not as expected:\n{}",
        wrong.len(),
        results.len(),
        wrong.join("\n")
    );
}

/// Why a case did not pass.
pub(crate) enum Miss {
    Failed(String),
    NotSupported(String),
}

pub(crate) type Checked = Result<(), Miss>;

impl From<Trouble> for Miss {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotSupported(why) => Self::NotSupported(why),
            Trouble::Failed(_) => Self::Failed(trouble.to_string()),
        }
    }
}

impl From<CallError> for Miss {
    fn from(error: CallError) -> Self {
        Self::Failed(format!(
            "the port failed: {error} ({:?}, effect {:?})",
            error.kind, error.effect
        ))
    }
}

impl From<NameError> for Miss {
    fn from(error: NameError) -> Self {
        Self::Failed(format!("the lab's prefix makes no usable name: {error}"))
    }
}

/// Runs a case; a panic in the port fails only that case.
pub(super) async fn run(case: &'static str, work: impl Future<Output = Checked>) -> CaseResult {
    let outcome = match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(())) => CaseOutcome::Passed,
        Ok(Err(Miss::Failed(why))) => CaseOutcome::Failed(why),
        Ok(Err(Miss::NotSupported(why))) => CaseOutcome::NotSupported(why),
        Err(_) => CaseOutcome::Failed("it panicked".into()),
    };
    CaseResult { case, outcome }
}

pub(super) fn fail<T>(why: impl Into<String>) -> Result<T, Miss> {
    Err(Miss::Failed(why.into()))
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Checked {
    if found == expected {
        Ok(())
    } else {
        fail(format!("{what}: expected {expected:?}, found {found:?}"))
    }
}

pub(super) fn holds(what: &str, condition: bool) -> Checked {
    if condition { Ok(()) } else { fail(what) }
}

/// Returns the error of a call that has to be refused in this way without an effect.
pub(super) fn refused<T: Debug>(
    what: &str,
    result: Result<T, CallError>,
    kind: ErrorKind,
) -> Result<CallError, Miss> {
    match result {
        Ok(found) => fail(format!("{what}: expected {kind:?}, but it was carried out: {found:?}")),
        Err(error) if error.kind != kind => {
            fail(format!("{what}: expected {kind:?}, found {:?}: {error}", error.kind))
        }
        Err(error) if error.effect != crate::model::error::Effect::None => {
            fail(format!("{what}: a refusal changes nothing, but the effect is {:?}", error.effect))
        }
        Err(error) => Ok(error),
    }
}

/// Checks that the displayed text does not contain the secret.
pub(super) fn hides(
    what: &str,
    shown: &str,
    secret: &crate::model::credentials::SecretKey,
) -> Checked {
    holds(
        &format!("the Debug or Display of {what} shows the secret"),
        !shown.contains(secret.expose()),
    )
}

macro_rules! cases {
    ($suite:literal, $context:expr; $($case:path as $name:ident),+ $(,)?) => {
        vec![$($crate::conformance::case::run(concat!($suite, "::", stringify!($name)), $case($context)).await),+]
    };
}
pub(super) use cases;
