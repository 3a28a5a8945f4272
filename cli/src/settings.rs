//! What the command line means.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use serve_forever::ToListenAddresses;

use crate::arguments::{Arguments, Etag, LogFormat, is_reserved};
use crate::colors::{self, Terminal};
use crate::problem::Problem;

/// How to serve. Everything is decided here but what needs the system: names are not looked up,
/// files not opened.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) site: SiteSettings,
    pub(crate) log: LogSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) port: u16,
    pub(crate) listen: Listen,
    /// Hosts that requests may name; see [`Settings::hosts`].
    allow_hosts: Vec<String>,
    pub(crate) open: bool,
    pub(crate) quiet: bool,
    /// The command line that would do the same for everybody on the network.
    pub(crate) opening: Opening,
}

/// What is served, and how it is answered.
#[derive(Debug)]
pub(crate) struct SiteSettings {
    pub(crate) path: PathBuf,
    pub(crate) index_pages: Vec<String>,
    pub(crate) hidden: bool,
    pub(crate) follow_symlinks: bool,
    pub(crate) listing: bool,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) etag: Etag,
    pub(crate) protocol: &'static str,
}

/// What clients that read slowly may take. What is not given is the library's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    pub(crate) stall_timeout: Option<Duration>,
    /// Bytes.
    pub(crate) max_unsent: Option<usize>,
    /// Bytes.
    pub(crate) max_send_ahead: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) file: Option<PathBuf>,
    pub(crate) colors: bool,
}

/// Where to listen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// Nothing was said: on both loopback addresses, the one of IPv4 first, whatever the resolver
    /// makes of `localhost`.
    ThisComputer,
    On {
        names: Vec<String>,
        unix: Vec<PathBuf>,
    },
}

/// The command line that opens the server to the network.
#[derive(Debug)]
pub(crate) struct Opening {
    typed: Vec<OsString>,
    port_is_given: bool,
}

impl Settings {
    /// The error says what is wrong with the usage, and what to say instead.
    pub(crate) fn new(arguments: Arguments, terminal: &Terminal) -> Result<Self, String> {
        explain_what_is_not_there(&arguments)?;
        let (port, path) = port_and_path(&arguments.port_and_path)?;
        let port_is_given = port.is_some() || arguments.port.is_some();
        let port = one_of("port", port, arguments.port_option())?.unwrap_or(DEFAULT_PORT);
        let path = one_of("directory", path, arguments.directory_option())?.unwrap_or_else(|| ".".into());
        let listen = Listen::new(&arguments.bind, port)?;
        if let (true, Listen::On { names, .. }) = (arguments.open, &listen)
            && names.is_empty()
        {
            return Err(
                "a browser cannot open a Unix socket: leave --open out, or add an address with --bind".into(),
            );
        }
        if let Some(path) = arguments.index.iter().find(|name| name.contains('/')) {
            return Err(format!("--index has the name of a page in its directory, and '{path}' is a path"));
        }
        if let Some(host) = arguments.allow_host.iter().find(|host| host.contains(['/', '*'])) {
            return Err(format!(
                "--allow-host has a name or an address, such as build.example, and not '{host}'"
            ));
        }
        Ok(Self {
            site: SiteSettings {
                path,
                index_pages: arguments.index,
                hidden: arguments.hidden,
                follow_symlinks: arguments.follow_symlinks,
                listing: !arguments.no_listing,
                headers: headers(arguments.header, arguments.around.headers.as_deref())?,
                content_type: arguments.content_type,
                cache_control: arguments.cache_control,
                etag: arguments.etag,
                protocol: protocol(arguments.protocol.as_deref())?,
            },
            log: LogSettings {
                format: arguments.log_format,
                colors: colors::wanted(arguments.color, terminal) && arguments.log_file.is_none(),
                file: arguments.log_file,
            },
            limits: LimitSettings {
                stall_timeout: arguments.stall_timeout.map(Duration::from_secs),
                max_unsent: arguments.max_unsent.map(|mebibytes| bytes(mebibytes, 20)),
                max_send_ahead: arguments.max_send_ahead.map(|kibibytes| bytes(kibibytes, 10)),
            },
            port,
            listen,
            allow_hosts: arguments.allow_host,
            open: arguments.open,
            quiet: arguments.quiet,
            opening: Opening { typed: arguments.around.typed, port_is_given },
        })
    }

