//! The user, the place of its secret, and the tag of its home.

use super::choices::Choices;
use crate::model::home::{Adoption, HomeTag, Owner, Residence, SecretArn};
use crate::model::names::{UserId, UserName};

/// Returns the place of the user's secret, and a secret of the same name in another region.
pub(super) fn places(some: &mut Choices) -> (SecretArn, SecretArn) {
    // Occasionally, a name that is too long for the user's tag.
    let name = if some.once_in(30) { "k".repeat(220) } else { "access_key".to_owned() };
    let in_region = |region: &str| {
        let arn =
            format!("arn:aws:secretsmanager:{region}:123456789012:secret:/iam/ci/{name}-a1B2c3");
        SecretArn::parse(arn).unwrap()
    };
    (in_region("eu-west-1"), in_region("us-east-1"))
}

pub(super) fn owner(id: &str) -> Owner {
    Owner {
        id: UserId::parse(id).unwrap(),
        account: "123456789012".to_owned(),
        name: UserName::parse("ci").unwrap(),
    }
}

pub(super) fn residence(
    some: &mut Choices,
    owner: Owner,
    arn: SecretArn,
    elsewhere: &SecretArn,
) -> Residence {
    Residence {
        owner,
        place: arn.place().clone(),
        tag: if some.once_in(10) {
            some.one(&[
                HomeTag::Absent,
                HomeTag::At(elsewhere.clone()),
                HomeTag::Unreadable("x".to_owned()),
            ])
        } else {
            HomeTag::At(arn)
        },
        adoption: some.one(&[
            Adoption::NotNamed,
            Adoption::Named,
            Adoption::Named,
            Adoption::TakeOver,
        ]),
        renamed: some.once_in(8),
    }
}
