//! The flags of commands that ask before they change something.

/// Ask, do not ask, or only show.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Asking {
    /// Do not ask for confirmation
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Show what would be done; change nothing
    #[arg(long, short = 'n', conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}
