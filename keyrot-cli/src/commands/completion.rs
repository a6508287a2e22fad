//! `completion`: prints a shell completion script. Calls no service and reads no setting.

use crate::backend::is_sandbox;
use crate::cli::pages::CompletionArgs;
use crate::cli::{Invocation, command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::names;
use crate::terminal::stdio::print;
use clap_complete::Shell;

pub(crate) fn completion(invocation: &Invocation, args: &CompletionArgs) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(
            CliError::usage("a completion is a shell script, not JSON").hint("leave out --json")
        );
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "keyrot", &mut script);
    let script = String::from_utf8(script).map_err(|error| {
        CliError::failed(format!("the completion could not be generated: {error}"))
    })?;
    print(&with_users(args.shell, &script));
    Ok(Exit::Success)
}

/// `users`, a hidden command: prints the names of the users in the last listing, one per line.
pub(crate) fn users(invocation: &Invocation) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(CliError::usage("names for completion are text, not JSON")
            .hint("leave out --json; `keyrot status --json` lists the users"));
    }
    let names = names::recalled(is_sandbox(invocation));
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
            script.to_owned() + &more.replace("SHOWN", &shown.join(" "))
        }
        Shell::Zsh => script.replace(":_users", ":_keyrot_users").replacen("\n\n", ZSH, 1),
        Shell::Fish => {
            let script = script.replace("(__fish_complete_users)", FISH);
            let commands = TAKE_USERS.join(" ");
            let when = format!("__fish_seen_subcommand_from {commands}");
            format!("{script}complete -c keyrot -n \"{when}\" -a \"{FISH}\"\n")
        }
        _ => script.to_owned(),
    }
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

/// Runs after clap's own completion. Flags are completed only after a hyphen, and users' names for
/// `--user` and for the arguments of the commands that take users. bash splits `--sandbox=FILE`
/// into three words.
const BASH: &str = r#"
_keyrot_with_users() {
    _keyrot "$@"
    local word command= sandbox= kept=() cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
    [[ $cur == -* ]] && return
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
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
