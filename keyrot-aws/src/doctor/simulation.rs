//! IAM's simulation: one question, and the answer for each action.

use crate::calls::errors::Failure;
use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use crate::doctor::context::Context;
use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType};
use std::collections::{BTreeMap, BTreeSet};

const MOST_PAGES: usize = 20;

/// The question whether this principal may carry out these actions on this resource.
pub(super) struct Question<'a> {
    pub(super) about: String,
    pub(super) principal: String,
    pub(super) actions: &'a [&'static str],
    pub(super) resource: String,
    pub(super) context: Context,
}

/// The simulation's answer for each action.
#[derive(Debug, Default)]
pub(super) struct Simulated {
    pub(super) allowed: Vec<&'static str>,
    pub(super) denied: Vec<Denied>,
    /// Actions that the simulation could not decide.
    pub(super) open: Vec<Open>,
    /// Actions without an answer.
    pub(super) silent: Vec<&'static str>,
}

/// An action that is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) action: &'static str,
    /// Whether the principal's permissions boundary denies it.
    pub(super) by_boundary: bool,
}

/// An action that the simulation cannot decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) action: &'static str,
    pub(super) why: Doubt,
}

/// The reason why the simulation cannot decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// A policy uses these condition keys, whose values only a real request has.
    Missing(BTreeSet<String>),
    /// The organization's policies do not allow the action, according to a simulation that ignores
    /// policies with conditions on global keys, such as `aws:RequestedRegion` (IAM user guide, "IAM
    /// policy testing with the IAM policy simulator").
    Organization,
}

impl Simulated {
    pub(super) fn add(&mut self, other: Self) {
        self.allowed.extend(other.allowed);
        self.denied.extend(other.denied);
        self.open.extend(other.open);
        self.silent.extend(other.silent);
    }

    /// Returns the actions about which nothing is known.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &'static str> {
        self.open.iter().map(|one| one.action).chain(self.silent.iter().copied())
    }
}

/// Records one answer for an action; of several answers, the worst counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Allowed,
    Open(Doubt),
    Denied { by_boundary: bool },
}

impl Answer {
    fn of(result: &EvaluationResult) -> Self {
        let missing = missing(result);
        let organization = result.organizations_decision_detail.as_ref();
        match result.eval_decision {
            // An answer that depends on missing values is not an answer.
            _ if !missing.is_empty() => Self::Open(Doubt::Missing(missing)),
            PolicyEvaluationDecisionType::Allowed => Self::Allowed,
            _ if organization.is_some_and(|detail| !detail.allowed_by_organizations) => {
                Self::Open(Doubt::Organization)
            }
            _ => Self::Denied { by_boundary: beyond_boundary(result) },
        }
    }
}

/// For a resource in the request, the values are in that resource's part of the result (IAM API
/// reference, `EvaluationResult`).
fn missing(result: &EvaluationResult) -> BTreeSet<String> {
    let of_resources =
        result.resource_specific_results().iter().flat_map(|one| one.missing_context_values());
    result.missing_context_values().iter().chain(of_resources).cloned().collect()
}

fn beyond_boundary(result: &EvaluationResult) -> bool {
    let of_resources = result
        .resource_specific_results()
        .iter()
        .filter_map(|one| one.permissions_boundary_decision_detail());
    result
        .permissions_boundary_decision_detail()
        .into_iter()
        .chain(of_resources)
        .any(|detail| !detail.allowed_by_permissions_boundary)
}

pub(super) async fn ask(aws: &Aws, question: Question<'_>) -> Result<Simulated, Failure> {
    let Question { about, principal, actions, resource, context } = question;
    let op = Op::read("iam:SimulatePrincipalPolicy", about, &aws.inner.limits.iam_reads);
    let call = aws
        .inner
        .iam
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .resource_arns(resource);
    let mut call = call.set_context_entries(Some(context.into_entries()));
    for action in actions {
        call = call.action_names(*action);
    }
    let mut answers: BTreeMap<String, Answer> = BTreeMap::new();
    let mut marker: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let call = call.clone().set_marker(marker.clone());
        let page = send(&op, &aws.budget(), || call.clone().send()).await?;
        for result in page.evaluation_results.unwrap_or_default() {
            let answer = Answer::of(&result);
            let worst = answers.entry(result.eval_action_name.to_ascii_lowercase());
            let worst = worst.or_insert_with(|| answer.clone());
            *worst = worst.clone().max(answer);
        }
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            break;
        }
    }
    let mut found = Simulated::default();
    for &action in actions {
        match answers.remove(&action.to_ascii_lowercase()) {
            Some(Answer::Allowed) => found.allowed.push(action),
            Some(Answer::Open(why)) => found.open.push(Open { action, why }),
            Some(Answer::Denied { by_boundary }) => {
                found.denied.push(Denied { action, by_boundary });
            }
            None => found.silent.push(action),
        }
    }
    Ok(found)
}
