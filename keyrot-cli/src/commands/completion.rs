//! `completion`: prints a shell completion script. Calls no service and reads no setting.

use crate::cli::pages::CompletionArgs;
use crate::cli::{Invocation, command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::names;
use crate::terminal::stdio::print;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use std::collections::BTreeSet;

pub(crate) fn completion(invocation: &Invocation, args: &CompletionArgs) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(
            CliError::usage("a completion is a shell script, not JSON").hint("leave out --json")
        );
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut for_completion(), "keyrot", &mut script);
    let script = String::from_utf8(script).map_err(|error| {
        CliError::failed(format!("the completion could not be generated: {error}"))
    })?;
    print(&with_users(args.shell, &script));
    Ok(Exit::Success)
}

/// Returns the command as the generators need it: they know only visible aliases and listed values.
fn for_completion() -> clap::Command {
    let names = || {
        let root = command();
        let shown = root.get_subcommands().filter(|command| !command.is_hide_set());
        shown.map(|command| command.get_name().to_owned()).collect::<Vec<_>>()
    };
    let words = |command: clap::Command, more: &[&str]| {
        let all = names().into_iter().chain(more.iter().map(|word| (*word).to_owned()));
        let values = PossibleValuesParser::new(all.collect::<Vec<_>>());
        command.mut_arg("words", |arg| arg.value_parser(values))
    };
    command()
        .mut_subcommand("help", |help| words(help, &["settings"]))
        .mut_subcommand("man", |man| words(man, &[]))
        .mut_subcommands(|one| {
            let aliases: Vec<String> = one.get_all_aliases().map(str::to_owned).collect();
            one.alias(None).visible_aliases(aliases)
        })
}

/// Returns the flags that take a value, as on the command line.
fn valued_flags() -> BTreeSet<String> {
    fn of(command: &clap::Command) -> Vec<String> {
        let own = command.get_arguments().filter(|arg| arg.get_action().takes_values());
        let own = own.flat_map(|arg| {
            let long = arg.get_long().map(|name| format!("--{name}"));
            long.into_iter().chain(arg.get_short().map(|name| format!("-{name}")))
        });
        own.chain(command.get_subcommands().flat_map(of)).collect()
    }
    let all = of(&command()).into_iter();
    all.filter(|flag| flag != "--user" && flag != "--sandbox").collect()
}

/// `users`, a hidden command: prints the names of the users in the last listing, one per line.
pub(crate) fn users(invocation: &Invocation) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(CliError::usage("names for completion are text, not JSON")
            .hint("leave out --json; `keyrot status --json` lists the users"));
    }
    let names = names::recalled(invocation.is_sandbox());
    print(&names.iter().map(|name| format!("{name}\n")).collect::<String>());
    Ok(Exit::Success)
}

/// Returns the script with completion of IAM users' names. clap's generators mark these places as
/// names of the machine's own users: zsh's everywhere, fish's after flags, bash's nowhere.
fn with_users(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => {
            let root = command();
            let shown = root.get_subcommands().filter(|command| !command.is_hide_set());
            let shown: Vec<&str> = shown.map(|command| command.get_name()).collect();
            let more = BASH.replace("COMMANDS", &TAKE_USERS.join("|"));
            let valued = valued_flags().into_iter().collect::<Vec<_>>().join("|");
            let more = more.replace("VALUED", &valued);
            script.to_owned() + &more.replace("SHOWN", &shown.join(" "))
        }
        Shell::Zsh => script.replace(":_users", ":_keyrot_users").replacen("\n\n", ZSH, 1),
        Shell::Fish => {
            let script = script.replace("(__fish_complete_users)", FISH);
            let script =
                script.replacen(FISH_PARSE, &FISH_PARSE.replace("\n    or", FISH_AGAIN), 1);
            let commands = TAKE_USERS.join(" ");
            let when = format!("__fish_seen_subcommand_from {commands}");
            let users = format!("complete -c keyrot -n \"{when}\" -f -a \"{FISH}\"\n");
            // clap's generator knows no values of positional arguments.
            let words = [
                ("help man", for_completion(), "help", "words"),
                ("completion completions", command(), "completion", "shell"),
            ];
            let words = words.map(|(seen, root, of, arg)| {
                let values = values_of(&root, of, arg).join(" ");
                format!("complete -c keyrot -n \"__fish_seen_subcommand_from {seen}\" -f -a \"{values}\"\n")
            });
            script + &users + &words.concat()
        }
        _ => script.to_owned(),
    }
}

