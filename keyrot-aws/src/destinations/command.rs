//! A program on this machine that gets each key on its standard input and stores it. Only its exit
//! code 0 confirms the delivery.

use super::about::{About, WITHIN};
use crate::FieldNames;
use crate::connection::Aws;
use crate::secrets_manager::value;
use async_trait::async_trait;
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found};
use keyrot_core::ports::Destination;
use keyrot_core::settings::Command;
use keyrot_core::{CallError, Effect, ErrorKind};
#[cfg(unix)]
use rustix::fs::{Access, AtFlags, CWD, accessat};
#[cfg(unix)]
use rustix::io::Errno;
#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::process::{ExitStatus, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

/// keyrot discards its output, because it may contain the key.
const SILENT: &str =
    "its output is not kept, because it may have the key: let it write a log of its own";

pub(super) struct Program {
    name: DestinationName,
    command: Vec<String>,
    fields: FieldNames,
    /// The environment variables that the program does not get.
    withheld: Vec<String>,
}

impl Program {
    pub(super) fn new(
        name: &DestinationName,
        kind: &Command,
        aws: &Aws,
        withheld: &[String],
    ) -> Self {
        Self {
            name: name.clone(),
            command: kind.command.clone(),
            fields: aws.inner.secret.fields.clone(),
            withheld: withheld.to_vec(),
        }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "the command for", place }
    }

    /// Checks that the program exists, is executable, and is not world-writable.
    async fn check(&self, about: &About<'_>) -> Result<(), CallError> {
        let program = self.command.first().map(String::as_str).unwrap_or_default();
        let found = tokio::fs::metadata(program).await.map_err(|error| {
            let said = format!("{program} cannot be found: {}", error.kind());
            about.refused(ErrorKind::NotFound, said)
        })?;
        if !found.is_file() {
            let said = format!("{program} is not a file; expected a program");
            return Err(about.refused(ErrorKind::Other, said));
        }
        #[cfg(unix)]
        if found.permissions().mode() & 0o002 != 0 {
            let said = format!(
                "everybody may change {program}; expected a program that only its owner may: chmod o-w {program}"
            );
            return Err(about.refused(ErrorKind::Denied, said));
        }
        #[cfg(unix)]
        if accessat(CWD, program, Access::EXEC_OK, AtFlags::EACCESS) == Err(Errno::ACCESS) {
            let said =
                format!("the user that runs keyrot may not execute {program}: chmod u+x {program}");
            return Err(about.refused(ErrorKind::Denied, said));
        }
        Ok(())
    }

    /// Returns one line of JSON: the key as it is in the secret, and the destination.
    fn document(&self, place: &str, delivery: &Delivery) -> Zeroizing<String> {
        let key = value::compose(&self.fields, &delivery.credentials, None).unwrap_or_default();
        let about = json!({
            "destination": self.name.as_str(),
            "place": place,
            "version": delivery.version.as_str(),
        });
        let about = about.to_string();
        // The size is reserved, because a buffer that grows leaves copies behind.
        let mut line = Zeroizing::new(String::with_capacity(about.len() + key.len() + 32));
        for part in ["{\"keyrot\":", &about, ",\"key\":", &key, "}\n"] {
            line.push_str(part);
        }
        line
    }
}

#[async_trait]
impl Destination for Program {
    fn abilities(&self) -> Abilities {
        Abilities::UNSEEN
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        // A check before the first delivery shows whether the program can be started.
        self.check(&self.about(place)).await.map(|()| Found::Nothing)
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let about = self.about(place);
        let end = Instant::now() + WITHIN;
        self.check(&about).await?;
        let (program, arguments) = self.command.split_first().ok_or_else(|| {
            about.refused(ErrorKind::Other, "it has no program; expected an absolute path")
        })?;
        let mut command = tokio::process::Command::new(program);
        for variable in &self.withheld {
            command.env_remove(variable);
        }
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // The program gets its own process group, so it can be stopped with all its children, and
        // Ctrl-C does not stop it halfway.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.kill_on_drop(true).spawn().map_err(|error| {
            let said = format!("{program} cannot be started: {}", error.kind());
            about.refused(ErrorKind::Other, said)
        })?;
        let document = self.document(place, delivery);
        let input = child.stdin.take();
        let work = async {
            if let Some(mut input) = input {
                // If the program does not read all input, its exit code says whether that was
                // intended.
                let _ = input.write_all(document.as_bytes()).await;
            }
            child.wait().await
        };
        let failed =
            |kind, said: String| about.error(kind, Effect::Unknown, format!("{said}; {SILENT}"));
        match timeout_at(end, work).await {
            Ok(Ok(status)) if status.success() => Ok(Found::unseen()),
            Ok(Ok(status)) => Err(failed(ErrorKind::Other, ended(program, status))),
            Ok(Err(error)) => {
                Err(failed(ErrorKind::Other, format!("{program} is lost: {}", error.kind())))
            }
            Err(_) => {
                stop(&mut child).await;
                let said =
                    format!("{program} had not ended after {}s, and was stopped", WITHIN.as_secs());
                Err(failed(ErrorKind::Unavailable, said))
            }
        }
    }
}

/// Stops the program, and waits until it has ended.
async fn stop(child: &mut tokio::process::Child) {
    #[cfg(unix)]
    if let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill().await;
}

fn ended(program: &str, status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("{program} ended with {code}; expected 0"),
        None => format!("{program} was ended by a signal; expected an end with 0"),
    }
}
