//! The AWS partitions for which keyrot behaves differently.

/// A partition: a group of regions with its own accounts, keys and endpoints (AWS General
/// Reference, "Amazon Resource Names (ARNs)"). There are others, such as the isolated ones; keyrot
/// has no special rules for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Partition {
    /// `aws`: the commercial regions.
    Commercial,
    /// `aws-cn`: the China regions.
    China,
    /// `aws-us-gov`: AWS GovCloud (US).
    Government,
    /// `aws-eusc`: the AWS European Sovereign Cloud.
    European,
}

impl Partition {
    /// The names of all partitions, as in ARNs.
    pub const NAMES: [&str; 8] = [
        "aws",
        "aws-cn",
        "aws-us-gov",
        "aws-iso",
        "aws-iso-b",
        "aws-iso-e",
        "aws-iso-f",
        "aws-eusc",
    ];

    /// Returns the partition with this name, if it is one of these.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Commercial, Self::China, Self::Government, Self::European]
            .into_iter()
            .find(|one| one.name() == name)
    }

    /// Returns the partition of a region. Any other region counts as commercial.
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        match region {
            china if china.starts_with("cn-") => Self::China,
            government if government.starts_with("us-gov-") => Self::Government,
            european if european.starts_with("eusc-") => Self::European,
            _ => Self::Commercial,
        }
    }

    /// Returns the partition of an AWS host (AWS General Reference, "AWS service endpoints"). Any
    /// other host counts as commercial.
    #[must_use]
    pub fn of_host(host: &str) -> Self {
        match host {
            china if china.ends_with(".cn") => Self::China,
            european if european.ends_with(".amazonaws.eu") => Self::European,
            _ if host.split('.').any(|label| label.starts_with("us-gov")) => Self::Government,
            _ => Self::Commercial,
        }
    }

    /// Returns its name, as in ARNs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Commercial => "aws",
            Self::China => "aws-cn",
            Self::Government => "aws-us-gov",
            Self::European => "aws-eusc",
        }
    }

    /// Returns the last part of the names of its hosts (AWS General Reference, "AWS service
    /// endpoints").
    #[must_use]
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Commercial | Self::Government => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::European => "amazonaws.eu",
        }
    }

    /// Returns the region that records the events of global services, such as IAM (CloudTrail user
    /// guide, "Global service events").
    #[must_use]
    pub fn global_region(self) -> &'static str {
        match self {
            Self::Commercial => "us-east-1",
            Self::China => "cn-north-1",
            Self::Government => "us-gov-west-1",
            Self::European => "eusc-de-east-1",
        }
    }

    /// Whether a region can belong to the partition with this name, as far as its region names are
    /// known.
    #[must_use]
    pub fn may_have(name: &str, region: &str) -> bool {
        Self::of_name(name).is_none_or(|one| one == Self::of_region(region))
    }
}

#[cfg(test)]
mod tests {
    use super::Partition;

    #[test]
    fn a_region_belongs_to_the_accounts_partition() {
        for (region, partition, fits) in [
            ("eu-west-1", "aws", true),
            ("eu-west-1", "aws-cn", false),
            ("cn-north-1", "aws-cn", true),
            ("cn-north-1", "aws", false),
            ("us-gov-west-1", "aws-us-gov", true),
            ("us-east-1", "aws-us-gov", false),
            ("eusc-de-east-1", "aws-eusc", true),
            ("eusc-de-east-1", "aws", false),
            ("eu-central-1", "aws-eusc", false),
            ("us-iso-east-1", "aws-iso", true),
        ] {
            assert_eq!(Partition::may_have(partition, region), fits, "{region} {partition}");
        }
    }

    #[test]
    fn names_regions_and_hosts_agree() {
        for (partition, region, host) in [
            (Partition::Commercial, "eu-west-1", "sts.eu-west-1.amazonaws.com"),
            (Partition::China, "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
            (Partition::Government, "us-gov-east-1", "sts.us-gov-east-1.amazonaws.com"),
            (Partition::European, "eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert!(Partition::NAMES.contains(&partition.name()));
            assert_eq!(Partition::of_name(partition.name()), Some(partition));
            assert_eq!(Partition::of_region(region), partition);
            assert_eq!(Partition::of_region(partition.global_region()), partition);
            assert_eq!(Partition::of_host(host), partition);
            assert!(host.ends_with(&format!(".{}", partition.dns_suffix())), "{host}");
        }
    }
}
