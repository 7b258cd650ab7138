//! Finds the parts of a dynamically linked program: its loader and libraries, as the loader would find them, and
//! nothing is executed. ld.so(8) says where glibc looks; musl looks where its `ldso/dynlink.c` does.

mod cache;
mod elf;
mod files;
mod lacks;
mod object;
mod resolve;
mod search;

pub use elf::ElfError;
pub use files::Files;
pub use lacks::Lack;
pub use object::{Closure, Facts, Kind, Need, Object};
