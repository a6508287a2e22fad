//! Tests that keyrot reads what botocore reads, or refuses it and names the line.
//!
//! `tests-support/credentials_corpus.py` generates `botocore.jsonl`, and explains how.

use super::{NEW, key};
use crate::profiles::{FileKind, Profiles, Unclear};
use keyrot_core::{Credentials, KeyId, SecretKey};
use serde::Deserialize;
use std::collections::BTreeMap;

const OLD: [&str; 2] = ["AKIAOLDOLDOLDOLDOLD1", "oldOLD/fake+oldOLDfakeOLDfakeOLDfakeOLD1"];
const OTHER: &str = "newNEW/fake+newNEWfakeNEWfakeNEWfakeNEW2";

/// A file, and what botocore finds in its profile `ops`.
#[derive(Deserialize)]
struct Case {
    kind: String,
    /// The file's bytes, one character each.
    text: String,
    /// The reason why botocore does not read the file.
    refused: Option<String>,
    ops: Option<BTreeMap<String, serde_json::Value>>,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        self.text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.ops.as_ref()?.get(name)?.as_str()
    }

    /// Returns the key that boto3 would sign with: without a session token, and with values that
    /// look like those of a key.
    fn usable(&self) -> Option<Credentials> {
        let token = ["aws_session_token", "aws_security_token"]
            .into_iter()
            .any(|name| self.setting(name).is_some_and(|token| !token.is_empty()));
        let secret = self.setting("aws_secret_access_key")?;
        let sound = secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"/+=".contains(&b));
        if token || secret.is_empty() || !sound {
            return None;
        }
        let key = KeyId::parse(self.setting("aws_access_key_id")?).ok()?;
        Some(Credentials { key, secret: SecretKey::new(secret.to_owned()) })
    }
}

/// Whether botocore's value is this one followed by a comment: a key for other tools, but not for
/// boto3.
fn with_comment(found: Option<&str>, value: &str) -> bool {
    let rest = found.and_then(|found| found.strip_prefix(value)).map(str::trim_start);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', ';']))
}

#[test]
fn every_file_that_botocore_reads_is_read_or_refused_with_a_line() {
    let old = key(OLD[0], OLD[1]);
    let [mut same, mut more, mut refused] = [0; 3];
    for line in include_str!("botocore.jsonl").lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let kind = match case.kind.as_str() {
            "credentials" => FileKind::Credentials,
            _ => FileKind::Config,
        };
        let bytes = case.bytes();
        let profiles = Profiles::parse(kind, &bytes);
        let found = profiles.key_pair("ops");
        // botocore has also read the expected result: the script compares all of it.
        if let Ok(Some(pair)) = &found
            && pair.credentials == old
        {
            let text = String::from_utf8_lossy(&bytes);
            let new = profiles.with(pair, &key(NEW, OTHER)).to_vec();
            let expected = text.replace(OLD[0], NEW).replace(OLD[1], OTHER);
            assert_eq!(String::from_utf8_lossy(&new), expected, "other bytes changed: {line}");
        }
        match (case.usable(), found) {
            (Some(usable), Ok(Some(pair))) => {
                assert_eq!(pair.credentials, usable, "{line}");
                same += 1;
            }
            (Some(_), Ok(None)) => panic!("botocore reads a key, and keyrot none: {line}"),
            // The error names the problem and its line.
            (_, Err(why)) => {
                let says = why.to_string();
                assert!(says.contains("line"), "{says}: {line}");
                let doubtful = matches!(
                    why,
                    Unclear::Shared(..) | Unclear::Line(..) | Unclear::ProfileTwice(..)
                );
                assert!(case.usable().is_none() || doubtful, "{says}: {line}");
                refused += 1;
            }
            // botocore refuses the file for a line elsewhere, or treats a comment as part of the
            // value. But keyrot must not use another key as the profile's.
            (None, Ok(Some(pair))) => {
                assert_eq!(pair.credentials, old, "{line}");
                let comment = with_comment(case.setting("aws_access_key_id"), OLD[0])
                    && with_comment(case.setting("aws_secret_access_key"), OLD[1]);
                let spaces = case.text.contains("[ ");
                assert!(case.refused.is_some() || comment || spaces, "{line}");
                more += 1;
            }
            (None, Ok(None)) => {
                assert!(case.refused.is_none() || profiles.problem().is_some(), "{line}");
            }
        }
    }
    assert!(same > 200 && more > 30 && refused > 200, "{same} {more} {refused}");
}
