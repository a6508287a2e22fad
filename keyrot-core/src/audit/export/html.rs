//! An audit as one self-contained page: no script, font or image from elsewhere. It is also
//! well-formed XML, so that a test can read it.

use super::charts;
use super::escape::Html;
use crate::audit::document::{Audit, KeyRow, Tagged, UseKnown};
use crate::audit::kind::{FindingKind, FindingSeverity};
use crate::model::names::UserName;
use crate::model::text::{plural, relative, utc};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
/// A browser that opens the page loads nothing from elsewhere and runs no script, whatever the page
/// contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Returns one self-contained page: the charts and figures show the `whole` account, the lists show
/// `shown` ([`Audit::narrowed`]). `simulated` marks the page of a simulated account.
#[must_use]
pub fn html(whole: &Audit, shown: &Audit, simulated: bool) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let title = format!("Access keys of account {}", whole.account);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\" />\n<meta name=\"referrer\" content=\"no-referrer\" />\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{}</h1>\n",
        Html(&title),
        Html(&title)
    );
    let _ = writeln!(
        out,
        "<p class=\"quiet\">{}, by IAM’s credential report of {}. The limit is {}.</p>",
        utc(whole.now),
        utc(whole.report),
        Html(whole.limit())
    );
    for warning in whole.warnings() {
        let _ = writeln!(out, "<p class=\"warning\">{}.</p>", Html(warning));
    }
    if simulated {
        out.push_str("<p class=\"sandbox\">Sandbox: a simulated account.</p>\n");
    }
    out.push_str("</header>\n<main>\n");
    tiles(&mut out, whole);
    pictures(&mut out, whole);
    out.push_str("<div class=\"rest\">\n");
    findings(&mut out, shown);
    keys(&mut out, shown);
    controls(&mut out, whole);
    out.push_str("</div>\n</main>\n");
    footer(&mut out, whole);
    out.push_str("</body>\n</html>\n");
    out
}

fn tiles(out: &mut String, audit: &Audit) {
    let counts = &audit.counts;
    let found = |kind| audit.count(kind);
    let severe = |word: &str| counts.severities.get(word).copied().unwrap_or(0);
    let class = |bad: usize, word: &'static str| if bad == 0 { "well" } else { word };
    let old = found(FindingKind::OldKey);
    let unused = found(FindingKind::UnusedKey);
    let urgent = severe("critical") + severe("high");
    let tile = |class: &str, number: String, text: &str| {
        format!("<li class=\"{class}\"><b>{number}</b>{text}</li>\n")
    };
    let open = counts.active - counts.active_managed;
    out.push_str("<ul class=\"tiles\">\n");
    out.push_str(&tile(
        "",
        counts.active.to_string(),
        &format!("Active keys of {}", plural(counts.users_with_keys, "user")),
    ));
    out.push_str(&tile(
        class(open, "warn"),
        format!("{} of {}", counts.active_managed, counts.active),
        "tagged for rotation",
    ));
    out.push_str(&tile(class(old, "bad"), old.to_string(), "too old"));
    out.push_str(&tile(class(unused, "warn"), unused.to_string(), "unused for 45 days"));
    out.push_str(&tile(class(urgent, "bad"), urgent.to_string(), "critical or high"));
    out.push_str("</ul>\n");
}

fn pictures(out: &mut String, audit: &Audit) {
    out.push_str(
        "<div class=\"pictures\">\n<section>\n<h2>How old the Active keys are, in days</h2>\n",
    );
    // The pattern is in its own chart of size zero, because some browsers ignore a pattern in a
    // hidden one.
    out.push_str(
        "<svg width=\"0\" height=\"0\" style=\"position:absolute;width:0;height:0\" aria-hidden=\"true\"><defs>\
         <pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <path d=\"M0 3H6\"/></pattern></defs></svg>\n",
    );
    let mark = |class: &str| {
        format!(
            "<svg viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect class=\"{class}\" x=\"1\" y=\"1\" width=\"10\" height=\"10\"/></svg>"
        )
    };
    let _ = writeln!(
        out,
        "<ul class=\"legend\"><li>{}tagged for rotation</li><li>{}not tagged</li></ul>",
        mark("managed"),
        mark("open")
    );
    out.push_str(&charts::ages(audit));
    out.push_str("</section>\n<section>\n<h2>Tagged users, by the oldest Active key</h2>\n");
    match charts::limits(audit) {
        Some(svg) => out.push_str(&svg),
        None => out.push_str(
            "<p>No user of this account with an Active key is tagged for rotation.</p>\n",
        ),
    }
    out.push_str(
        "<p class=\"quiet\">When the key is as old as its limit allows. The users' status shows when keyrot replaces it, and what holds it.</p>\n",
    );
    let open = audit.counts.active - audit.counts.active_managed;
    if open > 0 {
        let _ = writeln!(
            out,
            "<p class=\"quiet\">Not tagged, so not rotated: {}.</p>",
            plural(open, "Active key")
        );
    }
    out.push_str("</section>\n</div>\n");
}

