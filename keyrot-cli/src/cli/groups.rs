//! The commands in `keyrot --help`, in the groups of the README's table.

use std::fmt::Write;

/// Every listed command, grouped by purpose.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Inspect", &["status", "plan", "audit", "who-uses", "doctor"]),
    ("Set up", &["init", "config", "policy", "enroll", "release"]),
    ("Rotate", &["rotate", "deliver", "move"]),
    ("Respond", &["revoke", "rollback", "resolve"]),
    ("Use a key", &["credentials", "exec", "my-key"]),
    ("Try it", &["demo", "sandbox"]),
    ("About keyrot", &["help", "man", "completion"]),
];

/// Returns the command with its subcommands listed in groups. clap does not support that, so the
/// commands are hidden from its own list.
pub(super) fn grouped(mut command: clap::Command) -> clap::Command {
    let list = list(&command);
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    command.mut_subcommands(|one| one.hide(true)).override_usage(usage).help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}\n{{all-args}}{{after-help}}"
    ))
}

fn list(command: &clap::Command) -> String {
    let styles = command.get_styles();
    let (head, literal) = (styles.get_header(), styles.get_literal());
    let widest = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max();
    let width = widest.unwrap_or_default();
    let mut out = format!("{head}Commands:{head:#}\n");
    for (group, names) in GROUPS {
        let _ = writeln!(out, " {group}");
        for name in names {
            // A build without AWS has fewer commands.
            let Some(one) = command.find_subcommand(name) else { continue };
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            let _ =
                writeln!(out, "  {literal}{name}{literal:#}{:1$}  {about}", "", width - name.len());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_command_is_in_one_group() {
        let command = crate::cli::command();
        let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let names: BTreeSet<&str> = command
            .get_subcommands()
            .filter(|one| !one.is_hide_set())
            .map(clap::Command::get_name)
            .collect();
        let once: BTreeSet<&str> = listed.iter().copied().collect();
        assert_eq!(once.len(), listed.len());
        let unlisted: Vec<_> = names.difference(&once).collect();
        assert!(unlisted.is_empty(), "{unlisted:?}");
    }
}
