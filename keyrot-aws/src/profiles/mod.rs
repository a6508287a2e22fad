//! The shared configuration and credentials files of the AWS tools: read as bytes, so that one
//! value can be replaced and everything else stays as it is.
//!
//! What the tools agree on is understood, and nothing else (AWS SDKs and Tools Reference Guide,
//! "Format of the config file"): sections in brackets, `name = value` at the beginning of a line,
//! comments with `#` or `;`, and indented lines that go on with the value above.
//!
//! ```no_run
//! # fn example(new: &keyrot_core::Credentials) -> Result<(), Box<dyn std::error::Error>> {
//! use keyrot_aws::profiles::SharedFiles;
//!
//! let (file, old) = SharedFiles::of_environment().hold_key("default")?;
//! file.rehearse()?;
//! // Once the new key works:
//! file.put("default", &old, new)?;
//! # Ok(())
//! # }
//! ```

mod edit;
mod file;
mod places;
mod read;
#[cfg(test)]
mod tests;

pub use edit::{KeyPair, Unclear};
pub use file::{FileError, HeldFile};
pub use places::{NoOwnKey, SharedFiles};

use std::ops::Range;

/// Which of the two files: they name their sections differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `~/.aws/credentials`: `[NAME]`.
    Credentials,
    /// `~/.aws/config`: `[profile NAME]`, and `[default]`.
    Config,
}

/// A file's text, and what was found in it.
#[derive(Debug)]
pub struct Profiles<'a> {
    text: &'a [u8],
    sections: Vec<Section>,
}

/// A section, with its settings in order.
#[derive(Debug)]
struct Section {
    profile: Option<String>,
    line: usize,
    settings: Vec<Setting>,
}

/// `name = value`, and where the value is.
#[derive(Debug)]
struct Setting {
    /// In lower case.
    name: String,
    /// Without the spaces around it; a comment behind it is still in there.
    value: Range<usize>,
    line: usize,
    /// Whether an indented line goes on with it.
    continued: bool,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

impl<'a> Profiles<'a> {
    /// Reads the text. Skips what it does not understand.
    #[must_use]
    pub fn parse(kind: FileKind, text: &'a [u8]) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        let mut at = if text.starts_with(BOM) { BOM.len() } else { 0 };
        for (n, line) in text[at..].split_inclusive(|b| *b == b'\n').enumerate() {
            let (start, number) = (at, n + 1);
            at += line.len();
            let body = line.trim_ascii();
            match line.first() {
                // Blank, or a comment: neither ends a value.
                _ if body.is_empty() || body.starts_with(b"#") || body.starts_with(b";") => {}
                Some(b'[') => {
                    let name = body[1..].split(|b| *b == b']').next().unwrap_or_default();
                    sections.push(Section {
                        profile: profile(kind, name),
                        line: number,
                        settings: Vec::new(),
                    });
                }
                Some(b' ' | b'\t') => {
                    if let Some(last) = sections.last_mut().and_then(|s| s.settings.last_mut()) {
                        last.continued = true;
                    }
                }
                _ => {
                    let Some(equals) = line.iter().position(|b| *b == b'=') else { continue };
                    let (name, value) = (&line[..equals], &line[equals + 1..]);
                    let begin = start + equals + 1 + value.len() - value.trim_ascii_start().len();
                    let end = begin.max(start + line.trim_ascii_end().len());
                    let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
                    if let Some(section) = sections.last_mut() {
                        section.settings.push(Setting {
                            name,
                            value: begin.min(end)..end,
                            line: number,
                            continued: false,
                        });
                    }
                }
            }
        }
        Self { text, sections }
    }

    /// The profiles' names, in order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.sections.iter().filter_map(|section| section.profile.clone())
    }

    /// A setting of a profile; of several the last, as most tools have it.
    #[must_use]
    pub fn get(&self, profile: &str, name: &str) -> Option<&str> {
        let all = self.of(profile).flat_map(|section| &section.settings);
        let found = all.filter(|setting| setting.name == name).last()?;
        std::str::from_utf8(&self.text[found.value.clone()]).ok()
    }

    fn of<'s>(&'s self, profile: &str) -> impl Iterator<Item = &'s Section> + use<'s, 'a> {
        let profile = profile.to_owned();
        self.sections
            .iter()
            .filter(move |section| section.profile.as_deref() == Some(profile.as_str()))
    }
}

fn profile(kind: FileKind, name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?.trim();
    if kind == FileKind::Credentials || name == "default" {
        return Some(name.to_owned());
    }
    let rest = name.strip_prefix("profile")?;
    let name = rest.trim();
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    (rest.starts_with([' ', '\t'])).then(|| quoted.unwrap_or(name).to_owned())
}
