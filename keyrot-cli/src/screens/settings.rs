//! The page of `keyrot help settings`: every setting with its flag, variable, default and meaning.

use crate::cli::setting_help;
use crate::terminal::style::{self, paint};
use crate::terminal::text::hanging;
use keyrot_core::settings::{Kind, SETTINGS, SettingInfo};
use std::fmt::Write;

/// The possible sources of a setting.
const SOURCES: &str = "\
You can give each setting in four places. A later one overrides an earlier one:
  1. ~/.config/keyrot/keyrot.toml   max_age = \"60d\"
  2. ./keyrot.toml                  max_age = \"60d\"
  3. the environment                KEYROT_MAX_AGE=60d
  4. a flag of any command          --max-age 60d

With --config FILE or KEYROT_CONFIG=FILE, that file replaces the first two.
`keyrot init` writes a keyrot.toml that explains every setting.
";

pub(crate) fn screen(width: Option<usize>) -> String {
    let mut out = format!("{SOURCES}\n");
    for info in SETTINGS {
        let _ = writeln!(out, "{}", paint(style::HEAD, head(info)));
        out.push_str(&hanging("    ", style::PLAIN, &setting_help(info), style::PLAIN, width));
    }
    out
}

/// Returns `--max-age <DURATION>, KEYROT_MAX_AGE`, or `--trail, --no-trail, KEYROT_TRAIL`.
fn head(info: &SettingInfo) -> String {
    let flag = info.flag();
    match info.kind {
        _ if !info.has_flag() => format!("[[{}]], {}", info.name, info.env()),
        Kind::Switch => format!("{flag}, {}, {}", flag.replacen("--", "--no-", 1), info.env()),
        kind => format!("{flag} <{}>, {}", kind.placeholder(), info.env()),
    }
}
