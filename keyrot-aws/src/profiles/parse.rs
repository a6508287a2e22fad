//! The lines of a file, in the order of Python's `configparser.RawConfigParser._read`, which boto3
//! and the AWS CLI read both files with.

use super::lines::{lines, trimmed};
use super::{FileKind, Name, Profiles, Section, Setting};
use std::fmt;

/// A line that boto3 and the AWS CLI refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with the line.
    pub kind: ProblemKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The file is in UTF-16.
    Utf16,
    /// The file begins with a byte order mark.
    ByteOrderMark,
    /// The line is not UTF-8.
    NotUtf8,
    /// A setting before the first section.
    NoSection,
    /// `[` without `]`.
    UnfinishedHeader,
    /// A section's header with a second `]`.
    TwoBrackets,
    /// A line without `=` or `:`.
    NoSeparator,
    /// Nothing before `=` or `:`.
    NoName,
    /// A section with the name of an earlier one.
    SectionAgain,
    /// A setting with the name of an earlier one.
    SettingAgain,
    /// A line without `=` in a nested block.
    NotNested,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ProblemKind::Utf16 => "the file is UTF-16: save it as UTF-8",
            ProblemKind::ByteOrderMark => {
                "the file begins with a byte order mark: save it as UTF-8 without one"
            }
            ProblemKind::NotUtf8 => "the line is not UTF-8",
            ProblemKind::NoSection => "the line is before the first section; expected [NAME] above",
            ProblemKind::UnfinishedHeader => "a section's header has no closing ]",
            ProblemKind::TwoBrackets => {
                "a section's header has a second ], and tools disagree which one ends the name"
            }
            ProblemKind::NoSeparator => "expected NAME = VALUE, but there is no = or :",
            ProblemKind::NoName => "expected NAME = VALUE, but there is no name",
            ProblemKind::SectionAgain => "a section of this name is above",
            ProblemKind::SettingAgain => "a setting of this name is above",
            ProblemKind::NotNested => "expected NAME = VALUE in the indented block",
        };
        write!(f, "line {}: {what}", self.line)
    }
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The state of the parser.
struct Reading<'a> {
    kind: FileKind,
    text: &'a [u8],
    sections: Vec<Section>,
    problem: Option<Problem>,
    /// The indentation of the last header or setting; a line that is indented further continues it.
    indent: usize,
    /// Whether the section has a setting that can be continued.
    open: bool,
}

impl<'a> Profiles<'a> {
    /// Parses the text. Lines that are not understood are [problems](Self::problem).
    #[must_use]
    pub fn parse(kind: FileKind, text: &'a [u8]) -> Self {
        let mut reading =
            Reading { kind, text, sections: Vec::new(), problem: None, indent: 0, open: false };
        let utf16 = match text {
            [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => true,
            [first, second, ..] => (*first == 0) != (*second == 0),
            _ => false,
        };
        let mut at = 0;
        if utf16 {
            reading.problem(1, ProblemKind::Utf16);
            at = text.len();
        } else if text.starts_with(BOM) {
            reading.problem(1, ProblemKind::ByteOrderMark);
            at = BOM.len();
        }
        for (n, line) in lines(text, at).enumerate() {
            reading.line(n + 1, line);
        }
        Self { kind, text, sections: reading.sections, problem: reading.problem }
    }
}

impl<'a> Reading<'a> {
    fn problem(&mut self, line: usize, kind: ProblemKind) {
        self.problem.get_or_insert(Problem { line, kind });
    }

    /// Records a line that makes the section's meaning unclear.
    fn doubt(&mut self, line: usize, kind: ProblemKind) {
        self.problem(line, kind);
        if let Some(section) = self.sections.last_mut() {
            section.problem.get_or_insert(Problem { line, kind });
        }
    }

    fn line(&mut self, number: usize, line: std::ops::Range<usize>) {
        let text = self.text;
        if std::str::from_utf8(&text[line.clone()]).is_err() {
            self.problem(number, ProblemKind::NotUtf8);
        }
        let (at, indent) = trimmed(text, line);
        let body = &text[at.clone()];
        // Blank, or a comment: neither ends a value.
        if matches!(body.first(), None | Some(b'#' | b';')) {
            return;
        }
        if self.open && indent > self.indent {
            return self.continuation(number, body);
        }
        self.indent = indent;
        if body[0] == b'[' {
            match body.iter().rposition(|b| *b == b']') {
                Some(end) if end > 1 => return self.header(number, &body[1..end], at.end),
                Some(_) => {}
                // A setting whose name begins with a bracket, or a header that lacks one.
                None => return self.doubt(number, ProblemKind::UnfinishedHeader),
            }
        }
        if self.sections.is_empty() {
            return self.problem(number, ProblemKind::NoSection);
        }
        match body.iter().position(|b| matches!(b, b'=' | b':')) {
            None => self.doubt(number, ProblemKind::NoSeparator),
            Some(0) => {
                // Its name is empty, so nothing continues it.
                self.open = false;
                self.doubt(number, ProblemKind::NoName);
            }
            Some(separator) => {
                let (name, _) = trimmed(text, at.start..at.start + separator);
                let (value, _) = trimmed(text, at.start + separator + 1..at.end);
                self.setting(Setting {
                    name: String::from_utf8_lossy(&text[name]).to_lowercase(),
                    value,
                    line: number,
                    continued: false,
                });
            }
        }
    }

    fn continuation(&mut self, number: usize, body: &[u8]) {
        let Some(last) = self.sections.last_mut().and_then(|s| s.settings.last_mut()) else {
            return;
        };
        last.continued = true;
        // `s3 =` and lines below it: a block of settings.
        if last.value.is_empty() && !body.contains(&b'=') {
            self.problem(number, ProblemKind::NotNested);
        }
    }

    fn header(&mut self, number: usize, header: &[u8], end: usize) {
        let bracket = header.iter().position(|b| *b == b']').filter(|at| *at > 0);
        let name = match bracket {
            _ if header == b"DEFAULT" => Name::Defaults,
            Some(end) => name(self.kind, &header[..end]),
            None => name(self.kind, header),
        };
        let header = String::from_utf8_lossy(header).into_owned();
        if name != Name::Defaults && self.sections.iter().any(|other| other.header == header) {
            self.problem(number, ProblemKind::SectionAgain);
        }
        let settings = Vec::new();
        self.sections.push(Section { name, header, line: number, end, settings, problem: None });
        self.open = false;
        if bracket.is_some() {
            self.doubt(number, ProblemKind::TwoBrackets);
        }
    }

    fn setting(&mut self, setting: Setting) {
        let line = setting.line;
        self.open = true;
        let Some(section) = self.sections.last_mut() else { return };
        let again = section.settings.iter().any(|other| other.name == setting.name);
        section.settings.push(setting);
        if again {
            self.problem(line, ProblemKind::SettingAgain);
        }
    }
}

/// Parses a section's name. As in most tools, spaces around a name are not part of it. For
/// `profile NAME`, botocore splits the header as a shell does (`_parse_section`).
fn name(kind: FileKind, header: &[u8]) -> Name {
    let Ok(header) = std::str::from_utf8(header) else { return Name::Other };
    let header = header.trim();
    if kind == FileKind::Credentials || header == "default" {
        return Name::Profile(header.to_owned());
    }
    match shell_words::split(header).as_deref() {
        Ok([word, name]) if word.starts_with("profile") => Name::Profile(name.clone()),
        _ => Name::Other,
    }
}
