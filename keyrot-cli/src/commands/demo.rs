//! stub
use crate::args::*;
use crate::exit::Exit;
use crate::problem::Problem;
pub(crate) async fn demo(_i: &Invocation, _a: &Demo) -> Result<Exit, Problem> {
    Ok(Exit::Well)
}
