//! Reading a file as a whole, up to a limit.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Far more than an organization with thousands of profiles needs.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads a file. Its size is reserved beforehand, because a buffer that grows leaves copies behind.
pub(super) fn read_whole(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let expected = file.metadata()?.len().min(LARGEST);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default() + 1);
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= LARGEST => Ok(bytes),
        _ => Err(std::io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {LARGEST} bytes"),
        )),
    }
}
