//! `python3 -m http.server`, with HTTP/1.1: its default, HTTP/1.0, opens a connection for each
//! request. It logs every request, without buffering; where no log is wanted the lines go to
//! `/dev/null`, as no option spares it making them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Place;

pub(super) fn arrange(command: &mut Command, place: &Place) -> io::Result<()> {
    command.args(["-m", "http.server", "--protocol", "HTTP/1.1"]);
    command.arg("--bind").arg(place.address.ip().to_string());
    command.arg("--directory").arg(place.site);
    command.arg(place.address.port().to_string());
    command.stderr(place.log_output()?);
    Ok(())
}

/// The program itself, where what is in the path is a script that looks for it: that takes longer
/// than Python's start.
pub(super) fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut command = Command::new(program);
    command.args(["-c", "import sys; print(sys.executable)"]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim_end()))
}
