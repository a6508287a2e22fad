//! The list of actions: the one place that names each action, with the reason for it.

/// One action that keyrot, or AWS on behalf of the function, carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Action {
    /// The name in a policy, such as `iam:CreateAccessKey`.
    pub name: &'static str,
    /// The reason for it.
    pub why: &'static str,
    /// The statements that allow it; none if it needs no permission.
    pub statements: &'static [Sid],
}

/// The statements of the policy. The name is the `Sid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[expect(missing_docs, reason = "what each is for stands in the reasons of its actions")]
#[non_exhaustive]
pub enum Sid {
    FindUsers,
    ListUsers,
    LookUpUsers,
    SeeLastUse,
    RotateTaggedUsers,
    RecordHomes,
    FindHomes,
    LeaveHomes,
    CreateSecrets,
    KeepSecrets,
    ReadSecrets,
    LabelVersions,
    UseSecretsKey,
    ReadConfig,
    PublishToOwnTopic,
    UseTopicKey,
    PublishToTopics,
    PutEvents,
    ReadHookSecrets,
    ReadHookParameters,
    DeliverParameters,
    DeliverSecrets,
    ReplicateSecrets,
    ReadReplicas,
    RestartServices,
    SeeTasks,
    UseDeliveryKeys,
    UseDeliveryAliases,
    AssumeDeliveryRoles,
    WriteLog,
    ReadCredentialReport,
    ListKeys,
    LookUpUses,
    RotateAnyUser,
    TagUsers,
    SimulatePolicies,
    EndSessions,
    RotateOwnKey,
    ReadPublishedKey,
    DecryptPublishedKey,
    AllowTheRest,
    DenyRotationTag,
    DenyKeyrotTags,
    DenySecretChanges,
    DenyPrincipalTakeover,
    DenyFunctionChanges,
    DenyParameterChanges,
    DenyBoundaryRemoval,
    DenyBoundaryChanges,
    DenyWithoutBoundary,
}

pub(super) const fn action(
    name: &'static str,
    statements: &'static [Sid],
    why: &'static str,
) -> Action {
    Action { name, why, statements }
}

/// The statements on tagged users for a rotation, on any user for an operator, and on the caller's
/// own user.
const CHANGE_KEYS: &[Sid] = &[Sid::RotateTaggedUsers, Sid::RotateAnyUser, Sid::RotateOwnKey];

