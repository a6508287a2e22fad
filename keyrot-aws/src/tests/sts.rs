use super::{Answer, HIDDEN, Script, credentials, throttle, xml, xml_error};
use keyrot_core::{CredentialProbe, ErrorKind, ProbeAnswer};

fn identity(arn: &str) -> Answer {
    let inside = format!("<Arn>{arn}</Arn><UserId>AIDA</UserId><Account>123456789012</Account>");
    xml("GetCallerIdentity", &inside)
}

#[tokio::test(start_paused = true)]
async fn the_caller_is_who_sts_says() {
    let arn = "arn:aws:sts::123456789012:assumed-role/rotator/x";
    let (aws, _) = Script::aws([identity(arn)]).await;
    let caller = aws.caller_identity().await.unwrap();
    assert_eq!((caller.arn.as_str(), caller.account.as_str()), (arn, "123456789012"));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_tried_with_its_own_credentials_and_no_others() {
    let (aws, script) =
        Script::aws([throttle(), Answer::Lost, identity("arn:aws:iam::123456789012:user/ci/bot")]).await;
    let answer = aws.probe(&credentials()).await.unwrap();
    assert!(matches!(answer, ProbeAnswer::Authenticated(arn) if arn.path() == "/ci/"));
    assert_eq!(script.actions().len(), 3);
    for request in script.requests() {
        assert!(request.authorization.contains(&format!("Credential={}/", credentials().key)), "{request:?}");
        assert!(!request.authorization.contains(HIDDEN) && !request.body.contains(HIDDEN));
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_answers() {
    let probe = |answer| async move {
        let (aws, _) = Script::aws([answer]).await;
        aws.probe(&credentials()).await
    };
    for code in ["InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException"] {
        assert_eq!(probe(xml_error(403, code, "no")).await.unwrap(), ProbeAnswer::Refused);
    }
    let wrong = "The request signature we calculated does not match the signature you provided.";
    assert_eq!(probe(xml_error(403, "SignatureDoesNotMatch", wrong)).await.unwrap(), ProbeAnswer::WrongSecret);
    let root = "arn:aws:iam::123456789012:root";
    assert_eq!(probe(identity(root)).await.unwrap(), ProbeAnswer::SomebodyElse(root.into()));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_or_no_answer_is_no_refusal() {
    let late = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z";
    for answers in [
        vec![xml_error(403, "SignatureDoesNotMatch", late)],
        vec![xml_error(403, "AccessDenied", "no")],
        vec![xml_error(403, "RegionDisabledException", "STS is not activated in this region")],
    ] {
        let (aws, _) = Script::aws(answers).await;
        assert!(aws.probe(&credentials()).await.is_err());
    }
    let (aws, _) = Script::aws([Answer::Lost, Answer::Lost, Answer::Lost]).await;
    assert_eq!(aws.probe(&credentials()).await.unwrap_err().kind, ErrorKind::Unavailable);
}
