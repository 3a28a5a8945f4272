//! Builds the servers: each by itself, so that no server gets features that only another one asked for, and so that one
//! that does not build costs only its own rows.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds `package` and says where its program is.
pub(crate) fn build(package: &str) -> io::Result<PathBuf> {
    let directory = target_directory()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", package, "--manifest-path"])
        .arg(Path::new(crate::HOME).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&directory)
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        Ok(directory.join("release").join(package))
    } else {
        Err(io::Error::other(format!("{package} does not build")))
    }
}

/// The directory that this very program was built in: that of its profile's parent.
fn target_directory() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let directory = program.parent().and_then(Path::parent);
    directory.map(Path::to_owned).ok_or_else(|| io::Error::other("no target directory"))
}
