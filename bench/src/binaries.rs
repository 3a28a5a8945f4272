//! Builds the servers: each by itself, so that no server gets features that only another one asked
//! for, and so that one that does not build costs only its own rows.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package of the repository's program, and the program.
const PROGRAM: [&str; 2] = ["serve-forever-cli", "serve-forever"];

/// Builds a `package` of this workspace and says where its program is.
pub(crate) fn build(package: &str) -> io::Result<PathBuf> {
    let directory = target_directory()?;
    run(&mut cargo(package, Path::new(crate::HOME), &directory), package)?;
    Ok(directory.join("release").join(package))
}

/// Builds the program of the repository as it is released, without symbols, and says where it is.
pub(crate) fn build_program() -> io::Result<PathBuf> {
    let [package, program] = PROGRAM;
    let directory = target_directory()?;
    let repository = Path::new(crate::HOME).parent().unwrap_or(Path::new(".."));
    run(cargo(package, repository, &directory).env("CARGO_PROFILE_RELEASE_STRIP", "symbols"), package)?;
    Ok(directory.join("release").join(program))
}

fn cargo(package: &str, workspace: &Path, target: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--release", "--package", package, "--manifest-path"]);
    command.arg(workspace.join("Cargo.toml")).arg("--target-dir").arg(target).stdin(Stdio::null());
    command
}

fn run(command: &mut Command, package: &str) -> io::Result<()> {
    if command.status()?.success() {
        Ok(())
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
