//! Ctrl+C and its relatives.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::watch;
#[cfg(windows)]
pub(crate) use windows::watch;

/// Elsewhere the system ends the program.
#[cfg(not(any(unix, windows)))]
#[expect(clippy::unnecessary_wraps, reason = "on other systems it can fail")]
pub(crate) fn watch(
    _: serve_forever::ServerHandle,
    _: Option<crate::log_file::LogFile>,
) -> std::io::Result<()> {
    Ok(())
}
