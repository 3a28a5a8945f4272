//! Messages for the logger of the program, and a guard against panics in code that is not part of
//! this library.
//!
//! The logger belongs to the program, and messages may show errors whose types belong to the
//! program, too. A panic in either must not end a thread of the server, so both run inside
//! [`catch`]. Messages may quote what a client sent, so each is written on one line.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use log::{Level, Record};

use crate::visible::OneLine;

/// Runs code that is not part of this library. Returns the message of its panic if it panicked.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| String::from("(no message)"));
        // A payload may panic when it is dropped, which must not end the thread.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(payload);
        }
        message
    })
}

/// The place in the library from which a message comes.
pub(crate) struct Location {
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// Passes a message to the logger of the program.
#[cold]
#[inline(never)]
pub(crate) fn tell(level: Level, place: &Location, message: fmt::Arguments<'_>) {
    let said = catch(|| {
        let text = message.to_string();
        let record = &mut Record::builder();
        let record = record.level(level).target(place.module).module_path_static(Some(place.module));
        let record = record.file_static(Some(place.file)).line(Some(place.line));
        log::logger().log(&record.args(format_args!("{}", OneLine(&text))).build());
    });
    // A panic of the logger cannot be reported to the logger. The panic hook has already reported
    // it.
    drop(said);
}

/// Logs a message if the program's logger accepts this level.
macro_rules! say {
    ($level:ident, $($message:tt)+) => {
        if log::Level::$level <= log::STATIC_MAX_LEVEL && log::Level::$level <= log::max_level() {
            $crate::diagnostics::tell(
                log::Level::$level,
                &$crate::diagnostics::Location { module: module_path!(), file: file!(), line: line!() },
                format_args!($($message)+),
            );
        }
    };
}

macro_rules! error {
    ($($message:tt)+) => { $crate::diagnostics::say!(Error, $($message)+) };
}

macro_rules! warning {
    ($($message:tt)+) => { $crate::diagnostics::say!(Warn, $($message)+) };
}

macro_rules! debug {
    ($($message:tt)+) => { $crate::diagnostics::say!(Debug, $($message)+) };
}

pub(crate) use {debug, error, say, warning};