/// Every AWS action that keyrot uses, with its reason. The policy is generated from this list.
pub const ACTIONS: &[Action] = &[
    action(
        "iam:GetAccountAuthorizationDetails",
        &[Sid::FindUsers],
        "find the users with their tags and policies, a thousand a call; on * only",
    ),
    action(
        "iam:ListUsers",
        &[Sid::ListUsers],
        "find the users where the call above is not allowed; on * only",
    ),
    action(
        "iam:ListUserTags",
        &[Sid::LookUpUsers],
        "read their tags where the first call is not allowed",
    ),
    action(
        "iam:ListAttachedUserPolicies",
        &[Sid::LookUpUsers],
        "see AWS's quarantine policy where the first call is not allowed",
    ),
    action("iam:GetAccessKeyLastUsed", &[Sid::SeeLastUse], "see when a key was last used"),
    action(
        "iam:ListAccessKeys",
        &[Sid::RotateTaggedUsers, Sid::ListKeys, Sid::RotateAnyUser, Sid::RotateOwnKey],
        "see a user's keys; for an audit, their ids",
    ),
    action("iam:CreateAccessKey", CHANGE_KEYS, "create the new key"),
    action(
        "iam:UpdateAccessKey",
        CHANGE_KEYS,
        "deactivate the old key; reactivate it for a rollback",
    ),
    action("iam:DeleteAccessKey", CHANGE_KEYS, "delete the old key"),
    action(
        "secretsmanager:CreateSecret",
        &[Sid::CreateSecrets, Sid::DeliverSecrets],
        "create the secret of a user who has none; create a copy at a destination",
    ),
    action(
        "secretsmanager:DescribeSecret",
        &[Sid::KeepSecrets, Sid::FindHomes, Sid::DeliverSecrets],
        "see which version has which label, and keyrot's journal; look for a user's secret in further regions",
    ),
    action(
        "secretsmanager:ListSecretVersionIds",
        &[Sid::KeepSecrets],
        "find out whether a key that no label explains was ever stored",
    ),
    action(
        "secretsmanager:GetResourcePolicy",
        &[Sid::KeepSecrets],
        "see whether others may read a secret that exists before it is adopted",
    ),
    action(
        "secretsmanager:PutSecretValue",
        &[Sid::KeepSecrets, Sid::DeliverSecrets],
        "store the new key under AWSPENDING; deliver it to a copy",
    ),
    action(
        "secretsmanager:TagResource",
        &[Sid::KeepSecrets, Sid::LeaveHomes, Sid::DeliverSecrets],
        "write journal entries, and tag new secrets; mark a secret that a user was moved away from",
    ),
    action(
        "secretsmanager:GetSecretValue",
        &[
            Sid::ReadSecrets,
            Sid::ReadHookSecrets,
            Sid::ReadPublishedKey,
            Sid::DeliverSecrets,
            Sid::ReadReplicas,
        ],
        "read back a staged key; inspect versions that something else wrote; read a webhook's URL or a destination's token; see what is at a copy or replica; as a consumer, read the key",
    ),
    action(
        "secretsmanager:UpdateSecretVersionStage",
        &[Sid::LabelVersions, Sid::DeliverSecrets],
        "make the verified key current; remove the label AWSPENDING",
    ),
    action(
        "secretsmanager:ReplicateSecretToRegions",
        &[Sid::ReplicateSecrets],
        "create the replica of a secret in the region of a destination",
    ),
    action(
        "kms:Decrypt",
        &[
            Sid::UseSecretsKey,
            Sid::UseTopicKey,
            Sid::DecryptPublishedKey,
            Sid::UseDeliveryKeys,
            Sid::UseDeliveryAliases,
        ],
        "read from and write to a secret or parameter with a KMS key of your own; publish to a topic with one",
    ),
    action(
        "kms:GenerateDataKey",
        &[Sid::UseSecretsKey, Sid::UseTopicKey, Sid::UseDeliveryKeys, Sid::UseDeliveryAliases],
        "write to such a secret or advanced parameter; publish to such a topic",
    ),
    action(
        "kms:Encrypt",
        &[Sid::UseDeliveryKeys, Sid::UseDeliveryAliases],
        "write to a parameter or a replica with a KMS key of your own",
    ),
    action(
        "ssm:GetParameter",
        &[Sid::ReadConfig, Sid::ReadHookParameters, Sid::DeliverParameters],
        "read the settings, a webhook's URL or a destination's token; see what is at a destination",
    ),
    action(
        "sts:AssumeRole",
        &[Sid::AssumeDeliveryRoles],
        "deliver a key to another account, with a role there",
    ),
    action("ssm:PutParameter", &[Sid::DeliverParameters], "deliver a key to a parameter"),
    action("ecs:DescribeServices", &[Sid::RestartServices], "see how far a restart is"),
    action("ecs:ListTasks", &[Sid::SeeTasks], "see whether earlier tasks still run"),
    action("ecs:DescribeTasks", &[Sid::SeeTasks], "see when tasks were started"),
    action("ecs:UpdateService", &[Sid::RestartServices], "restart what reads a delivered key"),
    action(
        "sns:Publish",
        &[Sid::PublishToOwnTopic, Sid::PublishToTopics],
        "notify people; Lambda reports an invocation that failed for good",
    ),
    action("events:PutEvents", &[Sid::PutEvents], "notify other systems"),
    action("logs:CreateLogStream", &[Sid::WriteLog], "Lambda writes the function's log"),
    action("logs:PutLogEvents", &[Sid::WriteLog], "Lambda writes the function's log"),
    action(
        "iam:GenerateCredentialReport",
        &[Sid::ReadCredentialReport],
        "have IAM make its report of all keys; for an audit, on * only",
    ),
    action(
        "iam:GetCredentialReport",
        &[Sid::ReadCredentialReport],
        "read that report; for an audit, on * only",
    ),
    action(
        "cloudtrail:LookupEvents",
        &[Sid::LookUpUses],
        "say who uses a key that is held because it is in use (setting trail); on * only",
    ),
    action(
        "iam:TagUser",
        &[Sid::TagUsers, Sid::RecordHomes],
        "record where a user's secret is (the tag keyrot:home); enroll a user: add the tag that selects it",
    ),
    action("iam:UntagUser", &[Sid::TagUsers], "release a user: remove that tag"),
    action(
        "iam:GetUserPolicy",
        &[Sid::EndSessions],
        "see whether sessions were ended; see that no other policy has the name",
    ),
    action(
        "iam:PutUserPolicy",
        &[Sid::EndSessions],
        "end the sessions started with a leaked key (revoke --end-sessions)",
    ),
    action(
        "iam:DeleteUserPolicy",
        &[Sid::EndSessions],
        "remove that policy when the sessions would have ended anyway",
    ),
    action(
        "iam:SimulatePrincipalPolicy",
        &[Sid::SimulatePolicies],
        "find out what is not allowed (keyrot doctor)",
    ),
    action("iam:GetRole", &[Sid::SimulatePolicies], "find the path of the caller's role for that"),
    action("sts:GetCallerIdentity", &[], "verify a key; needs no permission"),
];
