//! `credentials`: the published key, as the AWS tools take it from a `credential_process`.

use crate::args::Invocation;
use crate::consumer::{Found, Reading, read};
use crate::error::CliError;
use crate::exit::Exit;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use zeroize::Zeroizing;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot credentials ci --show              look at it on a terminal
  keyrot credentials ci --region eu-central-1 | jq -r .AccessKeyId
  keyrot credentials --secret arn:aws:secretsmanager:…
                                            the secret of another account

In ~/.aws/config, for every SDK and tool that reads it (`reader` may read the secret; without --profile: the machine's role):
  [profile ci]
  region = eu-central-1
  credential_process = keyrot credentials ci --profile reader";

#[derive(Debug, clap::Args)]
pub(crate) struct CredentialsArgs {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Print it on a terminal, too, where others may look on and the scroll-back keeps it
    #[arg(long)]
    pub(crate) show: bool,
}

/// What a `credential_process` prints (AWS SDKs and Tools Reference Guide, "Process credential provider"). With an expiration, tools ask again in time.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    expiration: String,
}

pub(crate) async fn credentials(invocation: &Invocation, args: &CredentialsArgs) -> Result<Exit, CliError> {
    let mut out = std::io::stdout();
    if out.is_terminal() && !args.show {
        return Err(CliError::usage("this would print a secret on your terminal").hint(
            "to run a command with it: keyrot exec USER -- COMMAND; for SDKs: credential_process, see --help; to see it all the same, add --show",
        ));
    }
    let Found { credentials, expires } = read(invocation, &args.reading).await?.found;
    let document = Document {
        version: 1,
        access_key_id: credentials.key.as_str(),
        secret_access_key: credentials.secret.expose(),
        expiration: expires.format("%FT%TZ").to_string(),
    };
    // The size is reserved, because a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(1024));
    let written = serde_json::to_writer(&mut *text, &document).map_err(std::io::Error::from).and_then(|()| {
        text.push(b'\n');
        out.write_all(&text)?;
        out.flush()
    });
    match written {
        Ok(()) => Ok(Exit::Success),
        Err(error) => Err(CliError::failed(format!("the key could not be printed: {error}"))),
    }
}
