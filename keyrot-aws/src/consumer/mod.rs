//! The other side of a rotation: reads a rotated key, keeps it in a file, and hands it to the SDK's
//! clients.

#[cfg(feature = "files")]
mod file_cache;
mod reader;
mod rotated;

#[cfg(feature = "files")]
pub use file_cache::{FileCache, NoCache};
pub use reader::SecretReader;
pub use rotated::{Refusals, RotatedCredentials};
