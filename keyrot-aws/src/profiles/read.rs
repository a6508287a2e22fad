//! Reading a file as a whole, up to a limit.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The size limit: far more than an organization with thousands of profiles needs.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Opens a file to read. A pipe is refused without waiting; a device such as `/dev/null` is an
/// empty file.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = options.open(path)?;
        let kind = file.metadata()?.file_type();
        if kind.is_file() || kind.is_char_device() {
            return Ok(file);
        }
        Err(std::io::Error::new(ErrorKind::InvalidInput, "expected a regular file"))
    }
    #[cfg(not(unix))]
    options.open(path)
}

/// Reads a file. Its size is reserved beforehand, because a buffer that grows leaves copies behind.
pub(crate) fn read_whole(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = open(path)?;
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
