//! The command line as it is typed; what it means is said by `settings.rs`.
//!
//! Parsing, help, man page and completions all come from this definition.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum, ValueHint, value_parser};
use clap_complete::Shell;

/// Serves the files of a directory over HTTP until Ctrl+C is pressed.
#[derive(Debug, Parser)]
#[command(name = "serve-forever", version, disable_help_flag = true, disable_version_flag = true)]
#[command(override_usage = "serve-forever [OPTIONS] [PORT] [PATH]")]
#[command(after_help = VARIABLES)]
pub(crate) struct Arguments {
    /// Port to listen on, 8000 unless given (0 takes any free one), and directory or file to serve,
    /// in any order. Digits are a port; a directory of that name is ./8000
    #[arg(value_name = "PORT | PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) port_and_path: Vec<OsString>,

    /// Directory to serve, or a single file [default: the current directory]
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath, help_heading = SERVED)]
    #[arg(env = "SERVE_FOREVER_DIRECTORY", hide_env = true)]
    pub(crate) directory: Option<PathBuf>,

    /// Page that stands for its directory; can be repeated [default: index.html, then index.htm]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = SERVED)]
    #[arg(env = "SERVE_FOREVER_INDEX", hide_env = true)]
    pub(crate) index: Vec<String>,

    /// Serve and list names that begin with a dot, too
    #[arg(long, value_parser = FalseyValueParser::new(), help_heading = SERVED)]
    #[arg(env = "SERVE_FOREVER_HIDDEN", hide_env = true)]
    pub(crate) hidden: bool,

    /// Follow symbolic links out of the directory, too
    #[arg(long, value_parser = FalseyValueParser::new(), help_heading = SERVED)]
    #[arg(env = "SERVE_FOREVER_FOLLOW_SYMLINKS", hide_env = true)]
    pub(crate) follow_symlinks: bool,

    /// Answer 404 for directories without an index page instead of listing them
    #[arg(long, value_parser = FalseyValueParser::new(), help_heading = SERVED)]
    #[arg(env = "SERVE_FOREVER_NO_LISTING", hide_env = true)]
    pub(crate) no_listing: bool,

    /// The port, as an option
    #[arg(long, value_name = "PORT", help_heading = REACH)]
    #[arg(env = "SERVE_FOREVER_PORT", hide_env = true)]
    pub(crate) port: Option<u16>,

    /// Address or name to listen on, such as 0.0.0.0 or :: for all networks, or unix:PATH for a
    /// Unix socket; can be repeated [default: this computer only]
    #[arg(short, long, visible_alias = "host", value_name = "ADDRESS", help_heading = REACH)]
    #[arg(value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::Hostname)]
    #[arg(env = "SERVE_FOREVER_BIND", hide_env = true)]
    pub(crate) bind: Vec<String>,

    /// Accept requests for this host name, such as the public name behind a proxy. Wildcards are
    /// not supported. localhost, names below it and IP addresses are always accepted. Requests for
    /// other hosts get 421, and the page and the log show the name. Can be repeated [default: no
    /// other name if only this computer can reach the server, else any name]
    #[arg(long, value_name = "NAME", help_heading = REACH)]
    #[arg(value_parser = NonEmptyStringValueParser::new(), value_hint = ValueHint::Hostname)]
    #[arg(env = "SERVE_FOREVER_ALLOW_HOST", hide_env = true)]
    pub(crate) allow_host: Vec<String>,

    /// Open the browser
    #[arg(long, value_parser = FalseyValueParser::new(), help_heading = REACH)]
    #[arg(env = "SERVE_FOREVER_OPEN", hide_env = true)]
    pub(crate) open: bool,

    /// Add a header field to the responses of the file handler, errors included, in place of the
    /// server's own; a field that describes a file is sent only with its content; can be repeated
    #[arg(short = 'H', long, num_args = 2, value_names = ["NAME", "VALUE"], help_heading = ANSWERS)]
    #[arg(action = ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) header: Vec<String>,

    /// Type of files about which nothing is known [default: application/octet-stream]
    #[arg(long, value_name = "TYPE", help_heading = ANSWERS)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    #[arg(env = "SERVE_FOREVER_CONTENT_TYPE", hide_env = true)]
    pub(crate) content_type: Option<String>,

    /// Value of Cache-Control, such as max-age=60 [default: no-cache: clients ask each time]
    #[arg(long, value_name = "VALUE", help_heading = ANSWERS)]
    #[arg(env = "SERVE_FOREVER_CACHE_CONTROL", hide_env = true)]
    pub(crate) cache_control: Option<String>,

    /// What tells versions of a file apart. identity: a hash of the content up to 64 KiB, above
    /// that the file's metadata; size-and-time: the same on several machines that have copies of
    /// the file; off: nothing
    #[arg(long, value_name = "RECIPE", value_enum, default_value_t, help_heading = ANSWERS)]
    #[arg(env = "SERVE_FOREVER_ETAG", hide_env = true)]
    pub(crate) etag: Etag,

    /// HTTP/1.1, or HTTP/1.0 to close after every response [default: HTTP/1.1]
    #[arg(short, long, value_name = "VERSION", help_heading = ANSWERS)]
    #[arg(env = "SERVE_FOREVER_PROTOCOL", hide_env = true)]
    pub(crate) protocol: Option<String>,

    /// Say nothing on standard error but what goes wrong; no log of requests, unless it goes to a
    /// file
    #[arg(short, long, value_parser = FalseyValueParser::new(), help_heading = LOG)]
    #[arg(env = "SERVE_FOREVER_QUIET", hide_env = true)]
    pub(crate) quiet: bool,

    /// What a request looks like in the log
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = LOG)]
    #[arg(env = "SERVE_FOREVER_LOG_FORMAT", hide_env = true)]
    pub(crate) log_format: LogFormat,

    /// Append the log to this file instead of standard error; opened anew at SIGHUP
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = LOG)]
    #[arg(env = "SERVE_FOREVER_LOG_FILE", hide_env = true)]
    pub(crate) log_file: Option<PathBuf>,

    /// Seconds after which a client that reads nothing of a file or listing is cut; earlier if
    /// connections, descriptors or memory run short [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..), help_heading = LIMITS)]
    #[arg(env = "SERVE_FOREVER_STALL_TIMEOUT", hide_env = true)]
    pub(crate) stall_timeout: Option<u64>,

    /// Memory for responses that wait for slow clients, in MiB; beyond it, connections of the
    /// address that takes most of it are cut [default: 256]
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u32).range(1..), help_heading = LIMITS)]
    #[arg(env = "SERVE_FOREVER_MAX_UNSENT", hide_env = true)]
    pub(crate) max_unsent: Option<u32>,

    /// How far the system's copy of a response may be ahead of what it can send, in KiB; Linux and
    /// Android only [default: 256]
    #[arg(long, value_name = "KIB", value_parser = value_parser!(u32).range(1..), help_heading = LIMITS)]
    #[arg(env = "SERVE_FOREVER_MAX_SEND_AHEAD", hide_env = true)]
    pub(crate) max_send_ahead: Option<u32>,

    #[allow(clippy::doc_markdown, reason = "it is printed as it stands")]
    /// Colours in the log: by default only on a terminal that has them, and unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = LOG)]
    #[arg(env = "SERVE_FOREVER_COLOR", hide_env = true)]
    pub(crate) color: Color,

    /// Print what makes a shell complete these options
    #[arg(long, value_name = "SHELL", value_enum, help_heading = PROGRAM)]
    pub(crate) completions: Option<Shell>,

    /// Print the man page
    #[arg(long, help_heading = PROGRAM)]
    pub(crate) man: bool,

    /// Print help
    #[arg(short, long, action = ArgAction::Help, help_heading = PROGRAM)]
    help: Option<bool>,

    /// Print version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = PROGRAM)]
    version: Option<bool>,

    // What Python has and this program has not, or not yet. Known, so that it can be explained.
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) tls_cert: Option<OsString>,
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) tls_key: Option<OsString>,
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) tls_password_file: Option<OsString>,
    #[arg(long, hide = true)]
    pub(crate) cgi: bool,

    #[arg(skip)]
    pub(crate) around: Around,
}

