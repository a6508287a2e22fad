mod botocore;

use super::*;
use keyrot_core::{Credentials, KeyId, SecretKey};
use proptest::prelude::*;

const OLD: &str = "AKIAOLDOLDOLDOLDOLD1";
const NEW: &str = "AKIANEWNEWNEWNEWNEW22";
const SECRET: &str = "oldOLD/+=oldOLDoldOLDoldOLDoldOLDoldOLD1";
const OTHER: &str = "new+NEW/=";

fn key(id: &str, secret: &str) -> Credentials {
    Credentials { key: KeyId::parse(id).unwrap(), secret: SecretKey::new(secret.to_owned()) }
}

fn pair(text: &str, profile: &str) -> Result<Option<KeyPair>, String> {
    Profiles::parse(FileKind::Credentials, text.as_bytes())
        .key_pair(profile)
        .map_err(|why| why.to_string())
}

fn replaced(text: &[u8], profile: &str) -> Vec<u8> {
    let profiles = Profiles::parse(FileKind::Credentials, text);
    let pair = profiles.key_pair(profile).unwrap().unwrap();
    assert_eq!(pair.credentials, key(OLD, SECRET));
    profiles.with(&pair, &key(NEW, OTHER)).to_vec()
}

#[test]
fn two_values_change_and_every_other_byte_stays() {
    let file = |id: &str, secret: &str| {
        format!(
            "\u{feff}; written by hand\r\n[ default ]  # mine\r\naws_secret_access_key={secret}\t; do not lose\r\n\r\n  \
             \r\nAWS_ACCESS_KEY_ID \t=\t {id}  \r\ns3 =\r\n  aws_access_key_id = nested\r\n  max = 10\r\n[b]\n#aws_access_key_id = x\naws_access_key_id={OLD}\naws_secret_access_key = {SECRET}"
        )
    };
    let text = file(OLD, SECRET);
    assert_eq!(String::from_utf8(replaced(text.as_bytes(), "default")).unwrap(), file(NEW, OTHER));
    let end = format!("aws_access_key_id={OLD}\naws_secret_access_key = {SECRET}");
    let expected =
        text.replace(&end, &format!("aws_access_key_id={NEW}\naws_secret_access_key = {OTHER}"));
    assert_eq!(
        String::from_utf8(replaced(text.as_bytes(), "b")).unwrap(),
        expected,
        "at the end, without a line's end"
    );
}

#[test]
fn every_form_that_boto3_reads_is_read() {
    for text in [
        format!("[default]\n  aws_access_key_id = {OLD}\n  aws_secret_access_key = {SECRET}\n"),
        format!("[default]\naws_access_key_id: {OLD}\naws_secret_access_key : {SECRET}"),
        format!("[default]\raws_access_key_id={OLD}\raws_secret_access_key={SECRET}\r"),
        format!("\t[default]\r\n\taws_access_key_id={OLD}\n\r\taws_secret_access_key={SECRET}\n"),
        format!(
            "[default]\naws_session_token =\n    aws_access_key_id = x\naws_access_key_id={OLD}\naws_secret_access_key={SECRET}\n"
        ),
    ] {
        let new = || text.replace(OLD, NEW).replace(SECRET, OTHER);
        match pair(&text, "default") {
            Ok(Some(_)) => {
                assert_eq!(String::from_utf8(replaced(text.as_bytes(), "default")).unwrap(), new());
            }
            // In the last file, the lines that are indented below the empty token continue it.
            other => assert!(text.contains("token") && other.unwrap_err().contains("line 2")),
        }
    }
}

