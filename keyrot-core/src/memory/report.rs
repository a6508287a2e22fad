//! IAM's credential report.

use crate::audit::port::AccountPort;
use crate::audit::view::{CredentialReport, ReportedKey, ReportedUser};
use crate::memory::account::MemoryAccount;
use crate::memory::user::MemoryKey;
use crate::memory::world::World;
use crate::model::error::CallError;
use crate::model::observed::{KeyStatus, LastUse};
use async_trait::async_trait;
use chrono::SubsecRound;

impl World {
    /// Returns the credential report as IAM would create it now. The account has no passwords, and
    /// its root user no keys.
    #[must_use]
    pub fn credential_report(&self) -> CredentialReport {
        let key = |(n, key): (usize, &MemoryKey)| ReportedKey {
            // A user has at most two keys.
            slot: if n == 0 { 1 } else { 2 },
            active: key.listed.status == KeyStatus::Active,
            rotated: key.listed.created,
            last_use: match self.last_use(&key.listed.id) {
                // The report has whole seconds.
                Ok(LastUse::At { when, service, region }) => {
                    LastUse::At { when: when.trunc_subsecs(0), service, region }
                }
                last_use => last_use.unwrap_or(LastUse::NoRecord),
            },
        };
        let users = self.users().map(|user| ReportedUser {
            arn: user.arn.clone(),
            password: Some(false),
            mfa: false,
            keys: user.keys().iter().enumerate().map(key).collect(),
        });
        CredentialReport {
            generated: self.now().trunc_subsecs(0),
            account: self.account().to_owned(),
            partition: "aws".to_owned(),
            root: Vec::new(),
            users: users.collect(),
            unreadable: Vec::new(),
            not_renewed: None,
        }
    }
}

#[async_trait]
impl AccountPort for MemoryAccount {
    async fn credential_report(&self) -> Result<CredentialReport, CallError> {
        self.call("credential_report", |world| Ok(world.credential_report())).await
    }
}
