//! The two charts of the page. Their units are a narrow phone's pixels, so they are readable there
//! and grow on a wide screen.
//!
//! Nothing is shown by color alone: keys not tagged for rotation are hatched, the limit and what is
//! past it are labeled, and each mark has a title.

mod ages;
mod limits;
mod svg;

pub(super) use ages::ages;
pub(super) use limits::limits;
