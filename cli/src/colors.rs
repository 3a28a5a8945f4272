//! Whether the log has colours.

use std::io::{self, IsTerminal};

use crate::arguments::Color;

/// What is known of standard error.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) is_there: bool,
    /// `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub(crate) no_color: bool,
    /// `TERM` says that it can show text only.
    pub(crate) is_dumb: bool,
}

impl Terminal {
    pub(crate) fn look() -> Self {
        Self {
            is_there: io::stderr().is_terminal(),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            is_dumb: std::env::var_os("TERM").is_some_and(|value| value == "dumb"),
        }
    }
}

/// What was said outright has precedence over what the surroundings say.
pub(crate) fn wanted(choice: Color, terminal: &Terminal) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal.is_there && !terminal.no_color && !terminal.is_dumb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_have_them() {
        let terminal = |is_there, no_color, is_dumb| Terminal { is_there, no_color, is_dumb };
        assert!(wanted(Color::Auto, &terminal(true, false, false)));
        for other in [terminal(false, false, false), terminal(true, true, false), terminal(true, false, true)]
        {
            assert!(!wanted(Color::Auto, &other), "{other:?}");
            assert!(wanted(Color::Always, &other));
        }
        assert!(!wanted(Color::Never, &terminal(true, false, false)));
    }
}
