//! Directories of rustc's standard libraries.

use super::configuration::CargoConfig;
use crate::cargo::command_output;
use crate::error::{Error, Stage};
use crate::invocation::Invocation;
use crate::threads;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::thread::JoinHandle;

/// Standard libraries of one compiler, cached per target triple.
#[derive(Debug)]
pub(crate) struct StandardLibraries<'a> {
    config: &'a CargoConfig,
    invocation: &'a Invocation,
    /// Pending query for the host.
    ahead: RefCell<Option<JoinHandle<Result<PathBuf, Error>>>>,
    known: RefCell<HashMap<Option<String>, PathBuf>>,
}

impl<'a> StandardLibraries<'a> {
    /// Creates the cache for a compiler, and starts the query for the host in the background.
    pub(crate) fn new(config: &'a CargoConfig, invocation: &'a Invocation) -> Self {
        let mut command = question(config, invocation, None);
        // Without a thread to spare it is asked for when it is needed.
        let ahead = threads::builder().spawn(move || directory(&mut command)).ok();
        Self { config, invocation, ahead: RefCell::new(ahead), known: RefCell::default() }
    }

    /// Returns the directory for a target triple, or for the host.
    pub(crate) fn get(&self, triple: Option<&String>) -> Result<PathBuf, Error> {
        if let Some(known) = self.known.borrow().get(&triple.cloned()) {
            return Ok(known.clone());
        }
        let ahead = if triple.is_none() { self.ahead.take() } else { None };
        let asked = ahead.and_then(|asked| asked.join().ok());
        let found =
            asked.unwrap_or_else(|| directory(&mut question(self.config, self.invocation, triple)))?;
        self.known.borrow_mut().insert(triple.cloned(), found.clone());
        Ok(found)
    }
}

impl Drop for StandardLibraries<'_> {
    /// Waits for a pending query, so that no process is left behind.
    fn drop(&mut self) {
        self.ahead.take().map(JoinHandle::join);
    }
}

fn question(config: &CargoConfig, invocation: &Invocation, triple: Option<&String>) -> Command {
    let mut command = config.rustc(invocation);
    command.args(["--print", "target-libdir"]);
    command.args(triple.into_iter().flat_map(|triple| ["--target", triple]));
    command
}

fn directory(question: &mut Command) -> Result<PathBuf, Error> {
    let text = command_output::answer(question, "rustc --print target-libdir", Stage::Metadata)?;
    Ok(PathBuf::from(text.trim_end()))
}