fn findings(out: &mut String, audit: &Audit) {
    out.push_str("<section>\n<h2>Findings</h2>\n");
    if audit.findings.is_empty() {
        out.push_str("<p>None.</p>\n</section>\n");
        return;
    }
    out.push_str(
        "<table>\n<thead><tr><th>User</th><th>Severity</th><th>Finding</th><th>What to do</th></tr></thead>\n<tbody>\n",
    );
    for finding in &audit.findings {
        let who = finding.user.as_ref().map_or("root user", |user| user.as_str());
        let owner = audit
            .users
            .iter()
            .find(|user| user.arn == finding.arn)
            .and_then(|user| user.owner.as_ref());
        let owner = owner
            .map(|owner| format!("<br /><span class=\"hint\">{}</span>", Html(owner)))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}{owner}</th><td>{}</td><td>{}</td><td class=\"hint\">{}</td></tr>",
            Html(who),
            word(finding.severity),
            Html(&finding.message),
            Html(code_free(&finding.hint()))
        );
    }
    out.push_str("</tbody>\n</table>\n</section>\n");
}

fn word(severity: FindingSeverity) -> String {
    format!("<span class=\"word {severity}\">{severity}</span>")
}

/// Hints quote commands in the same way as messages on the terminal.
fn code_free(hint: &str) -> String {
    hint.replace('`', "")
}

fn keys(out: &mut String, audit: &Audit) {
    let _ = writeln!(out, "<section>\n<h2>Keys, the oldest first</h2>");
    if audit.keys.is_empty() {
        out.push_str("<p>None.</p>\n</section>\n");
        return;
    }
    let delivered = audit.has_destinations();
    let _ = writeln!(
        out,
        "<table class=\"keys\">\n<thead><tr><th>User</th><th>Key</th><th class=\"number\">Age</th><th>Status</th><th>Last used</th><th>Tagged</th>\
         {}<th>Findings</th></tr></thead>\n<tbody>",
        if delivered { "<th>Destinations</th>" } else { "" }
    );
    for key in &audit.keys {
        let class = if key.is_active() { "" } else { " class=\"off\"" };
        let findings: Vec<&str> = key.findings.iter().map(|kind| kind.title()).collect();
        let findings = match key.severity {
            Some(severity) => format!("{} {}", word(severity), Html(findings.join(", "))),
            None => String::new(),
        };
        let destinations = match delivered {
            true => {
                let all: Vec<String> =
                    key.destinations.iter().map(|to| Html(to).to_string()).collect();
                format!("<td class=\"hint\" data-name=\"destinations\">{}</td>", all.join("<br />"))
            }
            false => String::new(),
        };
        let _ = writeln!(
            out,
            "<tr{class}><th scope=\"row\">{}</th><td data-name=\"key\">{}</td><td class=\"number\" data-name=\"age\">{}d</td>\
             <td data-name=\"status\">{}</td><td data-name=\"last used\">{}</td><td data-name=\"tagged\">{}</td>{destinations}<td>{findings}</td></tr>",
            Html(key.whose()),
            Html(key.which()),
            key.age_days,
            Html(key.status.word()),
            Html(used(audit, key)),
            match key.tagged {
                Tagged::Yes => "yes",
                Tagged::Blocked => "yes, blocked",
                Tagged::No => "no",
            },
        );
    }
    out.push_str("</tbody>\n</table>\n</section>\n");
}

fn used(audit: &Audit, key: &KeyRow) -> String {
    match (key.last_used, key.use_known) {
        (Some(when), _) => {
            let place: Vec<&str> =
                [&key.service, &key.region].into_iter().flatten().map(String::as_str).collect();
            format!("{} {}", relative(when, audit.now), place.join(" ")).trim().to_owned()
        }
        (None, UseKnown::Never) => "no use on record".to_owned(),
        (None, _) => "not known".to_owned(),
    }
}

fn controls(out: &mut String, audit: &Audit) {
    out.push_str("<section>\n<details>\n<summary>Rules and their controls</summary>\n<dl>\n");
    for kind in FindingKind::ALL {
        let _ = writeln!(
            out,
            "<dt>{} ({})</dt>\n<dd>{}</dd>",
            Html(kind.title()),
            plural(audit.count(kind), "finding"),
            Html(kind.meaning())
        );
        for controls in kind.controls_in_short() {
            let _ = writeln!(out, "<dd class=\"quiet\">{}</dd>", Html(controls));
        }
    }
    out.push_str("</dl>\n</details>\n</section>\n");
}

fn footer(out: &mut String, audit: &Audit) {
    let names = |users: &[UserName]| {
        Html(users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")).to_string()
    };
    out.push_str(
        "<footer>\n<p>IAM creates a new credential report at most every four hours. Key uses appear in it with a delay.</p>\n",
    );
    if !audit.unreported.is_empty() {
        let _ = writeln!(
            out,
            "<p>Newer than the report, so some of their keys may be missing: {}.</p>",
            names(&audit.unreported)
        );
    }
    if !audit.gone.is_empty() {
        let _ = writeln!(out, "<p>In the report, but deleted since: {}.</p>", names(&audit.gone));
    }
    let _ = writeln!(out, "<p>keyrot {}</p>\n</footer>", env!("CARGO_PKG_VERSION"));
}
