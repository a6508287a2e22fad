//! The tool that also deploys a user and its secret, if their tags show one.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// CloudFormation's own tag (CloudFormation user guide, "Resource tags"). Only AWS can write tags
/// that begin with `aws:`.
const STACK: &str = "aws:cloudformation:stack-name";
/// The tags of the controllers for Kubernetes begin with this (ACK documentation, "Default resource
/// tags").
const CONTROLLER: &str = "services.k8s.aws/";

/// A tool that keeps setting the user's keys and secret to its own state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Deployer {
    /// AWS CloudFormation, which the CDK and SAM use, by this stack.
    CloudFormation(String),
    /// AWS Controllers for Kubernetes.
    Kubernetes,
    /// Terraform, or OpenTofu.
    Terraform,
    /// Pulumi.
    Pulumi,
}

impl Deployer {
    /// Returns the tool that these tags name. Only CloudFormation's tag is reliable: the others are
    /// conventions, and decide nothing.
    #[must_use]
    pub fn of(tags: &BTreeMap<String, String>) -> Option<Self> {
        let is_name = |name: &str| {
            (1..=128).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if let Some(stack) = tags.get(STACK).filter(|name| is_name(name)) {
            return Some(Self::CloudFormation(stack.clone()));
        }
        if tags.keys().any(|key| key.starts_with(CONTROLLER)) {
            return Some(Self::Kubernetes);
        }
        let named = |tool: &str| {
            tags.iter().any(|(key, value)| {
                let (key, value) = (key.to_ascii_lowercase(), value.to_ascii_lowercase());
                let denied = ["false", "no", "0"].contains(&value.as_str());
                let of_tools =
                    key.contains("managed") || key.contains("provision") || key.contains("created");
                (key.contains(tool) && !denied) || (of_tools && value.contains(tool))
            })
        };
        [("terraform", Self::Terraform), ("opentofu", Self::Terraform), ("pulumi", Self::Pulumi)]
            .into_iter()
            .find_map(|(tool, deployer)| named(tool).then_some(deployer))
    }
}

impl fmt::Display for Deployer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloudFormation(stack) => write!(f, "the CloudFormation stack {stack}"),
            Self::Kubernetes => f.write_str("ACK, a controller in a Kubernetes cluster,"),
            Self::Terraform => f.write_str("Terraform"),
            Self::Pulumi => f.write_str("Pulumi"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_by_its_tags() {
        let stack = || Some(Deployer::CloudFormation("iam-users".to_owned()));
        for (tags, deployer) in [
            (&[][..], None),
            (&[("team", "ops"), ("RotateKey", "True")], None),
            (&[("aws:cloudformation:stack-name", "iam-users"), ("terraform", "true")], stack()),
            (&[("aws:cloudformation:stack-name", "\u{1b}[2J")], None),
            (&[("services.k8s.aws/controller-version", "iam-1.3.0")], Some(Deployer::Kubernetes)),
            (&[("ManagedBy", "Terraform")], Some(Deployer::Terraform)),
            (&[("Terraform", "true")], Some(Deployer::Terraform)),
            (&[("terraform", "false")], None),
            (&[("team", "terraform")], None),
            (&[("created-by", "pulumi")], Some(Deployer::Pulumi)),
        ] {
            let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(Deployer::of(&tags), deployer, "{tags:?}");
        }
    }
}
