//! Ctrl+C and its relatives.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::shut_down_on_signal;
#[cfg(windows)]
pub(crate) use windows::shut_down_on_signal;

/// Elsewhere the system ends the program.
#[cfg(not(any(unix, windows)))]
#[expect(clippy::unnecessary_wraps, reason = "on other systems it can fail")]
pub(crate) fn shut_down_on_signal(_: serve_forever::ServerHandle) -> std::io::Result<()> {
    Ok(())
}
