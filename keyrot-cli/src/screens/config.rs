//! The screen of `config show`.

use crate::terminal::style;
use crate::terminal::table::{Cell, Table};
use keyrot_core::settings::{Explained, Origin};

pub(crate) fn screen(settings: &[&Explained], width: Option<usize>) -> String {
    if settings.is_empty() {
        return "every setting has keyrot's default\n".to_owned();
    }
    let mut table = Table::new(&["SETTING", "FROM", "VALUE"]);
    for one in settings {
        let is_default = one.origin == Origin::Default;
        let value = match &one.value {
            Some(value) => Cell::plain(value.as_str()),
            None => Cell::new("-", style::DIM),
        };
        let from = Cell::new(from(&one.origin), if is_default { style::DIM } else { style::PLAIN });
        table.row(vec![Cell::plain(one.name), from, value]);
    }
    table.show(width)
}

/// Returns the source of a value, in a form that you can search for.
fn from(origin: &Origin) -> String {
    match origin {
        Origin::File { name, line } => format!("{name} line {line}"),
        Origin::Env(name) | Origin::Flag(name) => name.clone(),
        other => other.to_string(),
    }
}
