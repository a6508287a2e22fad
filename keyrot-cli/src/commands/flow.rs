//! The flow of every command that changes something: plan → confirm → do → report.

use crate::cli::Invocation;
use crate::cli::asking::Asking;
use crate::error::CliError;
use crate::terminal::confirm::confirm;
use crate::terminal::size::{talk_width, width};
use crate::terminal::stdio::{print, print_json};
use serde::Serialize;

/// How a command shows its plan, asks, and reports.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    json: bool,
    asking: Asking,
    place: String,
}

impl Flow {
    /// `place` is where the command changes something, such as `in account 123456789012,
    /// eu-west-1`. Every question ends with it.
    pub(crate) fn new(invocation: &Invocation, asking: Asking, place: String) -> Self {
        Self { json: invocation.json, asking, place }
    }

    /// Whether nothing may be changed.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.asking.dry_run
    }

    /// Whether the operator has agreed in advance.
    pub(crate) fn is_agreed(&self) -> bool {
        self.asking.yes
    }

    /// Shows the plan, and asks the question if there is one. Returns whether to carry it out: only
    /// if it `has_work` and this is not a dry run.
    ///
    /// A plan that is not carried out is the result, so it goes to stdout. Otherwise, the plan goes
    /// to stderr, and stdout gets the result.
    ///
    /// # Errors
    /// If the operator did not agree or could not be asked.
    pub(crate) async fn plan(
        &self,
        screen: impl Fn(Option<usize>) -> String,
        has_work: bool,
        question: Option<&str>,
    ) -> Result<bool, CliError> {
        let acts = has_work && !self.is_dry_run();
        match (acts, self.json) {
            (false, true) => {}
            (false, false) => print(&screen(width())),
            (true, true) if self.is_agreed() => {}
            (true, _) => say_part!("{}", screen(talk_width())),
        }
        match question {
            Some(question) if acts => self.ask(question).await,
            _ => Ok(acts),
        }
    }

    /// Asks whether to continue. Returns false, without asking, in a dry run.
    ///
    /// # Errors
    /// If the operator did not agree or could not be asked.
    pub(crate) async fn ask(&self, question: &str) -> Result<bool, CliError> {
        if self.is_dry_run() {
            return Ok(false);
        }
        confirm(self.is_agreed(), &format!("{question} {}", self.place)).await?;
        Ok(true)
    }

    /// Reports what was done: the document with `--json`, otherwise the lines.
    pub(crate) fn report(&self, document: &impl Serialize, lines: impl FnOnce()) {
        if self.json { print_json(document) } else { lines() }
    }
}