/// Returns the values that a command's argument can have.
fn values_of(root: &clap::Command, command: &str, arg: &str) -> Vec<String> {
    let command = root.find_subcommand(command);
    let arg = command.and_then(|command| command.get_arguments().find(|one| one.get_id() == arg));
    let values = arg.map(clap::Arg::get_possible_values).unwrap_or_default();
    values.iter().map(|value| value.get_name().to_owned()).collect()
}

/// The commands that take users.
const TAKE_USERS: [&str; 16] = [
    "plan",
    "rotate",
    "status",
    "list",
    "ls",
    "enroll",
    "release",
    "unenroll",
    "move",
    "revoke",
    "rollback",
    "deliver",
    "resolve",
    "who-uses",
    "credentials",
    "exec",
];

const FISH: &str =
    "(keyrot (string match -r -- '^--sandbox' (commandline -opc))[1] users 2>/dev/null)";

/// The place where clap's script parses the words before the cursor. It fails if the last one is a
/// flag whose value is being completed: then fish would offer files.
const FISH_PARSE: &str =
    "    argparse -s (__fish_keyrot_global_optspecs) -- $cmd 2>/dev/null\n    or return\n";

/// Parses them again without that flag.
const FISH_AGAIN: &str = r"
    or begin
        set -e cmd[-1]
        argparse -s (__fish_keyrot_global_optspecs) -- $cmd 2>/dev/null
    end
    or";

/// Runs after clap's own completion. Flags are completed only after a hyphen, and users' names for
/// `--user` and for the arguments of the commands that take users. bash splits `--sandbox=FILE`
/// into three words.
const BASH: &str = r#"
_keyrot_with_users() {
    _keyrot "$@"
    local word command= sandbox= kept=() cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
    [[ $cur == -* ]] && return
    # bash also splits `--color=always` into three words.
    [[ $cur == = ]] && prev="${COMP_WORDS[COMP_CWORD-1]}"
    [[ $prev == = ]] && prev="${COMP_WORDS[COMP_CWORD-2]}"
    case $prev in
        VALUED) return ;;
    esac
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            --)
                [[ $command == exec ]] && COMPREPLY=($(compgen -c -- "$cur")) && return
                ;;
            --sandbox) sandbox=$word ;;
            help) [[ $command ]] || command=help ;;
            COMMANDS) command=$word ;;
        esac
    done
    [[ $prev == --user ]] && COMPREPLY=()
    [[ $command == help ]] && COMPREPLY=($(compgen -W "SHOWN settings" -- "$cur"))
    for word in "${COMPREPLY[@]}"; do
        [[ $word == -* || $word == users ]] || kept+=("$word")
    done
    COMPREPLY=("${kept[@]}")
    if [[ $command && $command != help ]]; then
        COMPREPLY+=($(compgen -W "$(keyrot $sandbox users 2>/dev/null)" -- "$cur"))
    fi
}
complete -F _keyrot_with_users -o nosort -o bashdefault -o default keyrot
"#;

/// Inserted before the first function.
const ZSH: &str = r#"

_keyrot_users() {
    local -a names
    local sandbox=
    [[ " $BUFFER " == *' --sandbox'[\ =]* ]] && sandbox=--sandbox
    names=(${(f)"$(keyrot $sandbox users 2>/dev/null)"})
    compadd -a names
}

"#;
