//! The shared configuration and credentials files of the AWS tools: read as bytes, so that one
//! value can be replaced while everything else stays as it is.
//!
//! Lines are parsed like in boto3 and the AWS CLI, which use Python's `configparser`
//! (`botocore.configloader`): sections in brackets, `name = value` or `name: value`, indented or
//! not, comments with `#` or `;`, and lines that are indented further than a value and continue it.
//! If those tools refuse a whole file for a line that has nothing to do with the profile, keyrot
//! reads on. If it would have to guess, it refuses and names the line. A corpus of files that
//! botocore has read keeps the two in agreement (`tests/botocore.jsonl`).
//!
//! ```no_run
//! # fn example(new: &keyrot_core::Credentials) -> Result<(), Box<dyn std::error::Error>> {
//! use keyrot_aws::profiles::SharedFiles;
//!
//! let (file, old) = SharedFiles::of_environment().hold_key("default")?;
//! file.rehearse()?;
//! // Once the new key works:
//! file.put("default", Some(&old), new)?;
//! # Ok(())
//! # }
//! ```

mod edit;
mod file;
mod lines;
mod parse;
mod places;
mod read;
#[cfg(test)]
mod tests;

pub use edit::{KeyPair, Unclear};
pub use file::{FileError, HeldFile};
pub use parse::{Problem, ProblemKind};
pub use places::{NoOwnKey, SharedFiles};
#[cfg(feature = "destinations")]
pub(crate) use read::read_whole;

use std::ops::Range;

/// The two files, which name their sections differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `~/.aws/credentials`: `[NAME]`.
    Credentials,
    /// `~/.aws/config`: `[profile NAME]`, and `[default]`.
    Config,
}

/// A file's text, and its parsed content.
#[derive(Debug)]
pub struct Profiles<'a> {
    kind: FileKind,
    text: &'a [u8],
    sections: Vec<Section>,
    problem: Option<Problem>,
}

/// A section, with its settings in order.
#[derive(Debug)]
struct Section {
    name: Name,
    /// The text in the brackets.
    header: String,
    line: usize,
    /// The end of its header's line, without trailing spaces.
    end: usize,
    settings: Vec<Setting>,
    /// The first line of the section that is not understood.
    problem: Option<Problem>,
}

/// The subject of a section.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Profile(String),
    /// `[DEFAULT]`: for boto3, its settings are part of every section.
    Defaults,
    Other,
}

/// A setting `name = value`, with the position of the value.
#[derive(Debug)]
struct Setting {
    /// The name in lower case.
    name: String,
    /// The value without the spaces around it; it may include a comment that follows it.
    value: Range<usize>,
    line: usize,
    /// Whether an indented line continues the value.
    continued: bool,
}

impl Profiles<'_> {
    /// Returns the profiles' names, in order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.sections.iter().filter_map(|section| match &section.name {
            Name::Profile(name) => Some(name.clone()),
            Name::Defaults | Name::Other => None,
        })
    }

    /// Returns a setting of a profile; of several, the last one, as in most tools. An empty value
    /// counts as missing.
    #[must_use]
    pub fn get(&self, profile: &str, name: &str) -> Option<&str> {
        let last = |sections: &mut dyn Iterator<Item = &Section>| {
            let all = sections.flat_map(|section| &section.settings);
            all.filter(|setting| setting.name == name).last().map(|setting| setting.value.clone())
        };
        self.of(profile).next()?;
        let found = last(&mut self.of(profile)).or_else(|| last(&mut self.defaults()))?;
        std::str::from_utf8(&self.text[found]).ok().filter(|value| !value.is_empty())
    }

    /// Returns why tools would not use the profile's key, as it is in the file or will be. The text
    /// contains no value.
    #[cfg(feature = "destinations")]
    pub(crate) fn not_used(&self, profile: &str) -> Option<String> {
        const KEYS: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];
        /// Settings that, in botocore, take precedence over the key in the shared file, or turn it
        /// into a role.
        const OTHERS: [&str; 7] = [
            "credential_source",
            "role_arn",
            "source_profile",
            "sso_account_id",
            "sso_session",
            "sso_start_url",
            "web_identity_token_file",
        ];
        let among = |names: &[&str], setting: &Setting| names.contains(&setting.name.as_str());
        let section = self.of(profile).next();
        if let Some(section) = section.filter(|section| section.header != profile) {
            return Some(format!(
                "the header in line {} has spaces in its brackets, so boto3 and the AWS CLI find no profile {profile}; write [{profile}]",
                section.line
            ));
        }
        let shared = || self.defaults().flat_map(|one| &one.settings);
        if let Some(setting) = shared().find(|setting| among(&KEYS, setting)) {
            return Some(format!(
                "{} is in the section [DEFAULT] (line {}), which boto3 adds to every profile and other tools do not; move it into a profile",
                setting.name, setting.line
            ));
        }
        let own = || section.into_iter().flat_map(|section| &section.settings);
        if let Some(setting) = shared().chain(own()).find(|setting| among(&OTHERS, setting)) {
            return Some(format!(
                "the profile has {} (line {}), which some tools use in place of the key; remove it, or choose another profile",
                setting.name, setting.line
            ));
        }
        let spaced = |setting: &&Setting| {
            self.text[setting.value.clone()].iter().any(u8::is_ascii_whitespace)
        };
        let commented = own().filter(|setting| among(&KEYS, setting)).find(spaced)?;
        Some(format!(
            "there is a comment after the value of {} (line {}), and boto3 takes it for a part of the value; remove the comment",
            commented.name, commented.line
        ))
    }

    /// Returns how many settings the profile has; `None` if there is no such profile.
    #[cfg(feature = "destinations")]
    pub(crate) fn count_of(&self, profile: &str) -> Option<usize> {
        self.of(profile).map(|section| section.settings.len()).reduce(|all, more| all + more)
    }

    /// Returns the first line for which boto3 and the AWS CLI would refuse the whole file.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        self.problem
    }

    fn of<'s>(&'s self, profile: &str) -> impl Iterator<Item = &'s Section> + use<'s> {
        let name = Name::Profile(profile.to_owned());
        self.sections.iter().filter(move |section| section.name == name)
    }

    /// Returns the line of a section whose name would be the profile's in the other file, with the
    /// name to use in this one.
    fn misnamed(&self, profile: &str) -> Option<(usize, String)> {
        let (found, expected) = match self.kind {
            FileKind::Credentials => (format!("profile {profile}"), format!("[{profile}]")),
            FileKind::Config => (profile.to_owned(), format!("[profile {profile}]")),
        };
        let section = self.sections.iter().find(|section| section.header == found)?;
        (section.name != Name::Profile(profile.to_owned())).then_some((section.line, expected))
    }

    fn defaults(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.name == Name::Defaults)
    }
}
