//! The AWS services that are served.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Iam,
    Sts,
    SecretsManager,
    CloudTrail,
}

impl Service {
    /// Returns the name in permissions and in the scope of signatures.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::SecretsManager => "secretsmanager",
            Self::CloudTrail => "cloudtrail",
        }
    }

    /// Whether the service uses JSON; the others use the Query protocol.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::SecretsManager | Self::CloudTrail)
    }

    /// Returns the name that the SDKs put before the action; some add a namespace.
    pub(super) fn of_target(name: &str) -> Option<Self> {
        match name.rsplit('.').next() {
            Some("secretsmanager") => Some(Self::SecretsManager),
            Some("CloudTrail_20131101") => Some(Self::CloudTrail),
            _ => None,
        }
    }
}