/// What is known beside the values.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// The arguments as they were typed, without the name of the program.
    pub(crate) typed: Vec<OsString>,
    /// The ids of those whose value is a variable's.
    by_variable: Vec<&'static str>,
    /// The text of `SERVE_FOREVER_HEADER`.
    pub(crate) headers: Option<OsString>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Etag {
    #[default]
    Identity,
    SizeAndTime,
    Off,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Python,
    Common,
    Combined,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Arguments {
    /// Reads the command line and the variables. The error is also the answer to `--help` and
    /// `--version`.
    pub(crate) fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let line: Vec<OsString> = line.into_iter().collect();
        let matches = Self::command().try_get_matches_from(&line)?;
        let mut arguments = Self::from_arg_matches(&matches)?;
        arguments.around = Around {
            typed: line.into_iter().skip(1).collect(),
            by_variable: [PORT, DIRECTORY].into_iter().filter(|id| is_variable(&matches, id)).collect(),
            headers: std::env::var_os(HEADER_VARIABLE).filter(|_| arguments.header.is_empty()),
        };
        for (id, values) in [
            (BIND, &mut arguments.bind),
            (INDEX, &mut arguments.index),
            (ALLOW_HOST, &mut arguments.allow_host),
        ] {
            // Only there: what is typed can be repeated instead, and then may have commas of its
            // own.
            if is_variable(&matches, id) {
                *values =
                    values.iter().flat_map(|list| list.split(',')).map(str::trim).map(String::from).collect();
                values.retain(|value| !value.is_empty());
            }
        }
        Ok(arguments)
    }

    /// The port that was given as an option, and whether it was typed and not a variable's.
    pub(crate) fn port_option(&self) -> Option<(u16, bool)> {
        self.port.map(|port| (port, !self.around.by_variable.contains(&PORT)))
    }

    /// The directory that was given as an option, and whether it was typed and not a variable's.
    pub(crate) fn directory_option(&self) -> Option<(PathBuf, bool)> {
        self.directory.clone().map(|path| (path, !self.around.by_variable.contains(&DIRECTORY)))
    }

    /// Wrong usage that only `Settings` can see, in the same form as what the parser sees.
    pub(crate) fn wrong(message: &str) -> clap::Error {
        Self::command().error(clap::error::ErrorKind::ValueValidation, message)
    }
}

