//! Links into AWS's console.

use keyrot_core::UserArn;
use keyrot_core::model::Partition;
use std::fmt::Write;

/// Returns the URL of a user's keys in the partition's console; `None` if the partition has no
/// public one.
pub(super) fn user_page(arn: &UserArn) -> Option<String> {
    let console = match Partition::of_name(arn.partition())? {
        Partition::Commercial => "https://console.aws.amazon.com",
        Partition::China => "https://console.amazonaws.cn",
        Partition::Government => "https://console.amazonaws-us-gov.com",
        _ => return None,
    };
    let mut url = format!("{console}/iam/home#/users/details/");
    for byte in arn.name().as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url.push_str("?section=security_credentials");
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_page_in_each_public_partition() {
        let page = |arn: &str| user_page(&UserArn::parse(arn).unwrap());
        assert_eq!(
            page("arn:aws:iam::111122223333:user/ci/jane+a@example.com").unwrap(),
            "https://console.aws.amazon.com/iam/home#/users/details/jane%2Ba%40example.com?section=security_credentials"
        );
        assert!(
            page("arn:aws-cn:iam::111122223333:user/x")
                .unwrap()
                .starts_with("https://console.amazonaws.cn/iam/")
        );
        let gov = page("arn:aws-us-gov:iam::111122223333:user/x").unwrap();
        assert!(gov.starts_with("https://console.amazonaws-us-gov.com/iam/home#"), "{gov}");
        assert_eq!(page("arn:aws-iso:iam::111122223333:user/x"), None);
    }
}
