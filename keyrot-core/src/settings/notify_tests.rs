use super::*;
use crate::settings::loaded::Settings;
use crate::settings::notify_target::SecretPlace;
use crate::settings::source::Sources;
use proptest::prelude::*;

const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:keyrot";
/// A text that must not appear in any message.
const URL: &str = "https://hooks.slack.com/services/T00000000/B00000000/sesamesesamesesamesesame";

fn refused(text: &str) -> String {
    NotifySpec::parse(text).expect_err(text).to_string()
}

#[test]
fn each_kind_is_read() {
    let spec = NotifySpec::parse(&format!("  sns   {TOPIC} ")).unwrap();
    assert_eq!((spec.name(), spec.min(), spec.target().kind()), ("sns", Severity::Warning, "sns"));
    let NotifyTarget::Sns(topic) = spec.target() else { panic!("{spec:?}") };
    assert_eq!((topic.arn(), topic.region(), topic.is_fifo()), (TOPIC, "eu-central-1", false));
    let NotifyTarget::Sns(fifo) =
        NotifySpec::parse(&format!("sns {TOPIC}.fifo")).unwrap().target().clone()
    else {
        panic!()
    };
    assert!(fifo.is_fifo());

    let spec = NotifySpec::parse("eventbridge default").unwrap();
    assert_eq!((spec.name(), spec.min()), ("eventbridge", Severity::Info));
    let bus = "arn:aws-cn:events:cn-north-1:111122223333:event-bus/team/ops";
    let NotifyTarget::EventBridge(bus) =
        NotifySpec::parse(&format!("eventbridge {bus}")).unwrap().target().clone()
    else {
        panic!()
    };
    assert_eq!(bus.region(), Some("cn-north-1"));

    let spec =
        NotifySpec::parse("webhook secret:keyrot/hook hmac=ssm:/keyrot/hmac min=error name=siem")
            .unwrap();
    assert_eq!((spec.name(), spec.min()), ("siem", Severity::Error));
    let shown: Vec<_> = spec.target().sources().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["secret:keyrot/hook", "ssm:/keyrot/hmac"]);
}

#[test]
fn the_place_of_a_secret_is_a_name_or_an_arn_with_or_without_a_field() {
    let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:keyrot/slack-AbCdEf";
    for (text, place, id, field, region) in [
        ("secret:keyrot/slack", SecretPlace::SecretsManager, "keyrot/slack", None, None),
        ("secret:keyrot/slack#url", SecretPlace::SecretsManager, "keyrot/slack", Some("url"), None),
        (
            &format!("secret:{arn}#url"),
            SecretPlace::SecretsManager,
            arn,
            Some("url"),
            Some("eu-west-1"),
        ),
        ("ssm:/keyrot/teams", SecretPlace::ParameterStore, "/keyrot/teams", None, None),
        ("env:TEAMS_URL", SecretPlace::Environment, "TEAMS_URL", None, None),
        ("file:/run/keys/teams", SecretPlace::File, "/run/keys/teams", None, None),
        ("file:/run/keys/all.json#url", SecretPlace::File, "/run/keys/all.json", Some("url"), None),
    ] {
        let NotifyTarget::Teams(source) =
            NotifySpec::parse(&format!("teams {text}")).unwrap().target().clone()
        else {
            panic!("{text}")
        };
        assert_eq!(
            (source.place(), source.id(), source.field(), source.region()),
            (place, id, field, region)
        );
        assert_eq!(source.to_string(), text);
    }
}

