#![allow(clippy::unwrap_used)]

use super::*;

pub(in crate::selection) fn rule(
    name: &str,
    users: &[&str],
    to: &str,
    form: PlaceForm,
) -> DestinationRule {
    new_rule(name, users, to, form).unwrap()
}

fn new_rule(
    name: &str,
    users: &[&str],
    to: &str,
    form: PlaceForm,
) -> Result<DestinationRule, RuleError> {
    let users = users.iter().map(|text| Pattern::parse(text).unwrap()).collect();
    let name = DestinationName::parse(name).unwrap();
    DestinationRule::new(name, users, PlaceTemplate::parse(to, form).unwrap(), Abilities::READABLE)
}

fn home() -> SecretName {
    SecretName::parse("/iam/home/access_key").unwrap()
}

fn arn(path_and_name: &str) -> UserArn {
    UserArn::parse(format!("arn:aws:iam::123456789012:user/{path_and_name}")).unwrap()
}

#[test]
fn users_would_share_a_place_without_their_name_in_it() {
    let refused = |users: &[&str]| new_rule("a", users, "acme/shop", PlaceForm::GitHub);
    assert_eq!(refused(&[]), Err(RuleError::NoUsers));
    for users in [&["ci-*"][..], &["c?"], &["ci", "cd"]] {
        let error = refused(users).unwrap_err().to_string();
        assert!(error.contains("acme/shop has no {user}") && error.contains(users[0]), "{error}");
    }
    assert_eq!(refused(&["ci"]).unwrap().place_of(&arn("ci"), &home()).unwrap(), "acme/shop");
}

#[test]
fn a_place_is_the_template_with_the_user_in_it() {
    let own = rule("a", &["CI-*", "bob"], "/{account}/{user}/aws", PlaceForm::Parameter);
    assert!(own.serves(&"ci-1".parse().unwrap()) && own.serves(&"Bob".parse().unwrap()));
    assert!(!own.serves(&"bobby".parse().unwrap()));
    assert_eq!(own.place_of(&arn("x/ci-1"), &home()).unwrap(), "/123456789012/ci-1/aws");
    let with_path = rule("a", &["*"], "{path}{user}", PlaceForm::Parameter);
    assert_eq!(with_path.place_of(&arn("team/ci"), &home()).unwrap(), "/team/ci");
}

#[test]
fn no_user_name_escapes_its_place() {
    for (to, form, user) in [
        ("acme/{user}", PlaceForm::GitHub, ".."),
        ("acme/shop:{user}", PlaceForm::GitHub, ".."),
        ("acme/{user}", PlaceForm::GitHub, "a,b"),
        ("{user}", PlaceForm::GitHub, "a.b"),
        ("group/{user}", PlaceForm::GitLab, "."),
        ("group/{user}", PlaceForm::GitLab, "a@b"),
        ("{user}", PlaceForm::GitLab, "42"),
        ("/x/{user}", PlaceForm::Parameter, "a@b"),
        ("/{user}", PlaceForm::Parameter, "aws-ci"),
        ("x/{user}", PlaceForm::Secret, "a,b"),
        ("shop/{user}", PlaceForm::Kubernetes, ".."),
        ("shop/{user}-aws", PlaceForm::Kubernetes, "CI"),
        ("shop/{user}", PlaceForm::Kubernetes, "a_b"),
        ("{user}/aws", PlaceForm::Kubernetes, "a.b"),
    ] {
        let error =
            rule("a", &["*"], to, form).place_of(&arn(user), &home()).unwrap_err().to_string();
        assert!(error.contains(user) && error.contains("expected"), "{error}");
    }
    for (to, form) in [
        ("acme/shop/{user}", PlaceForm::GitHub),
        ("acme/..", PlaceForm::GitHub),
        ("acme/shop:", PlaceForm::GitHub),
        ("{user}:production", PlaceForm::GitHub),
        ("group/../{user}", PlaceForm::GitLab),
        ("42", PlaceForm::GitLab),
        ("-42", PlaceForm::GitLab),
        ("{account}", PlaceForm::GitLab),
        ("//{user}", PlaceForm::Parameter),
        ("a/{user}", PlaceForm::Parameter),
        ("/AWS/{user}", PlaceForm::Parameter),
        ("shop", PlaceForm::Kubernetes),
        ("shop/x/{user}", PlaceForm::Kubernetes),
        ("shop/-{user}", PlaceForm::Kubernetes),
        ("shop/a..{user}", PlaceForm::Kubernetes),
        ("Shop/{user}", PlaceForm::Kubernetes),
        ("/{user}", PlaceForm::Kubernetes),
        ("", PlaceForm::Text),
        ("{usr}", PlaceForm::Text),
        ("{user", PlaceForm::Text),
        ("a\n{user}", PlaceForm::Text),
    ] {
        assert!(PlaceTemplate::parse(to, form).is_err(), "{to}");
    }
}

/// No tag has an influence on a place, except on a replica's name, which is that of the home.
#[test]
fn a_replica_has_the_name_of_the_home() {
    let users = vec![Pattern::parse("*").unwrap()];
    let name = DestinationName::parse("a").unwrap();
    let rule =
        DestinationRule::new(name, users, PlaceTemplate::home(), Abilities::READABLE).unwrap();
    let assignment = rule.assignment(&arn("ci"), &home()).unwrap();
    assert_eq!(assignment.place, "/iam/home/access_key");
    let other = SecretName::parse("/iam/moved/access_key").unwrap();
    let moved = rule.assignment(&arn("ci"), &other).unwrap();
    assert_ne!(moved.place_id, assignment.place_id, "receipts are for one place");
    // In another template, the same text is not a placeholder.
    let error = PlaceTemplate::parse("acme/{secret}", PlaceForm::GitHub).unwrap_err().to_string();
    assert!(error.contains("{secret}, which is not known"), "{error}");
}
