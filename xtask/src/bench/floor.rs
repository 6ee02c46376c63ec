//! The floor: what the kernel takes for a container, with no engine around it. A C program of ours, since it must be
//! single-threaded and as thin as the system calls themselves.

use super::engines::Stage;
use crate::command::output;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = include_str!("floor.c");

/// The compiled program.
pub(crate) struct Floor {
    program: PathBuf,
    folder: PathBuf,
    rootfs: PathBuf,
}

impl Floor {
    /// Compiles it with gcc.
    ///
    /// # Errors
    /// When gcc fails.
    pub(crate) fn compile(stage: &Stage) -> Result<Self> {
        let source = stage.folder().join("floor.c");
        std::fs::write(&source, SOURCE)?;
        let program = stage.folder().join("floor");
        output(Command::new("gcc").args(["-O2", "-Wall", "-static", "-o"]).arg(&program).arg(&source))?;
        Ok(Self { program, folder: stage.folder().join("floor.d"), rootfs: stage.rootfs() })
    }

    /// One container's life in milliseconds, as the program measures it around its own system calls.
    ///
    /// # Errors
    /// When a system call fails.
    pub(crate) fn cycle(&self) -> Result<f64> {
        let printed = output(Command::new(&self.program).arg(&self.folder).arg(&self.rootfs))?;
        let nanoseconds: f64 =
            printed.trim().parse().with_context(|| format!("the floor program prints {printed:?}"))?;
        Ok(nanoseconds / 1e6)
    }
}
