//! Parses arguments to an [`Invocation`]: what clap parses, what it does not check, and its errors.

use super::format::Format;
use super::named;
use super::{Cli, Global, Invocation, RESUMED, command, id, no_id, parser};
use crate::error::CliError;
use crate::exit::Exit;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};
use keyrot_core::settings::{Kind, SETTINGS};
use std::ffi::{OsStr, OsString};

impl Invocation {
    /// Whether the command works in a simulated account, because of a flag or a variable.
    pub(crate) fn is_sandbox(&self) -> bool {
        let by_variable =
            || std::env::var_os("KEYROT_SANDBOX").is_some_and(|file| !file.is_empty());
        self.sandbox.is_some() || by_variable()
    }

    /// Parses the process's arguments. Help, the version and usage errors are printed here.
    pub(crate) fn parse() -> Result<Self, Exit> {
        let mut words: Vec<OsString> = std::env::args_os().collect();
        let resumed = words.get(1).is_some_and(|word| word == RESUMED);
        if resumed {
            words.remove(1);
        }
        let typed = words.clone();
        let parsed = parser().try_get_matches_from(words).and_then(|matches| {
            let cli = Cli::from_arg_matches(&matches)?;
            // One flag may be before the command's name and the other after it: clap checks each
            // level separately.
            if cli.global.utc && cli.global.local {
                return Err(command()
                    .error(ErrorKind::ArgumentConflict, "--utc and --local do not go together"));
            }
            let (format, by_name) = Format::given(innermost(&matches));
            if by_name && cli.global.json && format != Format::Json {
                let text = "--json is short for --output json; leave out one of them";
                return Err(command().error(ErrorKind::ArgumentConflict, text));
            }
            check_switches(innermost(&matches))?;
            check_empty(innermost(&matches))?;
            let format = match cli.global.json {
                true => Format::Json,
                false => Format::chosen(name(&matches), innermost(&matches))
                    .map_err(|text| command().error(ErrorKind::ValueValidation, text))?,
            };
            Ok((cli, matches, format))
        });
        let (Cli { global, command }, matches, format) = parsed.map_err(|mut error| {
            if error.kind() == ErrorKind::UnknownArgument && typed.iter().any(|word| word == "exec")
            {
                let tip = "put -- before the command: keyrot exec USER -- COMMAND";
                let tips = ContextValue::StyledStrs(vec![tip.into()]);
                error.insert(ContextKind::Suggested, tips);
            }
            let (json, exit) = (asks_for_json(&typed), usage_exit(&typed));
            if error.kind() == ErrorKind::MissingSubcommand {
                // clap lists every alias.
                return CliError::of_clap(&error).exit(exit).report(json);
            }
            match (error.print(), error.use_stderr()) {
                (_, true) if json => return CliError::of_clap(&error).exit(exit).document(),
                (_, true) => return exit,
                (Err(lost), false) => crate::terminal::stdio::failed(&lost),
                (Ok(()), false) => {}
            }
            Exit::Success
        })?;
        let deepest = innermost(&matches);
        let given = |name: &'static str| {
            let values = deepest.get_many::<String>(&id(name)).into_iter().flatten();
            let off = is_off(deepest, name).then(|| (name, "false".to_owned()));
            values.map(move |value| (name, value.clone())).chain(off)
        };
        let settings = SETTINGS
            .iter()
            .filter(|info| info.has_flag())
            .flat_map(|info| given(info.name))
            .collect();
        let Global { sandbox, config, json, quiet, verbose, color, utc: _, local } = global;
        // The log replaces the progress, because they would overwrite each other.
        let silent = quiet || verbose > 0;
        Ok(Self {
            command,
            sandbox,
            config,
            json: json || format == Format::Json,
            format,
            arns: named::arns(deepest),
            quiet,
            silent,
            verbose,
            color,
            resumed,
            local,
            settings,
        })
    }
}

/// Whether a command line that could not be parsed requests JSON. Arguments after `--` are not
/// keyrot's.
fn asks_for_json(words: &[OsString]) -> bool {
    let words: Vec<&str> =
        words.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--").collect();
    // Short flags can be joined: `-qo json`.
    let short = |word: &str, end: &str| {
        word.starts_with('-') && !word.starts_with("--") && word.ends_with(end)
    };
    words.iter().any(|word| {
        let whole = ["--json", "--output=json", "--format=json"];
        whole.contains(word) || short(word, "ojson") || short(word, "o=json")
    }) || words.windows(2).any(|two| match two {
        [flag, "json"] => ["--output", "--format"].contains(flag) || short(flag, "o"),
        _ => false,
    })
}

/// Returns the exit code of a command line that could not be parsed. With `plan
/// --detailed-exitcode`, 2 has another meaning.
fn usage_exit(words: &[OsString]) -> Exit {
    let words = || words.iter().take_while(|word| *word != "--");
    let asks = |word: &OsString| {
        word.to_str().is_some_and(|word| word.split('=').next() == Some("--detailed-exitcode"))
    };
    match words().any(asks) && words().any(|word| word == "plan") {
        true => Exit::Failed,
        false => Exit::Usage,
    }
}

/// Returns the arguments of the command itself, not those of its parent.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, below)| innermost(below))
}

/// Returns the name of the command itself.
fn name(matches: &ArgMatches) -> &str {
    matches
        .subcommand()
        .map_or("", |(own, below)| if below.subcommand().is_some() { name(below) } else { own })
}

/// Whether `--no-trail` was given.
fn is_off(matches: &ArgMatches, setting: &str) -> bool {
    matches.try_get_one::<bool>(&no_id(setting)).ok().flatten().is_some_and(|off| *off)
}

/// Refuses an empty value where a shell's unset variable would change where keyrot works.
fn check_empty(matches: &ArgMatches) -> Result<(), clap::Error> {
    const PLACES: [&str; 4] = ["account", "profile", "region", "endpoint_url"];
    let is_empty = |id: &str| {
        let typed = matches.value_source(id) == Some(ValueSource::CommandLine);
        let values = matches.try_get_raw(id).ok().flatten();
        typed && values.is_some_and(|mut values| values.any(OsStr::is_empty))
    };
    let known = |id: &str| matches.try_contains_id(id).is_ok();
    let places = SETTINGS.iter().filter(|info| info.has_flag() && PLACES.contains(&info.name));
    let settings = places.map(|info| (id(info.name), info.flag()));
    for (id, flag) in settings.chain([("config".to_owned(), "--config".to_owned())]) {
        if known(&id) && is_empty(&id) {
            let text = format!("{flag} is empty: give it a value, or leave it out");
            return Err(command().error(ErrorKind::ValueValidation, text));
        }
    }
    Ok(())
}

/// Refuses a pair of opposite flags, one before the command's name and the other after it: clap
/// checks each level separately.
fn check_switches(matches: &ArgMatches) -> Result<(), clap::Error> {
    let both = SETTINGS.iter().filter(|info| info.kind == Kind::Switch).find(|info| {
        is_off(matches, info.name) && matches.get_many::<String>(&id(info.name)).is_some()
    });
    both.map_or(Ok(()), |info| {
        let flag = info.flag();
        let text = format!("{flag} and --no-{} do not go together", flag.trim_start_matches('-'));
        Err(command().error(ErrorKind::ArgumentConflict, text))
    })
}
