//! What the library tells the program that it is a part of, and the panics of code that is not the
//! library's.
//!
//! The logger is the program's, and messages may show errors that are the program's too. Neither
//! may end a thread of the server, so both run inside of [`catch`]. Messages may quote what a
//! client sent: each is written on one line.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use log::{Level, Record};

use crate::visible::OneLine;

/// Runs code of others; the message of its panic if it panicked.
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

/// Where in the library a message comes from.
pub(crate) struct Place {
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// Hands a message to the program's logger.
#[cold]
#[inline(never)]
pub(crate) fn tell(level: Level, place: &Place, message: fmt::Arguments<'_>) {
    let said = catch(|| {
        let text = message.to_string();
        let record = &mut Record::builder();
        let record = record.level(level).target(place.module).module_path_static(Some(place.module));
        let record = record.file_static(Some(place.file)).line(Some(place.line));
        log::logger().log(&record.args(format_args!("{}", OneLine(&text))).build());
    });
    // There is nobody to tell of a logger that panics: the panic hook has said what there is to
    // say.
    drop(said);
}

/// Says something, if the program wants to know of that level.
macro_rules! say {
    ($level:ident, $($message:tt)+) => {
        if log::Level::$level <= log::STATIC_MAX_LEVEL && log::Level::$level <= log::max_level() {
            $crate::diagnostics::tell(
                log::Level::$level,
                &$crate::diagnostics::Place { module: module_path!(), file: file!(), line: line!() },
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
