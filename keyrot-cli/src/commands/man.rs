//! `man`: writes the manual pages, generated from `--help`. Calls no service and reads no setting.

use crate::cli::pages::ManArgs;
use crate::cli::{Invocation, POINTER, SETTINGS_HEADING, command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::files::Access;
use crate::output;
use crate::terminal::stdio::{note, print};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io::{self, IsTerminal};
use std::path::Path;

pub(crate) fn man(invocation: &Invocation, args: &ManArgs) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(CliError::usage("a manual page is roff, not JSON").hint("leave out --json"));
    }
    let made =
        |error: io::Error| CliError::failed(format!("the page could not be generated: {error}"));
    let main = command();
    let Some(dir) = &args.out else {
        let wanted = std::iter::once("keyrot").chain(args.words.iter().map(String::as_str));
        let wanted = wanted.collect::<Vec<_>>().join("-");
        let found = with_all_below(built(main)).into_iter().find(|one| name(one) == wanted);
        let found = found.ok_or_else(|| {
            CliError::usage(format!("there is no page for {}", args.words.join(" ")))
                .hint("`keyrot --help` lists the commands")
        })?;
        print(&page(found).map_err(made)?);
        if io::stdout().is_terminal() {
            let words: String = args.words.iter().map(|word| format!(" {word}")).collect();
            note(&format!("to read it: keyrot man{words} | man -l -"));
        }
        return Ok(Exit::Success);
    };
    let written = |path: &Path, error: io::Error| {
        CliError::failed(format!("{} cannot be written: {error}", path.display()))
            .hint("name a folder that you can write to")
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

/// Builds the command, so that each of its subcommands has the global arguments.
fn built(mut command: clap::Command) -> clap::Command {
    command.build();
    command
}

/// Returns the command and its subcommands. `help` has no page, because it shows those of others.
fn with_all_below(command: clap::Command) -> Vec<clap::Command> {
    let below = command
        .get_subcommands()
        .filter(|one| one.get_name() != "help" && !one.is_hide_set())
        .cloned();
    let below: Vec<_> = below.flat_map(with_all_below).collect();
    std::iter::once(command).chain(below).collect()
}

/// Returns the page's name, such as `keyrot-sandbox-show`.
fn name(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// Returns the page of one command. Only the main page lists the settings.
fn page(command: clap::Command) -> io::Result<String> {
    let name = name(&command);
    let is_main = command.get_name() == name;
    let after = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let after = after.strip_suffix(POINTER).unwrap_or(&after).trim_end().to_owned();
    let has_commands = command.has_subcommands();
    // Use the synopsis from --help: one with every setting would fill the screen.
    let mut command = command;
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let command = command.override_usage(usage).mut_args(|arg| match arg.get_help_heading() {
        // Otherwise, arguments that the short help hides would have no text here.
        Some(SETTINGS_HEADING) => arg.hide(!is_main).hide_short_help(false).hide_long_help(false),
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
    let lead = "You can also set each in keyrot.toml, or in the environment as KEYROT_<NAME>. A flag overrides both, the environment overrides the file.";
    out.extend(options.replace(".SH SETTINGS\n", &format!(".SH SETTINGS\n{lead}\n")).into_bytes());
    let mut rest = Roff::default();
    if !is_main {
        let text = "Every setting is also a flag of this command, such as --region or --max-age. See keyrot(1).";
        rest.control("SH", ["SETTINGS"]).text([roman(text)]);
    }
    sections(&mut rest, &after);
    if !is_main {
        rest.control("SH", ["SEE ALSO"]).text([bold("keyrot"), roman("(1)")]);
    }
    out.extend(rest.render().into_bytes());
    let body = String::from_utf8_lossy(&out);
    // Each section begins with the same definitions; one copy is enough.
    let definitions = Roff::default().render();
    let body = body.replace(&definitions, "");
    // The date is empty, so that the pages of one version are always the same.
    let title = format!(".TH {name} 1 \"\" \"keyrot {}\" \"keyrot\"\n", env!("CARGO_PKG_VERSION"));
    Ok(title + &definitions + &body.chars().map(glyph).collect::<String>())
}

/// Escapes a character for roff. Otherwise it would be typeset as a different character that cannot
/// be copied into a shell (groff_char(7)).
fn glyph(sign: char) -> String {
    match sign {
        '~' => r"\(ti".to_owned(),
        '`' => r"\(ga".to_owned(),
        '^' => r"\(ha".to_owned(),
        ascii if ascii.is_ascii() => ascii.to_string(),
        other => format!("\\[u{:04X}]", u32::from(other)),
    }
}

/// Adds the text that follows the arguments in `--help`: examples and exit codes, line by line,
/// each under its own heading.
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

/// Returns the heading of the section that a line begins: its usual name in manual pages
/// (man-pages(7)).
fn heading(line: &str) -> Option<&'static str> {
    match line {
        "Examples:" => Some("EXAMPLES"),
        "Exit codes:" => Some("EXIT STATUS"),
        _ => None,
    }
}