    /// The addresses to listen on; names are looked up.
    pub(crate) fn addresses(&self) -> Result<Addresses, Problem> {
        let Listen::On { names, .. } = &self.listen else {
            let both = [(Ipv4Addr::LOCALHOST, self.port).into(), (Ipv6Addr::LOCALHOST, self.port).into()];
            return Ok(Addresses(vec![both.to_vec()]));
        };
        let groups = names.iter().map(|name| {
            let found = (name.as_str(), self.port).to_socket_addrs();
            found.map(Iterator::collect).map_err(|error| Problem::Name(name.clone(), error))
        });
        groups.collect::<Result<_, _>>().map(Addresses)
    }

    /// The Unix sockets to listen on.
    pub(crate) fn unix_sockets(&self) -> &[PathBuf] {
        match &self.listen {
            Listen::ThisComputer => &[],
            Listen::On { unix, .. } => unix,
        }
    }

    /// The hosts that requests may name, beside `localhost` and IP addresses; `None`: any.
    ///
    /// A server that only this computer can reach must look at them, or any web page could reach it
    /// by a name of its own that leads to 127.0.0.1 ("DNS rebinding"). One that is open to the
    /// network can be asked by names that nobody here knows.
    pub(crate) fn hosts(&self, addresses: &[SocketAddr]) -> Option<&[String]> {
        let only_here = !addresses.is_empty()
            && addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
        (only_here || !self.allow_hosts.is_empty()).then_some(&*self.allow_hosts)
    }
}

/// The addresses of each name. Of those, some may not be there.
#[derive(Debug)]
pub(crate) struct Addresses(Vec<Vec<SocketAddr>>);

impl Addresses {
    /// All that were asked for.
    pub(crate) fn all(&self) -> Vec<SocketAddr> {
        self.0.concat()
    }
}

impl ToListenAddresses for Addresses {
    fn to_listen_addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>> {
        Ok(self.0.clone())
    }
}

impl Listen {
    fn new(bind: &[String], port: u16) -> Result<Self, String> {
        if bind.is_empty() {
            return Ok(Self::ThisComputer);
        }
        let (mut names, mut unix) = (Vec::new(), Vec::new());
        for name in bind {
            if let Some(path) = name.strip_prefix("unix:") {
                if path.is_empty() {
                    return Err("a Unix socket has a path: --bind unix:PATH".into());
                }
                if cfg!(not(unix)) {
                    return Err("this system has no Unix sockets; give an address with --bind".into());
                }
                let path = PathBuf::from(path);
                if unix.contains(&path) {
                    return Err(format!("--bind {name} is given twice; once is enough"));
                }
                unix.push(path);
            } else if let Ok(both) = name.parse::<SocketAddr>() {
                let (address, other) = (both.ip(), both.port());
                let other = if other == port { String::new() } else { format!(", not {port}") };
                return Err(format!(
                    "the port has a place of its own{other}: say `serve-forever --bind {address} {}`",
                    both.port()
                ));
            } else {
                // An IPv6 address may stand in brackets, as it does in URLs.
                let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
                names.push(bare.to_owned());
            }
        }
        Ok(Self::On { names, unix })
    }
}

impl Opening {
    /// The command, with the port if it is not in there already.
    pub(crate) fn command(&self, port: u16) -> String {
        let mut command = String::from("serve-forever --bind 0.0.0.0");
        for argument in &self.typed {
            command.push(' ');
            command.push_str(&quoted(argument));
        }
        if !self.port_is_given {
            command.push(' ');
            command.push_str(&port.to_string());
        }
        command
    }
}

