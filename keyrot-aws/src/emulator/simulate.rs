//! `SimulatePrincipalPolicy` for the account's service control policy only: what that policy does
//! not deny is allowed. Like IAM, it decides by the keys that it is given, and names the missing
//! condition keys.

use super::deny::{AccessRequest, denied_by, missing_keys};
use super::reply::{Output, Refused, Xml};
use super::request::ApiCall;
use serde_json::Value;

pub(super) fn answer(call: &ApiCall, scp: Option<&Value>) -> Result<Output, Refused> {
    let Some(scp) = scp else {
        let message =
            "This emulator simulates the account's service control policy, and there is none.";
        return Err(Refused::new("InvalidAction", message));
    };
    call.required("PolicySourceArn")?;
    let resources = call.texts("ResourceArns");
    let resource = resources.first().map_or("*", String::as_str);
    let results = call.texts("ActionNames").into_iter().map(|action| {
        let request = context(call)
            .into_iter()
            .fold(AccessRequest::new(action, resource), |request, (key, values)| {
                request.with(&key, values)
            });
        (denied_by(scp, &request), missing_keys(scp, &request), request)
    });
    Ok(Xml::of(|x| {
        x.list("EvaluationResults", results, |x, (denied, missing, request)| {
            x.text("EvalActionName", &request.action);
            x.text("EvalResourceName", resource);
            let decision = if denied { "implicitDeny" } else { "allowed" };
            x.text("EvalDecision", decision);
            let missing =
                |x: &mut Xml| x.list("MissingContextValues", &missing, |x, key| x.raw(key));
            // For a resource in the request, the results are in that resource's part.
            if resource == "*" {
                missing(x);
            } else {
                x.list("ResourceSpecificResults", [()], |x, ()| {
                    x.text("EvalResourceName", resource);
                    x.text("EvalResourceDecision", decision);
                    missing(x);
                });
            }
            x.element("OrganizationsDecisionDetail", |x| {
                x.text("AllowedByOrganizations", if denied { "false" } else { "true" });
            });
        });
        x.page_end(None);
    }))
}

/// Returns the values that the caller gives for condition keys.
fn context(call: &ApiCall) -> Vec<(String, Vec<String>)> {
    let entry = |n: usize| {
        let entry = format!("ContextEntries.member.{n}");
        let key = call.text(&format!("{entry}.ContextKeyName"))?.to_owned();
        Some((key, call.texts(&format!("{entry}.ContextKeyValues"))))
    };
    (1..).map_while(entry).collect()
}
