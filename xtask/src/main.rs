//! The task runner of this repository.

#[expect(dead_code, reason = "the command `rehearse` is not there yet")]
mod rehearse;

fn main() {}
