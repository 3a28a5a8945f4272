//! Options of the form `--name value`; no server needs more.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use rustix::process::{Signal, set_parent_process_death_signal};

/// The options on the command line. What a server does not ask for is ignored.
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// Reads the command line of this process, which from now on ends with the harness, however
    /// that ends.
    pub fn from_env() -> io::Result<Self> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let mut options = BTreeMap::new();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| wrong(format!("{word} is no option")))?;
            let value = words.next().ok_or_else(|| wrong(format!("{word} needs a value")))?;
            options.insert(name.to_owned(), value);
        }
        Ok(Self(options))
    }

    /// The value of `--name`, if it was given.
    pub fn get<T: FromStr>(&self, name: &str) -> io::Result<Option<T>> {
        self.0
            .get(name)
            .map(|text| text.parse().map_err(|_| wrong(format!("--{name} {text} makes no sense"))))
            .transpose()
    }

    /// Where to listen: loopback, `--port` or any free one.
    pub fn address(&self) -> io::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, self.get("port")?.unwrap_or(0)).into())
    }
}

fn wrong(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
