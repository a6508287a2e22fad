//! The AWS services that are served.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Iam,
    Sts,
    SecretsManager,
    CloudTrail,
}

impl Service {
    /// As in the names of permissions and in what signatures are for.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::SecretsManager => "secretsmanager",
            Self::CloudTrail => "cloudtrail",
        }
    }

    /// Whether it speaks JSON; the others speak the Query protocol.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::SecretsManager | Self::CloudTrail)
    }

    /// As the SDKs name it before the action; some put a namespace in front.
    pub(super) fn of_target(name: &str) -> Option<Self> {
        match name.rsplit('.').next() {
            Some("secretsmanager") => Some(Self::SecretsManager),
            Some("CloudTrail_20131101") => Some(Self::CloudTrail),
            _ => None,
        }
    }
}
