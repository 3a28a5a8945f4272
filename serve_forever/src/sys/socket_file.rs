//! The file by which clients find a Unix socket: made, made room for, and removed at the end.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::diagnostics;

use socket2::{Domain, SockAddr, Socket, Type};

/// A non-blocking socket that listens at `path`, and its file, which is removed when that is
/// dropped.
///
/// The file of a server that is no more is replaced, and nothing else ever is. Two servers that
/// start at the same moment may both take the place: then the later one has it, and the earlier one
/// leaves its file alone.
pub(super) fn bind(path: &Path, mode: Option<u32>, backlog: u32) -> io::Result<(Socket, SocketFile)> {
    if path.as_os_str().is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path is empty"));
    }
    // Elsewhere by the time of the removal, if the program changes its directory.
    let absolute = std::path::absolute(path)?;
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            make_room(path, &address)?;
            socket.bind(&address)?;
        }
        outcome => outcome?,
    }
    let file = SocketFile { identity: FileId::of(path)?, path: absolute };
    if let Some(mode) = mode {
        // Nobody has come in yet: before `listen` everybody is refused.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok((socket, file))
}

/// Removes the file, if it is still the one that was made. To be dropped before the socket, which
/// keeps the number of the inode from being given to another file.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: FileId,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if FileId::of(&self.path).is_ok_and(|found| found == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            diagnostics::warning!("cannot remove the Unix socket {}: {error}", self.path.display());
        }
    }
}

/// Which file it is, whatever its name.
#[derive(Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&fs::symlink_metadata(path)?))
    }
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Removes what a former server left at `path`; an error if it is something else.
fn make_room(path: &Path, address: &SockAddr) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file already that is no socket"));
    }
    let client = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server whose queue is full must not be waited for.
    client.set_nonblocking(true)?;
    match client.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
        // A full queue, or a socket of another kind: somebody is there all the same.
        _ => return Err(io::Error::new(ErrorKind::AddrInUse, "another server listens there already")),
    }
    match fs::symlink_metadata(path) {
        Ok(now) if FileId::from(&now) == FileId::from(&found) => fs::remove_file(path),
        // Another server was quicker: binding fails if its file is there.
        _ => Ok(()),
    }
}
