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
async fn the_report_is_waited_for_and_read() {
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
async fn a_report_that_expires_in_between_is_created_again() {
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
    let again = || [state("COMPLETE"), expired()];
    let (aws, _) = Script::aws((0..100).flat_map(|_| again())).await;
    assert!(aws.credential_report().await.unwrap_err().message.contains("ReportExpired"));
}

fn limited() -> Answer {
    xml_error(409, "LimitExceeded", "too many reports")
}

#[tokio::test(start_paused = true)]
async fn every_answer_that_iam_documents_is_handled() {
    let gone = |code: &str| xml_error(410, code, "there is none");
    for code in ["ReportNotPresent", "ReportExpired", "ReportInProgress"] {
        let answers = [state("COMPLETE"), gone(code), state("INPROGRESS"), state("COMPLETE")];
        let (aws, script) = Script::aws(answers.into_iter().chain([report(CSV)])).await;
        let read = aws.credential_report().await.unwrap();
        assert_eq!(read.not_renewed, None, "{code}");
        script.actions();
    }
    // A limit that goes away.
    let (aws, _) = Script::aws([limited(), limited(), state("COMPLETE"), report(CSV)]).await;
    assert_eq!(aws.credential_report().await.unwrap().not_renewed, None);
    // If the limit lasts, keyrot does not wait long: it uses the last report, and says why.
    let begun = tokio::time::Instant::now();
    let (aws, script) = Script::aws((0..7).map(|_| limited()).chain([report(CSV)])).await;
    let read = aws.credential_report().await.unwrap();
    assert!(read.not_renewed.unwrap().contains("LimitExceeded"));
    assert_eq!(
        (read.users.len(), read.generated.to_rfc3339().as_str()),
        (1, "2026-01-05T03:00:00+00:00")
    );
    assert!(begun.elapsed().as_secs() <= 20, "{:?}", begun.elapsed());
    script.actions();
    // A caller that may not request a new report may read the last one.
    let denied = || xml_error(403, "AccessDenied", "no");
    let (aws, _) = Script::aws([denied(), report(CSV)]).await;
    let read = aws.credential_report().await.unwrap();
    assert!(read.not_renewed.unwrap().contains("iam:GenerateCredentialReport"));
    // Without any report, the first answer is the error.
    for (first, then, says) in [
        (denied(), denied(), "need iam:GenerateCredentialReport"),
        (denied(), gone("ReportNotPresent"), "need iam:GenerateCredentialReport"),
    ] {
        let (aws, _) = Script::aws([first, then]).await;
        let error = aws.credential_report().await.unwrap_err();
        assert!(error.message.contains(says), "{error}");
    }
    let (aws, _) = Script::aws((0..7).map(|_| limited()).chain([gone("ReportNotPresent")])).await;
    let error = aws.credential_report().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitExceeded);
    // IAM's own failures are repeated first, as everywhere.
    let failed = || xml_error(500, "ServiceFailure", "try later");
    let (aws, _) = Script::aws([failed(), state("COMPLETE"), report(CSV)]).await;
    assert_eq!(aws.credential_report().await.unwrap().not_renewed, None);
}

#[tokio::test(start_paused = true)]
async fn one_cell_that_cannot_be_read_is_one_unknown_user() {
    let other = CSV.lines().nth(1).unwrap().replace("ci", "other").replace("true", "perhaps");
    let (aws, _) = Script::aws([state("COMPLETE"), report(&format!("{CSV}{other}\n"))]).await;
    let read = aws.credential_report().await.unwrap();
    let unreadable: Vec<_> = read.unreadable.iter().map(|row| row.user.as_str()).collect();
    assert_eq!((read.users.len(), unreadable), (1, vec!["other", "<root_account>"]));
    assert!(read.unreadable[0].why.contains("\"perhaps\""), "{}", read.unreadable[0].why);
}

#[tokio::test(start_paused = true)]
async fn its_creation_is_waited_for_at_most_three_minutes() {
    let begun = tokio::time::Instant::now();
    let (aws, _) = Script::aws((0..200).map(|_| state("INPROGRESS"))).await;
    let error = aws.credential_report().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("did not finish it within 180s"), "{error}");
    assert!(begun.elapsed().as_secs() <= 180);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_report_is_an_error_and_not_an_empty_account() {
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
    let denied = || xml_error(403, "AccessDenied", "no");
    let (aws, _) = Script::aws([state("PUZZLED"), denied()]).await;
    assert!(aws.credential_report().await.unwrap_err().message.contains("PUZZLED"));
}
