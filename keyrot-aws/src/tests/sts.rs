use super::{Answer, HIDDEN, Script, credentials, throttle, xml, xml_error};
use keyrot_core::model::ProbeAnswer;
use keyrot_core::{CredentialProbe, ErrorKind};

fn identity(arn: &str) -> Answer {
    let inside = format!("<Arn>{arn}</Arn><UserId>AIDA</UserId><Account>123456789012</Account>");
    xml("GetCallerIdentity", &inside)
}

#[tokio::test(start_paused = true)]
async fn the_caller_is_the_one_that_sts_names() {
    let arn = "arn:aws:sts::123456789012:assumed-role/rotator/x";
    let (aws, _) = Script::aws([identity(arn)]).await;
    let caller = aws.caller_identity().await.unwrap();
    assert_eq!((caller.arn.as_str(), caller.account.as_str()), (arn, "123456789012"));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_verified_only_with_its_own_credentials() {
    let (aws, script) =
        Script::aws([throttle(), Answer::Lost, identity("arn:aws:iam::123456789012:user/ci/bot")])
            .await;
    let answer = aws.probe(&credentials()).await.unwrap();
    assert!(matches!(answer, ProbeAnswer::Authenticated(arn) if arn.path() == "/ci/"));
    assert_eq!(script.actions().len(), 3);
    for request in script.requests() {
        assert!(
            request.authorization.contains(&format!("Credential={}/", credentials().key)),
            "{request:?}"
        );
        assert!(!request.authorization.contains(HIDDEN) && !request.body.contains(HIDDEN));
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_answers() {
    let probe = |answer| async move {
        let (aws, _) = Script::aws([answer]).await;
        aws.probe(&credentials()).await
    };
    assert_eq!(
        probe(xml_error(403, "InvalidClientTokenId", "no")).await.unwrap(),
        ProbeAnswer::Refused
    );
    let wrong = "The request signature we calculated does not match the signature you provided.";
    assert_eq!(
        probe(xml_error(403, "SignatureDoesNotMatch", wrong)).await.unwrap(),
        ProbeAnswer::WrongSecret
    );
    let root = "arn:aws:iam::123456789012:root";
    assert_eq!(probe(identity(root)).await.unwrap(), ProbeAnswer::SomebodyElse(root.into()));
}

#[tokio::test(start_paused = true)]
async fn only_stss_own_answer_is_a_refusal() {
    let late = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z";
    let early = "Signature not yet current: 20260109T000000Z is still later than 20260101T000500Z";
    let page =
        |status| Answer::Http(status, "<html><body>Sign in to the network</body></html>".into());
    for (kind, answer) in [
        (ErrorKind::Other, xml_error(403, "SignatureDoesNotMatch", late)),
        (ErrorKind::Other, xml_error(403, "SignatureDoesNotMatch", early)),
        (ErrorKind::Other, xml_error(403, "RequestTimeTooSkewed", "no")),
        (ErrorKind::Other, xml_error(400, "RequestExpired", "no")),
        (ErrorKind::Denied, xml_error(403, "AccessDenied", "no")),
        (
            ErrorKind::Other,
            xml_error(403, "RegionDisabledException", "STS is not activated in this region"),
        ),
        (ErrorKind::Other, xml_error(403, "InvalidAccessKeyId", "another service's word")),
        (ErrorKind::Other, xml_error(403, "UnrecognizedClientException", "another service's word")),
        (ErrorKind::Other, xml_error(403, "SomethingNew", "no")),
        (ErrorKind::Other, page(403)),
        (ErrorKind::Other, page(407)),
        (ErrorKind::Other, identity("nonsense").without("Arn")),
    ] {
        let text = format!("{answer:?}");
        let (aws, script) = Script::aws([answer]).await;
        let error = aws.probe(&credentials()).await.expect_err(&text);
        assert_eq!((error.kind, script.actions().len()), (kind, 1), "{text}: {error}");
    }
    for answers in [
        || Answer::Lost,
        || Answer::Http(503, String::new()),
        || Answer::Http(502, "<html>Bad Gateway</html>".into()),
        || Answer::Http(200, "<html>Sign in to the network</html>".into()),
        || xml_error(500, "InternalFailure", "no"),
    ] {
        let (aws, _) = Script::aws([answers(), answers(), answers()]).await;
        let error = aws.probe(&credentials()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_is_reported_in_one_sentence() {
    let late = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z";
    let (aws, script) = Script::aws([xml_error(403, "SignatureDoesNotMatch", late)]).await;
    let error = aws.caller_identity().await.unwrap_err().to_string();
    assert_eq!(script.actions().len(), 1, "it is not sent again");
    assert!(
        error.contains(
            "GetCallerIdentity for the caller was refused: SignatureDoesNotMatch: Signature expired"
        ),
        "{error}"
    );
    assert!(
        error.ends_with(
            "This machine's clock is off by more than five minutes: set it, then run again"
        ),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_may_belong_to_another_partition() {
    for (region, partition) in [
        ("eu-central-1", "the commercial regions"),
        ("us-gov-west-1", "AWS GovCloud (US)"),
        ("cn-north-1", "the China regions"),
    ] {
        let settings = crate::AwsSettings { region: Some(region.into()), ..Default::default() };
        let unknown = xml_error(403, "InvalidClientTokenId", "The security token is invalid.");
        let (aws, _) = Script::with(settings, [unknown]).await;
        let error = aws.caller_identity().await.unwrap_err().message;
        let expected = format!("sts.{region}.amazonaws.com");
        assert!(error.contains(&expected) && error.contains(partition), "{error}");
        assert!(error.contains("keys of another partition"), "{error}");
    }
}
