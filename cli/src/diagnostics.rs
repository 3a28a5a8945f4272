//! Prints the warnings and errors of the library.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use log::{LevelFilter, Log, Metadata, Record};

/// From now on they go to standard error. What the program does well is said by the access log alone.
pub(crate) fn print_to_stderr() {
    // It fails only where there is a logger already, which then prints.
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            // Nobody is left to be told when this fails.
            let _ = writeln!(io::stderr(), "{level}: {}", on_one_line(&record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Messages can quote what clients sent, which must not reach the terminal as a command to it.
pub(crate) fn on_one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars() {
        if c.is_control() {
            // Writing to a String cannot fail.
            let _ = write!(line, "\\x{:02x}", u32::from(c));
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(on_one_line("a\x1b[31m\r\nb \u{9b} č"), "a\\x1b[31m\\x0d\\x0ab \\x9b č");
    }
}
