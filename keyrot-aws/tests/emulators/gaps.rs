//! The emulators' gaps that affect keyrot.

use super::secrets::owner;
use crate::account::{Account, Emulator, secret};
use crate::secrets::{credentials, placeholder, version};
use keyrot_core::model::SecretState;
use keyrot_core::trail::{TrailAsk, TrailPort};
use keyrot_core::{IamPort, KeyId, KeyStatus, LastUse, SecretStorePort, UserName};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// It lets a user have a third key.
    ThirdKeyAllowed,
    /// It lists no keys for a user that does not exist, instead of an error.
    UnknownUserHasNoKeys,
    /// It deletes any user's key.
    DeletesKeysOfOthers,
    /// It never records a use.
    NoLastUse,
    /// `CreateSecret` ignores the token.
    CreateIgnoresToken,
    /// A secret that is created without a value has a version.
    EmptySecretHasVersion,
    /// `PutSecretValue` overwrites a version under AWSPENDING that exists with other content.
    PendingOverwritten,
    /// `PutSecretValue` also leaves AWSPENDING on the version that had it; later it can be removed
    /// only from the older one.
    LabelOnTwoVersions,
    /// It accepts a wrong secret, and an Inactive key.
    AcceptsAnyKey,
    /// It checks no policies.
    ChecksNoPolicy,
    /// It does not know AWS's own policies.
    NoManagedPolicies,
    /// It has no `LookupEvents`.
    NoTrail,
}

impl Gap {
    const ALL: [Self; 12] = [
        Self::ThirdKeyAllowed,
        Self::UnknownUserHasNoKeys,
        Self::DeletesKeysOfOthers,
        Self::NoLastUse,
        Self::CreateIgnoresToken,
        Self::EmptySecretHasVersion,
        Self::PendingOverwritten,
        Self::LabelOnTwoVersions,
        Self::AcceptsAnyKey,
        Self::ChecksNoPolicy,
        Self::NoManagedPolicies,
        Self::NoTrail,
    ];

    pub(crate) fn emulators(self) -> &'static [Emulator] {
        match self {
            Self::PendingOverwritten => &[Emulator::Moto, Emulator::Ministack],
            Self::AcceptsAnyKey
            | Self::ChecksNoPolicy
            | Self::NoManagedPolicies
            | Self::NoTrail => &[Emulator::Moto],
            _ => &[Emulator::Ministack],
        }
    }

    async fn is_there(self, account: &Account) -> bool {
        let aws = &account.aws;
        let name = format!("{self:?}");
        let user = account.user("/", &name, &[]).await;
        match self {
            Self::ThirdKeyAllowed => {
                aws.create_key(&user).await.unwrap();
                aws.create_key(&user).await.unwrap();
                aws.create_key(&user).await.is_ok()
            }
            Self::UnknownUserHasNoKeys => {
                aws.list_keys(&UserName::parse("nobody").unwrap()).await.is_ok()
            }
            Self::DeletesKeysOfOthers => {
                let key = aws.create_key(&user).await.unwrap().credentials.key;
                let other = account.user("/", "other", &[]).await;
                aws.delete_key(&other, &key).await.unwrap();
                aws.list_keys(&user).await.unwrap().is_empty()
            }
            Self::NoLastUse => {
                let key = aws.create_key(&user).await.unwrap().credentials;
                account.acting_as(&key).await.caller_identity().await.unwrap();
                aws.last_use(&user, &key.key).await.unwrap() == LastUse::NoRecord
            }
            Self::CreateIgnoresToken => {
                let call = account.secrets.create_secret().name(&name).secret_string("x");
                let answer =
                    call.client_request_token(placeholder(1).as_str()).send().await.unwrap();
                answer.version_id.unwrap() != placeholder(1).as_str()
            }
            Self::EmptySecretHasVersion => {
                let secret = secret(&name);
                account.secrets.create_secret().name(secret.as_str()).send().await.unwrap();
                matches!(aws.describe(&secret).await.unwrap(), SecretState::Present(found) if found.current.is_some())
            }
            Self::LabelOnTwoVersions => {
                let secret = secret(&name);
                aws.create(&secret, &owner(&user), &placeholder(1)).await.unwrap();
                for letter in ['A', 'B'] {
                    aws.stage(&secret, &version(letter), &credentials(letter), None).await.unwrap();
                }
                let answer = account
                    .secrets
                    .describe_secret()
                    .secret_id(secret.as_str())
                    .send()
                    .await
                    .unwrap();
                let pending = |labels: &&Vec<String>| labels.iter().any(|l| l == "AWSPENDING");
                answer.version_ids_to_stages.unwrap().values().filter(pending).count() == 2
                    && aws.unstage(&secret, &version('B')).await.is_err()
            }
            Self::PendingOverwritten => {
                let secret = secret(&name);
                aws.create(&secret, &owner(&user), &placeholder(1)).await.unwrap();
                aws.stage(&secret, &version('A'), &credentials('A'), None).await.unwrap();
                aws.stage(&secret, &version('A'), &credentials('B'), None).await.is_ok()
            }
            Self::AcceptsAnyKey => {
                let key = aws.create_key(&user).await.unwrap().credentials;
                aws.deactivate_key(&user, &key.key).await.unwrap();
                account.acting_as(&key).await.caller_identity().await.is_ok()
            }
            Self::ChecksNoPolicy => {
                let key = aws.create_key(&user).await.unwrap().credentials;
                account.acting_as(&key).await.list_keys(&user).await.is_ok()
            }
            Self::NoTrail => {
                let key = aws.create_key(&user).await.unwrap().credentials.key;
                let since = chrono::DateTime::UNIX_EPOCH;
                aws.page(&TrailAsk { key, region: "us-east-1".into(), since }, None).await.is_err()
            }
            Self::NoManagedPolicies => {
                let arn = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3";
                account
                    .iam
                    .attach_user_policy()
                    .user_name(&name)
                    .policy_arn(arn)
                    .send()
                    .await
                    .is_err()
            }
        }
    }
}

pub(crate) async fn each_gap_is_still_there(account: Account) {
    for gap in Gap::ALL.into_iter().filter(|gap| account.has(*gap)) {
        assert!(
            gap.is_there(&account).await,
            "{gap:?} is mended in {:?}: take it off the list, so that the real rule is tested",
            account.emulator
        );
    }
}

/// Not a gap but a convenience: moto stores any status, so that a status that AWS may add can be
/// tested over HTTP.
pub(crate) async fn unknown_status(account: &Account, user: &UserName, key: &KeyId) {
    let strange = aws_sdk_iam::types::StatusType::from("Haunted");
    let call = account
        .iam
        .update_access_key()
        .user_name(user.as_str())
        .access_key_id(key.as_str())
        .status(strange);
    call.send().await.unwrap();
    let status = account.aws.list_keys(user).await.unwrap().remove(0).status;
    assert_eq!(status, KeyStatus::Other("Haunted".into()));
}
