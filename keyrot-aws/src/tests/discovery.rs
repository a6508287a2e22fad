use super::{Answer, Script, throttle, xml, xml_error};
use keyrot_core::{ErrorKind, IamPort};

fn detail(name: &str, path: &str, tag: &str) -> String {
    let tags = if tag.is_empty() {
        String::new()
    } else {
        format!("<Tags><member><Key>{tag}</Key><Value>True</Value></member></Tags>")
    };
    format!(
        "<member><Path>{path}</Path><UserName>{name}</UserName><UserId>AIDAJQABLZS4A3QDU576Q</UserId><Arn>arn:aws-cn:iam::123456789012:user{path}{name}</Arn>{tags}\
         <AttachedManagedPolicies><member><PolicyName>AWSCompromisedKeyQuarantineV3</PolicyName>\
         <PolicyArn>arn:aws-cn:iam::aws:policy/AWSCompromisedKeyQuarantineV3</PolicyArn></member></AttachedManagedPolicies></member>"
    )
}

fn bulk(members: &str, marker: &str) -> Answer {
    let more = !marker.is_empty();
    let end = format!("<IsTruncated>{more}</IsTruncated><Marker>{marker}</Marker>");
    xml(
        "GetAccountAuthorizationDetails",
        &format!("<UserDetailList>{members}</UserDetailList>{end}"),
    )
}

fn denied(action: &str) -> Answer {
    xml_error(
        403,
        "AccessDenied",
        &format!("User: x is not authorized to perform: {action} on resource: *"),
    )
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_followed_short_and_empty_ones_too() {
    let (aws, script) = Script::aws([
        bulk(&detail("a", "/ci/", "keyrot"), "m1"),
        bulk("", "m2"),
        throttle(),
        bulk(&(detail("b", "/", "") + &detail("c", "/ci/sub/", "")), ""),
    ])
    .await;
    let users = aws.users("/ci/").await.unwrap();
    let names: Vec<_> = users.iter().map(|u| u.arn.name().to_string()).collect();
    assert_eq!(names, ["a", "c"]);
    assert_eq!(users[0].tags["keyrot"], "True");
    assert_eq!(users[0].policies, ["AWSCompromisedKeyQuarantineV3"]);
    assert_eq!(script.actions(), ["GetAccountAuthorizationDetails"; 4]);
    let first = &script.requests()[0].body;
    assert!(first.contains("Filter.member.1=User") && first.contains("MaxItems=1000"), "{first}");
}

#[tokio::test(start_paused = true)]
async fn an_error_on_any_page_is_an_error() {
    let (aws, _) = Script::aws([
        bulk(&detail("a", "/", ""), "m1"),
        xml_error(400, "ValidationError", "bad marker"),
    ])
    .await;
    assert_eq!(aws.users("/").await.unwrap_err().kind, ErrorKind::Other);
    let (aws, _) = Script::aws([bulk("<member><UserName>a</UserName></member>", "")]).await;
    assert!(aws.users("/").await.unwrap_err().message.contains("no ARN"));
}

fn listed(names: &[&str], marker: &str) -> Answer {
    let member = |name: &&str| {
        format!(
            "<member><Path>/ci/</Path><UserName>{name}</UserName><UserId>AIDAJQABLZS4A3QDU576Q</UserId>\
             <Arn>arn:aws:iam::123456789012:user/ci/{name}</Arn><CreateDate>2026-01-02T03:04:05Z</CreateDate></member>"
        )
    };
    let members: String = names.iter().map(member).collect();
    let more = !marker.is_empty();
    let end = format!("<IsTruncated>{more}</IsTruncated><Marker>{marker}</Marker>");
    xml("ListUsers", &format!("<Users>{members}</Users>{end}"))
}

fn tags(key: &str, marker: &str) -> Answer {
    let more = !marker.is_empty();
    let end = format!("<IsTruncated>{more}</IsTruncated><Marker>{marker}</Marker>");
    xml(
        "ListUserTags",
        &format!("<Tags><member><Key>{key}</Key><Value>v</Value></member></Tags>{end}"),
    )
}

fn policies(name: &str, marker: &str) -> Answer {
    let more = !marker.is_empty();
    let end = format!("<IsTruncated>{more}</IsTruncated><Marker>{marker}</Marker>");
    let member = if name.is_empty() {
        String::new()
    } else {
        format!("<member><PolicyName>{name}</PolicyName></member>")
    };
    xml("ListAttachedUserPolicies", &format!("<AttachedPolicies>{member}</AttachedPolicies>{end}"))
}

#[tokio::test(start_paused = true)]
async fn if_it_is_denied_users_are_read_one_by_one() {
    let (aws, script) = Script::aws([
        denied("iam:GetAccountAuthorizationDetails"),
        listed(&[], "m1"),
        listed(&["a"], ""),
        tags("keyrot", "t1"),
        tags("owner", ""),
        policies("", "p1"),
        policies("AWSCompromisedKeyQuarantine", ""),
    ])
    .await;
    let users = aws.users("/ci/").await.unwrap();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].tags.keys().collect::<Vec<_>>(), ["keyrot", "owner"]);
    assert_eq!(users[0].policies, ["AWSCompromisedKeyQuarantine"]);
    let actions = script.actions();
    assert_eq!(actions[1..3], ["ListUsers"; 2]);
    let requests = script.requests();
    assert!(requests[1].body.contains("PathPrefix=%2Fci%2F"), "{:?}", requests[1]);
    assert!(requests[4].body.contains("Marker=t1") && requests[6].body.contains("Marker=p1"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_user_is_left_out_and_any_other_failure_fails_the_list() {
    let gone = || xml_error(404, "NoSuchEntity", "The user with name a cannot be found.");
    let bulk_denied = || denied("iam:GetAccountAuthorizationDetails");
    let (aws, _) = Script::aws([bulk_denied(), listed(&["a"], ""), gone()]).await;
    assert_eq!(aws.users("/").await.unwrap(), []);

    let (aws, _) = Script::aws([
        bulk_denied(),
        listed(&["a"], ""),
        tags("keyrot", ""),
        denied("iam:ListAttachedUserPolicies"),
    ])
    .await;
    let error = aws.users("/").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    for action in ["need iam:GetAccountAuthorizationDetails", "need iam:ListAttachedUserPolicies"] {
        assert!(error.message.contains(action), "{error}");
    }
}
