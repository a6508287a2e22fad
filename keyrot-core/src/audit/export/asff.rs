//! Findings in AWS's Security Finding Format, for Security Hub's `BatchImportFindings`.
//!
//! Limits (AWS Security Hub API reference, `AwsSecurityFinding` and what it holds; partner guide,
//! "Guidelines for using the BatchImportFindings API"): 512 characters for ids, 256 for the title,
//! 1,024 for the description, 512 for the recommendation, 64 for a related requirement, 32 of
//! these; 100 findings in a call. A finding with an id that was imported before is an update, so no
//! two findings may share an id, however long the user's path is.

use crate::audit::controls::Standard;
use crate::audit::document::Audit;
use crate::audit::finding::Finding;
use crate::audit::kind::{FindingKind, FindingSeverity};
use crate::model::text::{clip, rfc3339};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

const LONGEST_ID: usize = 512;
const DOCUMENTATION: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html";

/// Returns all findings in AWS's Security Finding Format, for `BatchImportFindings` of Security Hub
/// in this region.
#[must_use]
pub fn asff(audit: &Audit, region: &str) -> String {
    let mut ids = BTreeMap::new();
    let findings: Vec<Value> = audit
        .findings
        .iter()
        .map(|found| one(audit, found, &id(found, &mut ids), region))
        .collect();
    format!("{}\n", serde_json::to_string_pretty(&findings).unwrap_or_default())
}

fn one(audit: &Audit, finding: &Finding, id: &str, region: &str) -> Value {
    let Audit { account, partition, now, .. } = audit;
    let types = [type_of(finding)];
    let severity = json!({ "Label": label(finding.severity), "Original": finding.severity.word() });
    let who = finding.user.as_ref().map_or("the root user", |user| user.as_str());
    let title = title(finding.kind, who);
    let related: Vec<String> = finding
        .controls
        .iter()
        .filter(|c| c.standard != Standard::SecurityHub)
        .map(ToString::to_string)
        .collect();
    // If it is known when the condition began, that is the finding's time. The id stays the same,
    // so the next audit updates the finding.
    let begun = finding.since.map_or(*now, |since| since.min(*now));
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": id,
        "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        "ProductName": "keyrot",
        "CompanyName": "keyrot",
        "Region": region,
        "GeneratorId": format!("keyrot/audit/{}", finding.kind.code()),
        "AwsAccountId": account,
        "Types": types,
        "FirstObservedAt": rfc3339(begun),
        "LastObservedAt": rfc3339(*now),
        "CreatedAt": rfc3339(begun),
        "UpdatedAt": rfc3339(*now),
        "Severity": severity,
        "FindingProviderFields": { "Severity": severity, "Types": types },
        "Title": clip(&title, 256),
        "Description": clip(&finding.message, 1024),
        "Remediation": { "Recommendation": { "Text": clip(&finding.hint(), 512), "Url": DOCUMENTATION } },
        "ProductFields": product_fields(audit, finding),
        "Resources": resources(audit, finding, region),
        "Compliance": { "Status": "FAILED", "RelatedRequirements": related },
        "RecordState": "ACTIVE",
    })
}

fn title(kind: FindingKind, who: &str) -> String {
    match kind {
        FindingKind::RootKey => "The root user has an access key".to_owned(),
        FindingKind::Quarantined => {
            format!("AWS quarantined IAM user {who} for a leaked access key")
        }
        FindingKind::OldKey => format!("An access key of {who} is older than its limit"),
        FindingKind::UnusedKey => format!("An access key of {who} is unused"),
        FindingKind::ConsoleWithoutMfa => {
            format!("IAM user {who} has a console password and no MFA device")
        }
        FindingKind::Blocked => format!("The access keys of IAM user {who} cannot be rotated"),
        FindingKind::TwoActiveKeys => format!("IAM user {who} has two Active access keys"),
    }
}

/// Returns the same id for the same finding in every audit, and another id for a new key that
/// replaces an old one. If two keys were created in the same second, the second gets a number.
fn id(finding: &Finding, ids: &mut BTreeMap<String, usize>) -> String {
    let key = finding.key_created.map(|at| format!("/key-{}", at.timestamp())).unwrap_or_default();
    let id = format!("{}{key}/{}", finding.arn, finding.kind.code());
    let count = ids.entry(id.clone()).or_default();
    *count += 1;
    let id = if *count > 1 { format!("{id}/{count}") } else { id };
    if id.len() <= LONGEST_ID {
        return id;
    }
    let hash = Sha256::digest(&id).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let room = LONGEST_ID - hash.len() - 1;
    format!("{}/{hash}", id.chars().take(room).collect::<String>())
}

/// Returns the type, from the "Types taxonomy for ASFF" in the Security Hub user guide.
fn type_of(finding: &Finding) -> &'static str {
    match finding.kind {
        FindingKind::Quarantined => "TTPs/Credential Access",
        FindingKind::Blocked => "Software and Configuration Checks/AWS Security Best Practices",
        _ if finding.controls.is_empty() => {
            "Software and Configuration Checks/AWS Security Best Practices"
        }
        _ => {
            "Software and Configuration Checks/Industry and Regulatory Standards/CIS AWS Foundations Benchmark"
        }
    }
}

fn label(severity: FindingSeverity) -> &'static str {
    match severity {
        FindingSeverity::Low => "LOW",
        FindingSeverity::Medium => "MEDIUM",
        FindingSeverity::High => "HIGH",
        FindingSeverity::Critical => "CRITICAL",
    }
}

fn product_fields(audit: &Audit, finding: &Finding) -> Value {
    let mut fields = serde_json::Map::new();
    let mut set = |name: &str, value: String| {
        fields.insert(format!("keyrot/{name}"), json!(clip(&value, 2048)))
    };
    set("Version", env!("CARGO_PKG_VERSION").to_owned());
    set("CredentialReport", rfc3339(audit.report));
    if let Some(slot) = finding.key {
        set("KeyNumber", slot.to_string());
    }
    if let Some(user) = audit.users.iter().find(|user| user.arn == finding.arn) {
        set("Managed", user.managed.to_string());
        if let Some(owner) = &user.owner {
            set("Owner", owner.clone());
        }
    }
    Value::Object(fields)
}

fn resources(audit: &Audit, finding: &Finding, region: &str) -> Vec<Value> {
    let Audit { account, partition, .. } = audit;
    let resource = |kind: &str, id: &str| json!({ "Type": kind, "Id": id, "Partition": partition, "Region": region });
    let Some(user) = &finding.user else {
        return vec![resource("AwsAccount", &format!("AWS::::Account:{account}"))];
    };
    let mut of_user = resource("AwsIamUser", &finding.arn);
    of_user["Details"] = json!({ "AwsIamUser": { "UserName": user } });
    let Some(id) = &finding.key_id else { return vec![of_user] };
    let mut key = resource("AwsIamAccessKey", &format!("AWS::IAM::AccessKey:{id}"));
    let mut details = json!({ "AccessKeyId": id, "AccountId": account, "PrincipalName": user, "PrincipalType": "User", "Status": "Active" });
    if let Some(created) = finding.key_created {
        details["CreatedAt"] = json!(rfc3339(created));
    }
    key["Details"] = json!({ "AwsIamAccessKey": details });
    vec![of_user, key]
}
