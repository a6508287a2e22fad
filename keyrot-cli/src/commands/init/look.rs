//! Reads how an account's users are tagged.

use crate::backend::Backend;
use crate::error::CliError;
use keyrot_core::IamUser;
use keyrot_core::model::Arn;
use keyrot_core::selection::Suggestion;
use keyrot_core::settings::Settings;
use serde::Serialize;

/// The facts that were read from the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Look {
    /// The account's number.
    pub(super) account: Option<String>,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub(super) partition: Option<String>,
    /// The region of the secrets.
    pub(super) region: Option<String>,
    /// The number of users.
    pub(super) users: usize,
    /// The suggestions from the users' tags.
    #[serde(flatten)]
    pub(super) suggestion: Suggestion,
}

pub(super) async fn look(target: &Backend, settings: &Settings) -> Result<Look, CliError> {
    let failed = |error: keyrot_core::CallError| {
        CliError::failed(format!("could not read the account: {error}"))
            .hint("without an account: keyrot init --offline; nothing was written")
    };
    let users = target.ports.iam.users("/").await.map_err(failed)?;
    let mut look = seen(&users, &settings.selection().tag);
    if let Some(aws) = &target.aws {
        let caller = aws.caller_identity().await.map_err(failed)?;
        look.partition = Arn::parse(&caller.arn).map(|arn| arn.partition.to_owned());
        look.account = Some(caller.account);
        look.region = Some(aws.region().to_owned());
    }
    Ok(look)
}

fn seen(users: &[IamUser], usual: &str) -> Look {
    let account = users.first().map(|user| user.arn.account().to_owned());
    let suggestion = Suggestion::of(users, usual);
    Look { account, users: users.len(), suggestion, ..Look::default() }
}

impl Look {
    /// Returns a one-line summary.
    pub(super) fn summary(&self) -> String {
        let account = self
            .account
            .as_deref()
            .map(|account| format!("account {account}, "))
            .unwrap_or_default();
        let region =
            self.region.as_deref().map(|region| format!("region {region}, ")).unwrap_or_default();
        let users =
            if self.users == 1 { "1 user".to_owned() } else { format!("{} users", self.users) };
        let tags: Vec<String> = self
            .suggestion
            .tags
            .iter()
            .map(|tag| format!("{}={} on {}", tag.key, tag.value, tag.users))
            .collect();
        let tags = if tags.is_empty() {
            "no tag that looks like rotation".to_owned()
        } else {
            tags.join(", ")
        };
        format!("{account}{region}{users}: {tags}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyrot_core::UserArn;
    use keyrot_core::model::UserId;

    #[test]
    fn a_summary_counts_users_and_tags() {
        let user = IamUser {
            id: UserId::parse("AIDAJQABLZS4A3QDU576Q").expect("an id"),
            arn: UserArn::parse("arn:aws:iam::123456789012:user/ci/one").expect("an ARN"),
            created: None,
            tags: [("AutoRotate".to_owned(), "yes".to_owned())].into(),
            policies: Vec::new(),
        };
        assert_eq!(
            seen(&[user.clone(), user], "RotateKey").summary(),
            "account 123456789012, 2 users: AutoRotate=yes on 2"
        );
        assert_eq!(seen(&[], "RotateKey").summary(), "0 users: no tag that looks like rotation");
    }
}