#[test]
fn a_bad_notifier_is_refused_with_what_was_expected() {
    for (text, expected) in [
        ("", "expected sns, eventbridge, slack, teams or webhook first"),
        ("slak secret:x", "the notifier \"slak secret:x\" is not usable: expected"),
        ("slak secret:x", "did you mean `slack`?"),
        ("discord secret:x", "sns, eventbridge, slack, teams or webhook first, then the target"),
        ("sns", "a topic's ARN, such as arn:aws:sns:"),
        ("sns keyrot", "\"sns keyrot\" is not usable: expected a topic's ARN"),
        ("sns min=error", "a topic's ARN"),
        (
            &format!("sns {TOPIC}:0e7ce8f2-6a1b-4b1e-a0a3-000000000000"),
            "a subscription's ARN is not a topic's",
        ),
        ("sns arn:aws:sqs:eu-central-1:111122223333:keyrot", "a topic's ARN"),
        ("sns arn:aws:sns:eu-central-1:1111:keyrot", "a topic's ARN"),
        (
            "eventbridge arn:aws:events:eu-central-1:111122223333:rule/x",
            "a bus's name such as default",
        ),
        ("slack", "the place that holds the URL: secret:NAME, ssm:NAME, env:VARIABLE or file:PATH"),
        ("slack file:keys/slack", "file: and an absolute path"),
        ("slack keyrot/slack", "put it into Secrets Manager or an SSM SecureString"),
        ("slack secret:", "secret:NAME or secret:ARN"),
        ("slack secret:x#", "the name of a JSON field after the #"),
        ("slack ssm:a b", "options after the target"),
        ("slack env:KEYROT_SLACK", "does not begin with KEYROT_"),
        ("slack env:1X", "the name of an environment variable"),
        ("slack secret:x hmac=secret:y", "no option hmac: only a webhook is signed, slack is not"),
        ("webhook secret:x", "hmac=secret:NAME"),
        ("slack secret:x mni=info", "did you mean `min`?"),
        ("slack secret:x level=info", "no option but min, name and (webhook) hmac"),
        ("slack secret:x min=warn", "min=info, min=warning or min=error"),
        ("slack secret:x min=warnign", "did you mean `min=warning`?"),
        ("slack secret:x min=info min=error", "the option min once only"),
        ("slack secret:x name=a/b", "name= with at most 40"),
    ] {
        assert!(refused(text).contains(expected), "{text}: {}", refused(text));
    }
}

#[test]
fn a_secret_in_an_entry_is_not_repeated_in_any_message() {
    let bare = URL.trim_start_matches("https://");
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for text in [
        format!("slack {URL}"),
        URL.to_owned(),
        format!("slack {bare}"),
        format!("slak {URL} min=error"),
        format!("slack secret:{URL}"),
        format!("teams arn:{URL}"),
        format!("slack secret:x {URL}"),
        format!("slack secret:x url={URL}"),
        format!("slack secret:x name={URL}"),
        format!("slack url={URL}"),
        format!("sns {URL}"),
        format!("sns {bare}"),
        format!("webhook secret:x hmac={key}"),
        format!("webhook secret:x hmac={URL}"),
        format!("slack secret:x {key}"),
    ] {
        let message = refused(&text);
        assert!(!message.contains("T00000000") && !message.contains("MfKQ9r8GK"), "{message}");
        let in_toml = format!("notify = [{text:?}]");
        let of_wrong_type = format!("notify = {text:?}");
        for sources in [
            Sources::default().file("keyrot.toml", &in_toml),
            Sources::default().file("keyrot.toml", &of_wrong_type),
            Sources::default().env([("KEYROT_NOTIFY", text.as_str())]),
            Sources::default().flag("notify", text.as_str()),
        ] {
            let message = Settings::load(&sources).expect_err("refused").to_string();
            assert!(message.starts_with("notify = "), "{message}");
            assert!(!message.contains("T00000000") && !message.contains("MfKQ9r8GK"), "{message}");
        }
    }
}

#[test]
fn notifiers_with_the_same_name_are_refused() {
    let two = "slack secret:a,slack secret:b min=error";
    let message =
        Settings::load(&Sources::default().flag("notify", two)).expect_err("refused").to_string();
    assert_eq!(
        message,
        "notify = \"slack secret:b min=error\" (flag --notify) is not usable: expected a name of its own, because another notifier is \
         called slack too: add name=SOMETHING"
    );
    let sources = Sources::default()
        .flag("notify", "slack secret:a")
        .flag("notify", "slack secret:b name=on-call");
    let settings = Settings::load(&sources).unwrap();
    let names: Vec<_> = settings.notify().iter().map(NotifySpec::name).collect();
    assert_eq!(names, ["slack", "on-call"], "flags add up");
    let sources =
        Sources::default().file("keyrot.toml", "notify = ['slack secret:a']").flag("notify", "");
    assert!(
        Settings::load(&sources).unwrap().notify().is_empty(),
        "an empty flag takes away what the file said"
    );
}

proptest! {
    #[test]
    fn no_entry_panics(text in any::<String>(), kind in 0..5_usize, rest in "[ -~]{0,60}") {
        let _ = NotifySpec::parse(&text).map_err(|e| e.to_string());
        let _ = NotifySpec::parse(&format!("{} {rest}", KINDS[kind])).map_err(|e| e.to_string());
    }
}
