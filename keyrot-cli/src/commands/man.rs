//! `man`: the manual pages, made from what `--help` says. Nothing is called, and no setting is read.

use crate::args::{Invocation, SETTINGS_HEADING, command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, Access};
use crate::render::print;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot man | man -l -                         read the main page
  keyrot man -o ~/.local/share/man/man1 && man keyrot-rotate
  sudo keyrot man -o /usr/local/share/man/man1  for everybody on this machine";

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into DIR, which is made if need be: keyrot.1, keyrot-rotate.1, and so on
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(crate) fn man(invocation: &Invocation, args: &ManArgs) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(CliError::usage("a manual page is roff, and there is no JSON of it; leave --json out"));
    }
    let made = |error: io::Error| CliError::failed(format!("the page could not be made: {error}"));
    let main = command().disable_help_subcommand(true);
    let Some(dir) = &args.output else {
        print(&page(built(main)).map_err(made)?);
        return Ok(Exit::Success);
    };
    let written = |path: &Path, error: io::Error| {
        CliError::failed(format!("{} cannot be written: {error}", path.display()))
            .hint("name a folder that you may write to")
    };
    std::fs::create_dir_all(dir).map_err(|error| written(dir, error))?;
    let commands = with_all_below(built(main));
    let count = commands.len();
    for command in commands {
        let file = dir.join(format!("{}.1", name(&command)));
        let text = page(command).map_err(made)?;
        output::write(&file, &text, Access::All)?;
    }
    if !invocation.silent {
        say!("wrote {count} pages to {}", dir.display());
    }
    Ok(Exit::Success)
}

/// With the arguments that are good for every command in each of them.
fn built(mut command: clap::Command) -> clap::Command {
    command.build();
    command
}

/// The command itself, and those below it.
fn with_all_below(command: clap::Command) -> Vec<clap::Command> {
    let below = command.get_subcommands().filter(|one| !one.is_hide_set()).cloned();
    let below: Vec<_> = below.flat_map(with_all_below).collect();
    std::iter::once(command).chain(below).collect()
}

/// `keyrot-sandbox-show`.
fn name(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// The page of one command.
fn page(command: clap::Command) -> io::Result<String> {
    let name = name(&command);
    let is_main = command.get_name() == name;
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    // The synopsis as in --help: with each of the settings it would fill the screen.
    let mut command = command;
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let command = command.override_usage(usage).mut_args(|arg| match arg.get_help_heading() {
        // What is left out of -h would be without its text here, too.
        Some(SETTINGS_HEADING) => arg.help_heading("Settings").hide_short_help(false),
        _ => arg,
    });
    let man = Man::new(command);
    let mut out = Vec::new();
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    if has_commands {
        man.render_subcommands_section(&mut out)?;
    }
    let mut options = Vec::new();
    man.render_options_section(&mut options)?;
    let options = String::from_utf8_lossy(&options);
    let lead = "Each may also stand in keyrot.toml, or in the environment as KEYROT_<NAME>. The flag wins, then the environment.";
    out.extend(options.replace(".SH SETTINGS\n", &format!(".SH SETTINGS\n{lead}\n")).into_bytes());
    let mut rest = Roff::default();
    sections(&mut rest, &after);
    if !is_main {
        rest.control("SH", ["SEE ALSO"]).text([bold("keyrot"), roman("(1)")]);
    }
    out.extend(rest.render().into_bytes());
    let body = String::from_utf8_lossy(&out);
    // Each piece came with the definitions that a document begins with: once is enough.
    let definitions = Roff::default().render();
    let body = body.replace(&definitions, "");
    // The third place is for a date, and there is none: the pages of one version are the same, whenever they are made.
    let title = format!(".TH {name} 1 \"\" \"keyrot {}\" \"keyrot\"\n", env!("CARGO_PKG_VERSION"));
    Ok(title + &definitions + &body.chars().map(glyph).collect::<String>())
}

/// A sign as a page names it: those that a shell reads would be set as others, and could not be copied (groff_char(7)).
fn glyph(sign: char) -> String {
    match sign {
        '~' => r"\(ti".to_owned(),
        '`' => r"\(ga".to_owned(),
        '^' => r"\(ha".to_owned(),
        ascii if ascii.is_ascii() => ascii.to_string(),
        other => format!("\\[u{:04X}]", u32::from(other)),
    }
}

/// What stands below the arguments in `--help`: examples and exit codes as they are, line by line, and each under a heading of its own.
fn sections(out: &mut Roff, text: &str) {
    for block in text.split("\n\n") {
        let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
        let lines = match heading(first) {
            Some(heading) => {
                out.control("SH", [heading]);
                rest
            }
            None => {
                out.control("PP", []);
                block
            }
        };
        out.control("nf", []);
        for line in lines.lines() {
            out.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        out.control("fi", []);
    }
}

/// The section that such a line begins, by the names that manual pages have for them (man-pages(7)).
fn heading(line: &str) -> Option<&'static str> {
    match line {
        "Examples:" => Some("EXAMPLES"),
        "Exit codes:" => Some("EXIT STATUS"),
        _ => None,
    }
}
