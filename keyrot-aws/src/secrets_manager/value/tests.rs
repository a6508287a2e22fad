use super::*;

const OLD: &str = "AKIAAAAAAAAAAAAAAAAA";
const NEW: &str = "AKIABBBBBBBBBBBBBBBB";

fn new() -> Credentials {
    Credentials { key: KeyId::parse(NEW).expect("an id"), secret: SecretKey::new("n\"ew/+".into()) }
}

fn composed(carry: Option<&str>) -> String {
    compose(&FieldNames::default(), &new(), carry).expect("an object").to_string()
}

#[test]
fn a_written_value_is_read_back() {
    let text = composed(None);
    assert_eq!(credentials(&FieldNames::default(), &text), Some(new()));
    let found = inside(&FieldNames::default(), &text);
    assert_eq!((found.key, found.extras), (Ok(new().key), false));
}

#[test]
fn the_placeholder_is_not_mistaken_for_credentials() {
    assert_eq!(credentials(&FieldNames::default(), PLACEHOLDER), None);
    assert_eq!(inside(&FieldNames::default(), PLACEHOLDER).key, Err(NoKey::NoFields));
    assert!(
        is_placeholder(PLACEHOLDER)
            && !is_placeholder(r#"{"keyrot":"x"}"#)
            && !is_placeholder("{}")
    );
}

#[test]
fn other_fields_stay_unchanged_and_in_order() {
    let old = format!(
        r#" {{"z":1e2,"big":123456789012345678901234567890,"SecretAccessKey":"o","é\u0020":[ 1, {{"a": null}} ],"AccessKeyId":"{OLD}"}} "#
    );
    let text = composed(Some(&old));
    let expected = format!(
        r#"{{"z":1e2,"big":123456789012345678901234567890,"SecretAccessKey":"n\"ew/+","é ":[ 1, {{"a": null}} ],"AccessKeyId":"{NEW}"}}"#
    );
    assert_eq!(text, expected);
    assert!(inside(&FieldNames::default(), &text).extras);
}

#[test]
fn readers_of_another_spelling_get_the_new_key_too() {
    let old =
        format!(r#"{{"aws_access_key_id":"{OLD}","aws_secret_access_key":"o","region":"eu"}}"#);
    let found = inside(&FieldNames::default(), &old);
    assert_eq!((found.key, found.extras), (Ok(KeyId::parse(OLD).expect("an id")), true));
    let text = composed(Some(&old));
    assert!(!text.contains(OLD) && text.contains(r#""region":"eu""#), "{text}");
    for names in ["aws_access_key_id", "AccessKeyId"] {
        assert!(text.contains(&format!(r#""{names}":"{NEW}""#)), "{text}");
    }
}

#[test]
fn another_access_key_in_the_value_is_not_changed() {
    let other = "AKIACCCCCCCCCCCCCCCC";
    let old = format!(
        r#"{{"AccessKeyId":"{OLD}","SecretAccessKey":"o","aws_access_key_id":"{other}","aws_secret_access_key":"c"}}"#
    );
    assert_eq!(inside(&FieldNames::default(), &old).key.ok(), KeyId::parse(OLD).ok());
    let text = composed(Some(&old));
    assert!(text.contains(other) && text.contains(r#""aws_secret_access_key":"c""#), "{text}");
}

#[test]
fn an_smtp_password_is_never_carried_over() {
    let old = SecretKey::new("old".into());
    let password =
        |secret: &SecretKey, region: &str| String::clone(&smtp::password(secret, region));
    let value = format!(
        r#"{{"AccessKeyId":"{OLD}","SecretAccessKey":"old","login":"{OLD}","mail":"{}\n","other":"{}","host":"email-smtp.eu-west-1.amazonaws.com"}}"#,
        password(&old, "eu-west-1"),
        password(&SecretKey::new("another user's".into()), "eu-west-1"),
    );
    let text = composed(Some(&value));
    let expected = format!(r#""mail":"{}""#, password(&new().secret, "eu-west-1"));
    assert!(text.contains(&expected) && !text.contains(&password(&old, "eu-west-1")), "{text}");
    // The user name that belongs to the password changes, too.
    assert!(text.contains(&format!(r#""login":"{NEW}""#)) && !text.contains(OLD), "{text}");
    // Everything else does not belong to this key.
    assert!(text.contains(&password(&SecretKey::new("another user's".into()), "eu-west-1")));
    assert!(text.contains("email-smtp.eu-west-1.amazonaws.com"), "{text}");
    assert!(inside(&FieldNames::default(), &value).extras);
}

/// Other programs and earlier settings have other names for the same two fields.
#[test]
fn a_copy_of_the_key_under_other_names_gets_the_new_key_too() {
    let half = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let value = format!(
        r#"{{"AccessKeyId":"{OLD}","SecretAccessKey":"{half}","username":"{OLD}","password":"{half}","host":"s3"}}"#
    );
    let text = composed(Some(&value));
    assert!(!text.contains(OLD) && !text.contains(half), "{text}");
    assert!(text.contains(&format!(r#""username":"{NEW}""#)) && text.contains(r#""host":"s3""#));
    assert!(text.contains(r#""password":"n\"ew/+""#), "{text}");
}

#[test]
fn an_id_elsewhere_is_no_user_name_without_a_password() {
    let value = format!(r#"{{"AccessKeyId":"{OLD}","SecretAccessKey":"old","replaces":"{OLD}"}}"#);
    assert!(composed(Some(&value)).contains(&format!(r#""replaces":"{OLD}""#)));
}

#[test]
fn each_region_of_the_settings_has_a_field_and_a_region_that_was_removed_is_not_stale() {
    let regions = |all: &[&str]| {
        let all = all.iter().map(|region| (*region).to_owned()).collect();
        FieldNames::default().with_smtp_regions(all)
    };
    let (both, one) = (regions(&["eu-west-1", "xy-new-1"]), regions(&["xy-new-1"]));
    let first =
        Credentials { key: KeyId::parse(OLD).expect("an id"), secret: SecretKey::new("o".into()) };
    let text = compose(&both, &first, None).expect("an object");
    let value = |text: &str, field: &str| {
        let object: serde_json::Value = serde_json::from_str(text).expect("JSON");
        object[field].as_str().map(str::to_owned)
    };
    let password =
        |secret: &SecretKey, region: &str| Some(String::clone(&smtp::password(secret, region)));
    assert_eq!(value(&text, "SmtpPassword_xy-new-1"), password(&first.secret, "xy-new-1"));
    // The value contains nothing that has to be carried over.
    let contents = inside(&both, &text);
    assert!(!contents.extras && contents.next_size.is_some_and(|size| size >= text.len()));
    assert!(inside(&one, &text).extras);
    let next = compose(&one, &new(), Some(&text)).expect("an object");
    for (field, region) in
        [("SmtpPassword_eu-west-1", "eu-west-1"), ("SmtpPassword_xy-new-1", "xy-new-1")]
    {
        assert_eq!(value(&next, field), password(&new().secret, region), "{field}");
    }
    // A field of the settings is replaced, whatever it contains.
    let planted =
        format!(r#"{{"AccessKeyId":"{OLD}","SecretAccessKey":"o","SmtpPassword_xy-new-1":["x"]}}"#);
    let next = compose(&one, &new(), Some(&planted)).expect("an object");
    assert_eq!(value(&next, "SmtpPassword_xy-new-1"), password(&new().secret, "xy-new-1"));
}

#[test]
fn an_ambiguous_value_has_no_credentials_and_the_reason_is_named() {
    let fields = FieldNames::default();
    let pair = format!(r#""AccessKeyId":"{OLD}","SecretAccessKey":"hidden""#);
    let quoted = serde_json::to_string(&format!("{{{pair}}}")).expect("text");
    for (text, why) in [
        (String::new(), NoKey::Empty),
        (" \n".to_owned(), NoKey::Empty),
        ("null".to_owned(), NoKey::Scalar),
        (quoted.clone(), NoKey::Scalar),
        ("[1]".to_owned(), NoKey::Array),
        (format!("[{{{pair}}}]"), NoKey::Array),
        ("AccessKeyId=hidden".to_owned(), NoKey::NotJson),
        (format!("{{{pair},}}"), NoKey::NotJson),
        ("{}".to_owned(), NoKey::NoFields),
        (r#"{"user":"x","password":"hidden"}"#.to_owned(), NoKey::NoFields),
        (r#"{"AccessKeyId":"short","SecretAccessKey":"hidden"}"#.to_owned(), NoKey::NotAnId),
        (format!(r#"{{"AccessKeyId":"{OLD}"}}"#), NoKey::NoSecretHalf),
        (format!(r#"{{"AccessKeyId":"{OLD}","SecretAccessKey":""}}"#), NoKey::NoSecretHalf),
        (r#"{"aws_secret_access_key":"hidden"}"#.to_owned(), NoKey::NoId),
        (r#"{"AccessKeyId":7,"SecretAccessKey":"hidden"}"#.to_owned(), NoKey::NotText),
        (format!(r#"{{"AccessKeyId":"{OLD}","SecretAccessKey":["x"]}}"#), NoKey::NotText),
        (format!(r#"{{"AccessKeyId":"{OLD}","SecretAccessKey":null}}"#), NoKey::NotText),
        (format!("{{{pair},{pair}}}"), NoKey::FieldTwice),
        (format!(r#"{{{pair},"note":"hidden","note":"x"}}"#), NoKey::FieldTwice),
        (format!(r#"{{"prod":{{{pair}}},"dev":{{}}}}"#), NoKey::Nested),
        (format!(r#"{{"credentials":{quoted}}}"#), NoKey::Nested),
        (
            format!(
                r#"{{"accessKeyId":"{OLD}","secretAccessKey":"x","access_key_id":"{NEW}","secret_access_key":"y"}}"#
            ),
            NoKey::SeveralKeys,
        ),
    ] {
        assert_eq!(read(&fields, &text), Err(why), "{text}");
        assert_eq!(inside(&fields, &text).key, Err(why), "{text}");
        let said = format!("{why} {} {why:?}", why.advice());
        assert!(!said.contains("hidden") && !said.contains(OLD), "{said}");
    }
    assert!(compose(&fields, &new(), Some("[1]")).is_none());
}

#[test]
fn each_kind_has_its_own_text() {
    let said: std::collections::BTreeSet<String> =
        NoKey::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), NoKey::ALL.len());
}
