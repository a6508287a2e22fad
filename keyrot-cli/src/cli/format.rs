//! `--output`: how a command prints what it found.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use std::path::PathBuf;

/// The argument's name in clap.
const ID: &str = "output";

/// How a command prints what it found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// A table for people.
    Table,
    /// The whole document.
    Json,
    /// One row per key or user.
    Csv,
    /// A page with charts.
    Html,
    /// AWS Security Finding Format.
    Asff,
}

impl Format {
    const ALL: [Self; 6] = [Self::Text, Self::Table, Self::Json, Self::Csv, Self::Html, Self::Asff];

    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Table => "table",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Asff => "asff",
        }
    }

    /// Returns the formats of a command, the default first; none if it prints no document.
    fn of(command: &str) -> &'static [Self] {
        match command {
            "audit" => &[Self::Table, Self::Json, Self::Csv, Self::Html, Self::Asff],
            "plan" | "status" | "rotate" => &[Self::Table, Self::Json, Self::Csv],
            "credentials" | "exec" | "completion" | "man" | "help" | "version" | "users" => &[],
            _ => &[Self::Text, Self::Json],
        }
    }

    /// Returns the requested format: by its name, or by the file's ending.
    ///
    /// # Errors
    /// The file's ending belongs to a format that the command does not have.
    pub(super) fn chosen(command: &str, matches: &ArgMatches) -> Result<Self, String> {
        let (format, by_name) = Self::given(matches);
        let formats = Self::of(command);
        // If there is no choice, such as for a policy, the ending does not matter.
        if by_name || !formats.contains(&Self::Csv) {
            return Ok(format);
        }
        let file = matches.try_get_one::<PathBuf>("out").ok().flatten();
        let ending = file.and_then(|file| file.extension()?.to_str());
        let meant = [Self::Json, Self::Csv, Self::Html]
            .into_iter()
            .find(|one| ending.is_some_and(|ending| ending.eq_ignore_ascii_case(one.word())));
        match (meant, file) {
            (Some(meant), _) if formats.contains(&meant) => Ok(meant),
            (Some(meant), Some(file)) => {
                let words: Vec<&str> = formats.iter().map(|one| one.word()).collect();
                Err(format!(
                    "--out {} names a file for {}, which {command} does not write: choose one of --output {}",
                    file.display(),
                    meant.word(),
                    words.join("|")
                ))
            }
            (None, Some(file)) if ending.is_some_and(is_of_another_tool) => {
                let words: Vec<&str> = formats.iter().map(|one| one.word()).collect();
                Err(format!(
                    "--out {} does not end like a format that {command} writes: name a file that ends in .json or .csv, or choose one of --output {}",
                    file.display(),
                    words.join("|")
                ))
            }
            _ => Ok(format),
        }
    }

    /// Returns the format, and whether it was requested by name.
    pub(super) fn given(matches: &ArgMatches) -> (Self, bool) {
        let word = matches.try_get_one::<String>(ID).ok().flatten();
        let format = word.and_then(|word| Self::ALL.into_iter().find(|one| one.word() == word));
        let source = matches.try_contains_id(ID).is_ok_and(|known| known);
        let by_name = source && matches.value_source(ID) == Some(ValueSource::CommandLine);
        (format.unwrap_or_default(), by_name)
    }
}

/// Whether a file's ending stands for something other than text, such as `xlsx`. A date does not.
fn is_of_another_tool(ending: &str) -> bool {
    let is_word =
        (2..=5).contains(&ending.len()) && ending.starts_with(|c: char| c.is_alphabetic());
    is_word
        && !["txt", "text", "log", "out", "md"].iter().any(|one| ending.eq_ignore_ascii_case(one))
}

/// Returns the command and its subcommands, each with `--output` if it prints a document.
pub(super) fn with_output(mut command: clap::Command) -> clap::Command {
    if command.has_subcommands() {
        return command.mut_subcommands(with_output);
    }
    let words: Vec<&str> = Format::of(command.get_name()).iter().map(|one| one.word()).collect();
    if let Some(usual) = words.first().copied() {
        let arg = Arg::new(ID)
            .long(ID)
            .short('o')
            .value_name(words.join("|"))
            .value_parser(PossibleValuesParser::new(words.iter().map(|word| {
                let value = PossibleValue::new(*word);
                // A command without a table prints text for people under the same name.
                if *word == Format::Text.word() { value.alias("table") } else { value }
            })))
            .hide_possible_values(true)
            // The only choice is `--json`, which is shown.
            .hide(!words.contains(&"csv"))
            .default_value(usual)
            .help("How to print it; --json is short for --output json");
        // People try the name that other tools use; `policy` has a flag of this name.
        let is_free = !command.get_arguments().any(|arg| arg.get_long() == Some("format"));
        command = command.arg(if is_free { arg.alias("format") } else { arg });
    }
    command
}
