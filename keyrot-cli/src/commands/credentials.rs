//! `credentials`: prints the published key in the format of a `credential_process`.

use crate::cli::Invocation;
use crate::cli::consumer::CredentialsArgs;
use crate::consumer::read;
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal::signals::reading;
use keyrot_core::consumer::ReadKey;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use zeroize::Zeroizing;

/// The output of a `credential_process` (AWS SDKs and Tools Reference Guide, "Process credential
/// provider"). If it has an expiration, tools run the process again before then.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    expiration: String,
}

pub(crate) async fn credentials(
    invocation: &Invocation,
    args: &CredentialsArgs,
) -> Result<Exit, CliError> {
    let mut out = std::io::stdout();
    if out.is_terminal() && !args.show {
        return Err(CliError::usage("this would print a secret on the terminal")
            .hint("to run a command with the key: keyrot exec USER -- COMMAND; to print it anyway, add --show"));
    }
    let ReadKey { credentials, expires, .. } = reading(read(invocation, &args.reading)).await?.key;
    let document = Document {
        version: 1,
        access_key_id: credentials.key.as_str(),
        secret_access_key: credentials.secret.expose(),
        expiration: expires.format("%FT%TZ").to_string(),
    };
    // The size is reserved, because a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(1024));
    let written =
        serde_json::to_writer(&mut *text, &document).map_err(std::io::Error::from).and_then(|()| {
            text.push(b'\n');
            out.write_all(&text)?;
            out.flush()
        });
    match written {
        Ok(()) => Ok(Exit::Success),
        Err(error) => Err(CliError::failed(format!("could not print the key: {error}"))),
    }
}
