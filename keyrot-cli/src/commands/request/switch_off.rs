//! `revoke --without-successor`: deactivates the key with IAM alone, then does the rest as far as possible.

use super::{Done, RequestSession, only, only_of, steps_of};
use crate::cli::asking::Asking;
use crate::commands::aftermath::is_revoked;
use crate::commands::flow::Flow;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::request::{self as screens, View};
use keyrot_core::machine::PlannedAction;
use keyrot_core::{Blocked, KeyId, KeyStatus, Outcome, Report, Request, Revocation, Target, UserResult};
use std::time::Duration;

/// How long the preview may take: the key is to be deactivated soon.
const FOR_THE_PREVIEW: Duration = Duration::from_secs(15);

/// Whether the key was Active when the user's keys were listed last.
fn works(seen: &UserResult, key: &KeyId) -> bool {
    seen.keys.iter().any(|listed| listed.id == *key && listed.status == KeyStatus::Active)
}

impl RequestSession<'_> {
    /// Switches the key off, with IAM and nothing else; then does the rest, as far as it can be done.
    pub(crate) async fn switch_off(mut self, request: Request, asking: Asking) -> Result<Exit, CliError> {
        let iam_only = self.chosen.clone();
        let flow = Flow::new(self.invocation, asking);
        let mut before = None;
        if !flow.is_agreed() {
            // Shows everything that will follow, if that can be found out soon.
            let preview = self.preview(&request).await?;
            let seen = only(preview.clone())?;
            let evidence = self.evidence(&seen).await?;
            let mut document = self.document(Some(request.clone()), steps_of(&seen), evidence, &preview)?;
            document.dry_run = flow.is_dry_run();
            let view = View::new(self.kind, &document, &seen);
            let refused = matches!(seen.outcome, Outcome::Refused(_));
            let question = self.question(&document.intended);
            if !flow.plan(|width| screens::before(&view, width), !refused, Some(&question)).await? {
                return Ok(self.report(&view, None));
            }
            before = Some(seen);
        }
        self.chosen = iam_only;
        // A deletion is part of the rest.
        let (off_only, deletes) = match &request {
            Request::Revoke(order) => (Request::Revoke(Revocation { delete: false, ..order.clone() }), order.delete),
            other => (other.clone(), false),
        };
        let (mut first, signal) = self.fulfil(off_only).await?;
        let key = request.off_first().cloned();
        let mut intended: Vec<PlannedAction> = key.into_iter().map(PlannedAction::Deactivate).collect();
        let off = only_of(&first)?.clone();
        if !is_revoked(&off.outcome) || signal.is_some() {
            let done = Done { report: first, before, intended, evidence: Vec::new(), signal };
            return self.close(request, done).await;
        }
        // From here on the key is off, and whatever else goes wrong is view beside that.
        let looked = match self.find_rest().await {
            Ok(()) => self.plan(&request).await.map_err(|_| "stopped by a signal".to_owned()),
            Err(why) => Err(why),
        };
        let evidence = self.evidence(&off).await.unwrap_or_default();
        let plan = match looked {
            Ok(plan) => plan,
            Err(why) => {
                let rest = Outcome::Blocked(Blocked::IamOnly { reason: why });
                for one in &mut first.users {
                    one.outcome = match &one.outcome {
                        Outcome::Revoked { key, .. } if !deletes => {
                            Outcome::Revoked { key: key.clone(), rest: Box::new(rest.clone()) }
                        }
                        _ => rest.clone(),
                    };
                }
                return self.close(request, Done { report: first, before, intended, evidence, signal }).await;
            }
        };
        intended.extend(steps_of(only_of(&plan)?));
        let before = before.or_else(|| only(plan.clone()).ok());
        let (mut report, signal) = self.fulfil(request.clone()).await?;
        for (rest, first) in report.users.iter_mut().zip(&first.users) {
            rest.events.splice(0..0, first.events.iter().cloned());
            rest.calls += first.calls;
            // The key is Inactive, whatever became of the rest; unless the rest saw it Active again, and could not deactivate it.
            let off = request.off_first().filter(|key| !works(rest, key));
            if let Some(key) = off.filter(|_| !is_revoked(&rest.outcome) && !deletes) {
                rest.outcome = Outcome::Revoked { key: key.clone(), rest: Box::new(rest.outcome.clone()) };
            }
        }
        report.started = first.started;
        self.close(request, Done { report, before, intended, evidence, signal }).await
    }

    /// What will follow, or, where that cannot be found out soon, that the key goes.
    async fn preview(&mut self, request: &Request) -> Result<Report, CliError> {
        let whole = async {
            self.find_rest().await.ok()?;
            self.plan(request).await.ok()
        };
        match tokio::time::timeout(FOR_THE_PREVIEW, whole).await {
            Ok(Some(report)) if report.users.iter().all(|one| !matches!(one.outcome, Outcome::Failed(_))) => Ok(report),
            _ => {
                let user = self.chosen.subject.user.clone();
                self.chosen = Target::for_iam_only(&user, "the user was not found in time");
                self.plan(request).await
            }
        }
    }

    /// Looks the user up among the account's, for what comes after IAM. Returns why that failed.
    async fn find_rest(&mut self) -> Result<(), String> {
        if let Some(why) = &self.no_secrets {
            return Err(why.clone());
        }
        let user = self.chosen.subject.user.clone();
        let homes = self.target.homes(&self.settings);
        let find = self.settings.find_named(self.target.ports.iam.as_ref(), &homes, &user);
        let found = self.signals.or(find).await.map_err(|_| "stopped by a signal".to_owned())?;
        let found = found.map_err(|error| format!("could not list the account's users: {error}"))?;
        self.chosen = found.map_err(|missing| missing.to_string())?;
        Ok(())
    }
}
