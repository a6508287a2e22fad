//! Every JSON document and its codes.

pub(crate) mod codes;
pub(crate) mod document;

pub use document::{
    Counts, EventDocument, EvidenceDocument, KeyDocument, RequestDocument, RunDocument, RunStatus, State, UserDocument,
};