/// As a shell reads it.
fn quoted(argument: &OsStr) -> String {
    let text = argument.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "-_=+./:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Which of the positional arguments is the port, and which the path.
fn port_and_path(given: &[OsString]) -> Result<(Option<u16>, Option<PathBuf>), String> {
    let (mut port, mut path): (Option<u16>, Option<PathBuf>) = (None, None);
    for argument in given {
        let text = argument.to_string_lossy();
        if text.is_empty() {
            return Err("an empty argument is neither a port nor a directory".into());
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().map_err(|_| {
                format!("{text} is no port: they end at 65535; for a directory of that name say ./{text}")
            })?;
            if let Some(first) = port.replace(number) {
                return Err(format!(
                    "there can be one port, not {first} and '{text}'; for a directory say ./{text}"
                ));
            }
            continue;
        }
        if is_reserved(argument) {
            let instead = match &*text {
                "help" | "version" | "man" => format!("say --{text}"),
                "completions" => "say --completions SHELL".to_owned(),
                _ => "the name is kept for a command to come".to_owned(),
            };
            return Err(format!("'{text}' is not a command: {instead}; say ./{text} for the folder"));
        }
        if let Some(first) = path.replace(argument.into()) {
            let first = first.display();
            return Err(format!("there can be one directory or file, not both '{first}' and '{text}'"));
        }
    }
    Ok((port, path))
}

/// `count` times two to the power of `shift`, or as much as the machine can count.
fn bytes(count: u32, shift: u32) -> usize {
    usize::try_from(u64::from(count) << shift).unwrap_or(usize::MAX)
}

/// A value that can be given by its place or by an option. A variable gives way to what was typed.
fn one_of<T>(what: &str, by_place: Option<T>, by_option: Option<(T, bool)>) -> Result<Option<T>, String> {
    match (by_place, by_option) {
        (Some(_), Some((_, true))) => Err(format!("the {what} is given twice, with --{what} and without")),
        (Some(value), _) => Ok(Some(value)),
        (None, option) => Ok(option.map(|(value, _)| value)),
    }
}

fn explain_what_is_not_there(arguments: &Arguments) -> Result<(), String> {
    if arguments.tls_cert.is_some() || arguments.tls_key.is_some() || arguments.tls_password_file.is_some() {
        return Err("HTTPS is not there yet: leave the --tls options out, and for HTTPS put a proxy that has it in front, \
                    such as `caddy reverse-proxy --from example.org --to 127.0.0.1:8000` beside \
                    `serve-forever --allow-host example.org 8000`"
            .into());
    }
    if arguments.cgi {
        return Err(
            "there is no CGI (Python has removed it too): leave --cgi out, and for a program behind the \
                    URLs write a handler with the library"
                .into(),
        );
    }
    Ok(())
}

fn protocol(version: Option<&str>) -> Result<&'static str, String> {
    match version {
        None | Some("HTTP/1.1") => Ok("HTTP/1.1"),
        Some("HTTP/1.0") => Ok("HTTP/1.0"),
        Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("-p is the protocol, as in Python; did you mean `serve-forever {port}`?"))
        }
        Some(other) => Err(format!("'{other}' is no protocol for --protocol: say HTTP/1.1 or HTTP/1.0")),
    }
}

fn headers(typed: Vec<String>, variable: Option<&OsStr>) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    let mut typed = typed.into_iter();
    // The parser lets pairs pass only.
    while let (Some(name), Some(value)) = (typed.next(), typed.next()) {
        headers.push((name, value));
    }
    let Some(variable) = variable else { return Ok(headers) };
    let text = variable.to_str().ok_or("SERVE_FOREVER_HEADER is not UTF-8")?;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| {
            format!("SERVE_FOREVER_HEADER has one `Name: value` on each line, not '{line}'")
        })?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(headers)
}

/// Python's.
const DEFAULT_PORT: u16 = 8000;

#[cfg(test)]
mod tests;