fn is_variable(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::EnvVariable)
}

/// The one variable that the parser cannot read, as its option has two values.
const HEADER_VARIABLE: &str = "SERVE_FOREVER_HEADER";

const PORT: &str = "port";
const DIRECTORY: &str = "directory";
const BIND: &str = "bind";
const INDEX: &str = "index";
const ALLOW_HOST: &str = "allow_host";

const SERVED: &str = "What is served";
const REACH: &str = "Who can reach it";
const ANSWERS: &str = "Responses";
const LOG: &str = "Log";
const LIMITS: &str = "Limits";
const PROGRAM: &str = "About the program";

const VARIABLES: &str = "\
Variables: each option, but those about the program, can also be set by a variable, SERVE_FOREVER_ and its name: \
SERVE_FOREVER_LOG_FORMAT=json, SERVE_FOREVER_NO_LISTING=1. What is typed has precedence. \
Lists are separated by commas (SERVE_FOREVER_BIND=127.0.0.1,unix:/run/site.sock); \
SERVE_FOREVER_HEADER has one `Name: value` on each line.";

/// The names of commands to come and of others that people try. To serve a directory of that name,
/// its path is given.
pub(crate) fn is_reserved(name: &OsStr) -> bool {
    RESERVED.iter().any(|reserved| name == *reserved)
}

const RESERVED: [&str; 9] =
    ["check", "completions", "explain", "help", "man", "precompress", "serve", "share", "version"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn each_option_has_its_variable_and_a_heading() {
        for argument in Arguments::command().get_arguments().filter(|argument| !argument.is_hide_set()) {
            let Some(name) = argument.get_long() else { continue };
            let heading = argument.get_help_heading().expect("a heading");
            if heading == PROGRAM || name == "header" {
                continue;
            }
            let variable = format!("SERVE_FOREVER_{}", name.to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env(), Some(OsStr::new(&variable)), "--{name}");
        }
    }

    #[test]
    fn lists_are_told_apart_by_the_ids_that_they_have() {
        let command = Arguments::command();
        for id in [PORT, DIRECTORY, BIND, INDEX, ALLOW_HOST] {
            assert!(command.get_arguments().any(|argument| argument.get_id() == id), "{id}");
        }
    }
}
