//! Prints the warnings and errors of the library.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};

/// From now on they go to standard error. What the program does well is said by the access log
/// alone.
///
/// They are written by a thread of their own: whoever reads standard error may have stopped, and
/// must not stop the loop that had something to say.
pub(crate) fn print_to_stderr() {
    let (sender, messages) = sync_channel(MOST);
    let writer = thread::Builder::new().name("diagnostics".to_owned()).spawn(move || write(&messages));
    // It fails only where there is a logger already, which then prints.
    if writer.is_ok() && log::set_boxed_logger(Box::new(Stderr(sender))).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Waits until what was said so far is written, or for a moment.
pub(crate) fn flush() {
    log::logger().flush();
}

enum Message {
    Line(String),
    /// Whoever sent this waits until it is received.
    Flush(SyncSender<()>),
}

fn write(messages: &Receiver<Message>) {
    for message in messages {
        match message {
            // Nobody is left to be told when this fails.
            Message::Line(line) => drop(io::stderr().write_all(line.as_bytes())),
            Message::Flush(done) => drop(done.send(())),
        }
    }
}

struct Stderr(SyncSender<Message>);

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            let line = format!("{level}: {}\n", on_one_line(&record.args().to_string()));
            // Those that find the queue full are lost: a reader that stopped does not miss them.
            let _ = self.0.try_send(Message::Line(line));
        }
    }

    fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.0.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(LAST_WORDS);
        }
    }
}

/// Messages that may wait to be written.
const MOST: usize = 256;
/// How long the end of the program waits for them.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Messages can quote what clients sent, which must not reach the terminal as a command to it, end
/// the line for whoever splits lines as Unicode does, or turn the direction of writing. The library
/// escapes what it logs in the same way.
pub(crate) fn on_one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars() {
        // Writing to a String cannot fail.
        let _ = match u32::from(c) {
            code if c.is_control() => write!(line, "\\x{code:02x}"),
            code @ (0x61c | 0x200e | 0x200f | 0x2028..=0x202e | 0x2066..=0x2069) => {
                write!(line, "\\u{code:04x}")
            }
            _ => line.write_char(c),
        };
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

    #[test]
    fn separators_of_lines_and_turns_of_direction_are_spelled_out() {
        assert_eq!(
            on_one_line(
                "a\u{85}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{202f}"
            ),
            "a\\x85\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a\\u202e\\u2066\\u2069\u{202f}"
        );
    }
}
