use super::{Answer, Script, throttle, xml, xml_error};
use aws_smithy_types::base64;
use keyrot_core::ErrorKind;
use keyrot_core::audit::AccountPort;

const CSV: &str = "user,arn,password_enabled,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service\n\
    ci,arn:aws:iam::123456789012:user/ci,false,false,true,2025-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A\n";

fn state(state: &str) -> Answer {
    xml("GenerateCredentialReport", &format!("<State>{state}</State>"))
}

fn report(csv: &str) -> Answer {
    let content = base64::encode(csv);
    xml(
        "GetCredentialReport",
        &format!(
            "<Content>{content}</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>2026-01-05T03:00:00Z</GeneratedTime>"
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn it_is_waited_for_and_read() {
    let (aws, script) = Script::aws([
        state("STARTED"),
        throttle(),
        state("INPROGRESS"),
        state("COMPLETE"),
        report(CSV),
    ])
    .await;
    let read = aws.credential_report().await.unwrap();
    assert_eq!(
        (read.users.len(), read.generated.to_rfc3339().as_str()),
        (1, "2026-01-05T03:00:00+00:00")
    );
    let actions = script.actions();
    assert_eq!(actions[..4], ["GenerateCredentialReport"; 4]);
    assert_eq!(actions[4], "GetCredentialReport");
}

#[tokio::test(start_paused = true)]
async fn one_that_expires_in_between_is_made_again() {
    let expired = || xml_error(410, "ReportExpired", "too old");
    let (aws, script) = Script::aws([
        state("COMPLETE"),
        expired(),
        state("STARTED"),
        state("COMPLETE"),
        report(CSV),
    ])
    .await;
    assert!(aws.credential_report().await.is_ok());
    script.actions();
    let (aws, _) = Script::aws([state("COMPLETE"), expired(), state("COMPLETE"), expired()]).await;
    assert!(aws.credential_report().await.unwrap_err().message.contains("ReportExpired"));
}

#[tokio::test(start_paused = true)]
async fn its_making_is_waited_for_for_three_minutes_at_most() {
    let begun = tokio::time::Instant::now();
    let (aws, _) = Script::aws((0..200).map(|_| state("INPROGRESS"))).await;
    let error = aws.credential_report().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("did not finish it within 180 s"), "{error}");
    assert!(begun.elapsed().as_secs() <= 180);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_an_error_and_no_empty_account() {
    for (answer, says) in [
        (report("user,arn\n"), "the report has no column password_enabled"),
        (
            report(&CSV.replace("true", "perhaps")),
            "line 2 of the report, column access_key_1_active: \"perhaps\"",
        ),
        (
            xml("GetCredentialReport", "<GeneratedTime>2026-01-05T03:00:00Z</GeneratedTime>"),
            "it is empty",
        ),
        (xml("GetCredentialReport", "<Content></Content>"), "it has no time"),
    ] {
        let (aws, _) = Script::aws([state("COMPLETE"), answer]).await;
        let error = aws.credential_report().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Other);
        assert!(
            error.message.contains(says) && error.message.contains("iam:GetCredentialReport"),
            "{error}"
        );
    }
    let (aws, _) = Script::aws([xml_error(403, "AccessDenied", "no")]).await;
    let error = aws.credential_report().await.unwrap_err();
    assert!(error.message.contains("need iam:GenerateCredentialReport"), "{error}");
    let (aws, _) = Script::aws([state("PUZZLED")]).await;
    assert!(aws.credential_report().await.unwrap_err().message.contains("PUZZLED"));
}
