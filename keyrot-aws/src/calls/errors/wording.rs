//! What only the wording of AWS's messages says. AWS uses one code for several reasons, and its
//! errors have no field that tells these reasons apart. So only these functions read a message. If
//! AWS words a message differently, they return the more cautious answer.

/// Whether a text is about a signature's time (IAM user guide, "Troubleshoot AWS API requests":
/// "Signature expired", "Signature not yet current"). The code is that of any wrong signature.
pub(super) fn is_clock(detail: &str) -> bool {
    ["signature expired", "not yet current"].iter().any(|word| detail.to_lowercase().contains(word))
}

/// Returns the action whose permission is missing: "… is not authorized to perform: ACTION on
/// resource: …". It may differ from the action that was called, and the error has no field for it.
pub(super) fn denied_action(detail: &str) -> Option<&str> {
    let rest = detail.split("not authorized to perform: ").nth(1)?;
    let action = rest.split(|c: char| c.is_whitespace() || c == ',').next()?.trim_end_matches('.');
    (action.contains(':') && action.len() < 80).then_some(action)
}

/// Whether a denial is about the secret's KMS key: "Access to KMS is not allowed". The code is that
/// of any denial.
pub(super) fn is_about_kms(detail: &str) -> bool {
    detail.contains("KMS")
}

/// Whether an invalid parameter is about a replica of a secret, and not about a staging label.
pub(crate) fn is_about_replica(detail: &str) -> bool {
    detail.contains("replica")
}

/// Whether what was not found is a version, and not the whole secret.
pub(crate) fn is_about_version(detail: &str) -> bool {
    detail.contains("version")
}

/// Whether an invalid request is about a secret that is scheduled for deletion.
pub(crate) fn is_scheduled_for_deletion(detail: &str) -> bool {
    detail.contains("scheduled for deletion")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_found_in_awss_message_and_in_no_other() {
        let denied = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:123456789012:key/1 because no identity-based policy allows it";
        assert_eq!(denied_action(denied), Some("kms:Decrypt"));
        assert_eq!(denied_action("Access to KMS is not allowed"), None);
        assert_eq!(denied_action("not authorized to perform: this"), None);
        type Reason = fn(&str) -> bool;
        let reasons: [(Reason, &str); 5] = [
            (is_clock, "Signature expired: 20260105T040000Z is now earlier than 20260105T042000Z"),
            (is_about_kms, "Access to KMS is not allowed"),
            (is_about_replica, "You can't change a replica secret"),
            (is_about_version, "Secrets Manager can't find the specified secret version."),
            (
                is_scheduled_for_deletion,
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ),
        ];
        for (own, (is, text)) in reasons.iter().enumerate() {
            assert!(is(text), "{text}");
            let others = reasons.iter().enumerate().filter(|(other, _)| *other != own);
            assert!(others.map(|(_, (is, _))| is).all(|is| !is(text)), "{text}");
        }
        assert!(is_clock("Signature not yet current: 20260105T042000Z is still later"));
    }
}
