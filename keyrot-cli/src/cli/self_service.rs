//! The arguments of `my-key`.

use super::asking::Asking;
use super::values::mfa_code;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot my-key                         do what is due for the default profile
  keyrot my-key --dry-run               show what that would be
  keyrot my-key --profile work --force  replace another profile's key now
  keyrot my-key --mfa-serial arn:aws:iam::123456789012:mfa/jane
  keyrot my-key --delete-inactive       delete the other key if it is Inactive
  keyrot my-key --yes -q                for a daily job

Run it once to replace the key. Run it again after `overlap` (7 days): it
deactivates the previous key if nothing uses it.

Exit codes:
  0  done, or nothing to do yet
  1  failed; the key in the file still works
  2  the command line, the settings or the profile cannot be used
  3  needs manual action: on a second key, or on a file that cannot be replaced
  4  you answered no; nothing was done, or nothing more
  130, 143  stopped by Ctrl-C or SIGTERM; no key is left behind";

#[derive(Debug, clap::Args)]
pub(crate) struct OwnArgs {
    /// Replace the key even if it is younger than max_age
    #[arg(long)]
    pub(crate) force: bool,
    /// Delete your other key if it is Inactive
    #[arg(long)]
    pub(crate) delete_inactive: bool,
    /// The MFA device [default: mfa_serial of the profile, on a terminal]
    #[arg(long, value_name = "ARN")]
    pub(crate) mfa_serial: Option<String>,
    /// The MFA code; by default keyrot asks for it
    #[arg(long, value_name = "CODE", value_parser = mfa_code)]
    pub(crate) mfa_code: Option<String>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}
