//! Questions before something is changed.

use crate::error::CliError;
use crate::terminal::signals::Signals;
use crate::terminal::size::talk_width;
use crate::terminal::style::{self, paint};
use crate::terminal::text::wrap;
use std::io::{BufRead, IsTerminal, Read, Write};

/// The size limit: longer than any answer.
const LONGEST: u64 = 4096;

/// How many times a question is asked if the answers are invalid.
const ATTEMPTS: usize = 3;

/// Asks on stderr whether to continue; an empty answer means no, and after an invalid answer it
/// asks again. `what` names what will change, as a question without the question mark.
///
/// Fails without [a terminal to ask on](can_ask), unless `--yes` was given.
pub(crate) async fn confirm(yes: bool, what: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !can_ask() {
        return Err(CliError::usage(format!(
            "cannot ask for confirmation without a terminal: {what}?"
        ))
        .hint("add --yes to skip the question; nothing was done"));
    }
    const CHOICE: &str = "[y/N]";
    // This leaves room for the choice and the answer.
    let room = talk_width().map(|width| width.saturating_sub(CHOICE.len() + 4));
    let question = wrap(&format!("{what}?"), room).join("\n");
    let question = format!("{} {} ", paint(style::HEAD, question), paint(style::DIM, CHOICE));
    let answered = ask_until(&question, |answer| match answer.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "" | "n" | "no" => Ok(false),
        _ => Err("answer y or n".to_owned()),
    });
    match answered.await? {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(CliError::cancelled()),
    }
}

/// Asks until the answer is valid, at most [`ATTEMPTS`] times. `Err` is the last answer and its
/// error.
pub(crate) async fn ask_until<T>(
    question: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Result<T, (String, String)>, CliError> {
    let mut wrong = (String::new(), String::new());
    for _ in 0..ATTEMPTS {
        let answer = ask(question).await?;
        match parse(&answer) {
            Ok(parsed) => return Ok(Ok(parsed)),
            Err(expected) => {
                say!("{}", paint(style::WARN, &expected));
                wrong = (answer, expected);
            }
        }
    }
    Ok(Err(wrong))
}

/// Whether stderr, for the question, and stdin, for the answer, are terminals.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a question on stderr, and returns the trimmed answer; nothing if it could not be read. A
/// signal ends the wait.
pub(crate) async fn ask(question: &str) -> Result<String, CliError> {
    let mut signals = Signals::listen()?;
    say_part!("{question}");
    let _ = std::io::stderr().flush();
    let (answered, answer) = tokio::sync::oneshot::channel();
    // This thread is not joined, because reading a terminal cannot be canceled.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().take(LONGEST).read_line(&mut line);
        let _ = answered.send(read.map(|_| line).unwrap_or_default());
    });
    let answer = signals.or(answer).await.map(Result::unwrap_or_default);
    // Otherwise, after Ctrl-C and Ctrl-D, the next message would be on the question's line.
    if !answer.as_ref().is_ok_and(|line| line.ends_with('\n')) {
        say!("");
    }
    answer.map(|line| line.trim().to_owned()).map_err(CliError::signal)
}