#[test]
fn a_file_in_utf_16_is_reported_as_such() {
    let text = format!("[default]\naws_access_key_id={OLD}\naws_secret_access_key={SECRET}\n");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked: Vec<u8> = [&[0xFF, 0xFE], &little[..]].concat();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [little, marked, big] {
        let profiles = Profiles::parse(FileKind::Credentials, &bytes);
        let problem = profiles.problem().unwrap();
        assert_eq!(problem.kind, ProblemKind::Utf16);
        assert!(problem.to_string().contains("UTF-8"), "{problem}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        std::fs::write(&path, &bytes).unwrap();
        let files = SharedFiles { credentials: Some(path), config: None };
        let why = files.hold_key("default").unwrap_err().to_string();
        assert!(why.contains("line 1: the file is UTF-16"), "{why}");
    }
}

#[test]
fn a_profile_under_the_other_files_name_is_pointed_out() {
    let dir = tempfile::tempdir().unwrap();
    let [credentials, config] = ["credentials", "config"].map(|name| dir.path().join(name));
    let pair = format!("aws_access_key_id={OLD}\naws_secret_access_key={SECRET}\n");
    std::fs::write(&credentials, format!("[other]\n{pair}[profile ops]\n{pair}")).unwrap();
    let files = SharedFiles { credentials: Some(credentials), config: Some(config.clone()) };
    let why = files.hold_key("ops").unwrap_err().to_string();
    assert!(why.contains("line 4: expected [ops] in this file"), "{why}");
    std::fs::write(&config, format!("[dev]\n{pair}")).unwrap();
    let why = files.hold_key("dev").unwrap_err().to_string();
    assert!(why.contains("line 1: expected [profile dev] in this file"), "{why}");
}

#[test]
fn bytes_that_are_not_text_stay_too() {
    let mut text = b"[\xff]\nname=\xfe\n[default]\n".to_vec();
    text.extend(format!("aws_access_key_id={OLD}\n# \u{0}").bytes());
    text.extend(b"\xff\xff\n");
    text.extend(format!("aws_secret_access_key={SECRET}\n").bytes());
    let new = replaced(&text, "default");
    assert_eq!(new.len(), text.len() + NEW.len() - OLD.len() + OTHER.len() - SECRET.len());
    assert!(
        new.windows(4).any(|w| w == b"\x00\xff\xff\n") && new.starts_with(b"[\xff]\nname=\xfe\n")
    );
}

#[test]
fn an_ambiguous_key_is_refused_with_its_lines_and_without_a_value() {
    let id = format!("aws_access_key_id={OLD}\n");
    let secret = format!("aws_secret_access_key={SECRET}\n");
    for (text, says) in [
        (format!("[a]\n{id}{secret}[b]\n[a]\n"), "the profile appears twice (lines 1 and 5)"),
        (format!("[a]\n{id}{secret}{secret}"), "aws_secret_access_key twice (lines 3 and 4)"),
        (format!("[a]\n{id}"), "has aws_access_key_id but no aws_secret_access_key (line 2)"),
        (format!("[a]\n{id}{secret}aws_security_token: x\n"), "aws_security_token (line 4)"),
        (format!("[a]\n{id}{secret}no separator\n"), "line 4: expected NAME = VALUE"),
        (format!("[a]\n{id}{secret}[b\nregion=x\n"), "line 4: a section's header has no closing ]"),
        (format!("[a] # [x]\n{id}{secret}"), "line 1: a section's header has a second ]"),
        (
            format!("[DEFAULT]\naws_secret_access_key = x\n[a]\n{id}{secret}"),
            "aws_secret_access_key is in the section [DEFAULT] (line 2)",
        ),
        (format!("[a]\n{secret}"), "has aws_secret_access_key but no aws_access_key_id"),
        (format!("[a]\n{id}{secret}aws_session_token = x\n"), "aws_session_token (line 4)"),
        (format!("[a]\n{id}  more\n{secret}"), "aws_access_key_id (line 2)"),
        (format!("[a]\n{id}aws_secret_access_key = two words\n"), "aws_secret_access_key (line 3)"),
        (
            format!("[a]\n{id}aws_secret_access_key = \"{SECRET}\"\n"),
            "expected 40 characters without spaces",
        ),
        (format!("[a]\n{id}aws_secret_access_key =\n"), "aws_secret_access_key (line 3)"),
        (format!("[a]\naws_access_key_id = AKIA\n{secret}"), "expected the id of an access key"),
        (
            format!("[a]\naws_access_key_id = ASIAOLDOLDOLDOLDOLD1\n{secret}"),
            "ASIA… is a temporary one",
        ),
    ] {
        let why = pair(&text, "a").unwrap_err();
        assert!(why.contains(says) && !why.contains(SECRET), "{text}: {why}");
    }
}

#[test]
fn a_profile_without_its_own_key_has_none() {
    let both = format!("aws_access_key_id={OLD}\naws_secret_access_key={SECRET}\n");
    for text in [
        "",
        "[default]\n",
        &both,
        &format!("[other]\n{both}"),
        &format!("[default]\n#{both}"),
        "[default]\nregion = x\n",
    ] {
        assert!(!matches!(pair(text, "default"), Ok(Some(_))), "{text}");
    }
}

#[test]
fn the_configuration_file_names_its_sections_differently() {
    let text = "[default]\nregion = a\n[profile one]\nregion = b\n[profile  \"two words\" ]\nregion = c # c\n[sso-session x]\nregion = d\n[three]\nregion = e\n";
    let profiles = Profiles::parse(FileKind::Config, text.as_bytes());
    let region = |name| profiles.get(name, "region");
    assert_eq!([region("default"), region("one")], [Some("a"), Some("b")]);
    assert_eq!([region("two words"), region("three"), region("x")], [Some("c # c"), None, None]);
    assert_eq!(profiles.names().collect::<Vec<_>>(), ["default", "one", "two words"]);
}

/// A line of such a file, with its line end.
fn line() -> impl Strategy<Value = String> {
    let body = prop_oneof![
        3 => "[ -~äé]{0,20}",
        2 => "\\[[ a-d]{0,3}\\][ #;a]{0,4}",
        2 => "[ \t]{0,2}(aws_access_key_id|AWS_Secret_Access_Key|aws_session_tokens|region|s3)[ \t]{0,2}=[ \t]{0,2}[A-Za-z0-9/+ #;\"]{0,44}",
        1 => "[#;][ -~]{0,30}",
        1 => "[ \t]{0,4}",
    ];
    (body, prop_oneof!["\n", "\r\n"]).prop_map(|(body, end)| body + &end)
}

fn lines() -> impl Strategy<Value = String> {
    proptest::collection::vec(line(), 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever surrounds the key: either it is found and only its two values change, or it is
    /// refused.
    #[test]
    fn in_any_file_two_values_change(
        bom in any::<bool>(),
        before in lines(),
        between in lines(),
        behind in lines(),
        after in lines(),
        spaces in "[ \t]{0,3}",
        comment in prop_oneof![Just(""), Just(" # comment"), Just("\t;x"), Just("   ")],
        swapped in any::<bool>(),
        end in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let file = |id: &str, secret: &str| {
            let id = format!("aws_access_key_id{spaces}={spaces}{id}{comment}{end}");
            let secret = format!("aws_secret_access_key{spaces}={spaces}{secret}{comment}{end}");
            let (first, second) = if swapped { (secret, id) } else { (id, secret) };
            let bom = if bom { "\u{feff}" } else { "" };
            format!("{bom}{before}[mine]{end}{first}{between}{second}{behind}[yours]{end}{after}")
        };
        let text = file(OLD, SECRET);
        let profiles = Profiles::parse(FileKind::Credentials, text.as_bytes());
        match profiles.key_pair("mine") {
            Ok(Some(pair)) if pair.credentials == key(OLD, SECRET) => {
                let new = profiles.with(&pair, &key(NEW, OTHER)).to_vec();
                prop_assert_eq!(String::from_utf8(new).unwrap(), file(NEW, OTHER));
            }
            // A section in between has one or both of the values; then there is no key, or another
            // one.
            Ok(found) => prop_assert!(between.contains('[') && found.is_none_or(|pair| pair.credentials != key(OLD, SECRET))),
            Err(_) => {
                let all = format!("{between}{behind}{after}{before}").to_lowercase();
                // A line that is not a setting, for which boto3 refuses the file.
                let odd = between.lines().chain(behind.lines()).map(str::trim).any(|l| {
                    let name = l.split(['=', ':']).next().unwrap_or_default();
                    !l.is_empty() && !l.starts_with(['#', ';']) && (name.len() == l.len() || name.trim().is_empty())
                });
                let indented = between.lines().chain(behind.lines()).any(|l| l.starts_with([' ', '\t']));
                prop_assert!(all.contains("aws_") || all.contains('[') || indented || odd, "refused without a reason: {}", text);
            }
        }
    }

    #[test]
    fn no_text_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in lines()) {
        for text in [bytes.as_slice(), text.as_bytes()] {
            for kind in [FileKind::Credentials, FileKind::Config] {
                let profiles = Profiles::parse(kind, text);
                for name in profiles.names().collect::<Vec<_>>() {
                    let _ = (profiles.key_pair(&name), profiles.get(&name, "region"));
                }
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_does_not_block() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("credentials");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let refused = crate::profiles::read::read_whole(&path).unwrap_err();
    assert!(refused.to_string().contains("expected a regular file"), "{refused}");
    assert!(HeldFile::open(&path, FileKind::Credentials).is_err());
    assert!(
        crate::profiles::read::read_whole(std::path::Path::new("/dev/null")).unwrap().is_empty()
    );
}
