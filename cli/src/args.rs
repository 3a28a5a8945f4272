//! The command line: what was typed, and what it means.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;

/// Serves the files of a directory over HTTP until Ctrl+C is pressed.
#[derive(Debug, Parser)]
#[command(name = "serve-forever", version)]
pub(crate) struct Arguments {
    /// Port to listen on; 0 takes any free one
    #[arg(value_name = "PORT", default_value_t = 8000)]
    pub(crate) port: u16,

    /// Address or name to listen on, such as 0.0.0.0 or :: for all networks [default: this computer only]
    #[arg(short, long, value_name = "ADDRESS", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) bind: Option<String>,

    /// Directory to serve
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) directory: PathBuf,

    /// Do not log requests
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl Arguments {
    /// Where to listen: by default on both loopback addresses, the one of IPv4 first, whatever the resolver makes
    /// of `localhost`.
    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.bind {
            None => {
                Ok(vec![(Ipv4Addr::LOCALHOST, self.port).into(), (Ipv6Addr::LOCALHOST, self.port).into()])
            }
            Some(_) => Ok((self.host(), self.port).to_socket_addrs()?.collect()),
        }
    }

    /// The name or address to listen on; an IPv6 address may stand in brackets, as it does in URLs.
    pub(crate) fn host(&self) -> &str {
        let host = self.bind.as_deref().unwrap_or("localhost");
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn nothing_has_to_be_given() {
        let arguments = parse("serve-forever").unwrap();
        assert_eq!((arguments.port, arguments.quiet), (8000, false));
        assert_eq!(arguments.directory, PathBuf::from("."));
        let addresses = arguments.addresses().unwrap();
        assert_eq!(addresses, ["127.0.0.1:8000".parse().unwrap(), "[::1]:8000".parse().unwrap()]);
    }

    #[test]
    fn options_are_pythons() {
        for line in
            ["serve-forever 80 -b 0.0.0.0 -d site", "serve-forever --directory=site --bind 0.0.0.0 80"]
        {
            let arguments = parse(line).unwrap();
            assert_eq!(arguments.addresses().unwrap(), ["0.0.0.0:80".parse().unwrap()], "{line}");
            assert_eq!(arguments.directory, PathBuf::from("site"));
        }
        assert!(parse("serve-forever -q").unwrap().quiet);
        assert!(parse("serve-forever --quiet").unwrap().quiet);
    }

    #[test]
    fn an_ipv6_address_may_have_brackets() {
        for line in ["serve-forever -b ::1 80", "serve-forever -b [::1] 80"] {
            assert_eq!(parse(line).unwrap().addresses().unwrap(), ["[::1]:80".parse().unwrap()], "{line}");
        }
    }

    #[test]
    fn a_port_is_a_number_that_fits() {
        assert_eq!(parse("serve-forever 0").unwrap().port, 0);
        assert_eq!(parse("serve-forever 65535").unwrap().port, 65535);
        for line in ["serve-forever 65536", "serve-forever http", "serve-forever -1", "serve-forever 80 81"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn an_empty_address_is_none() {
        let error = Arguments::try_parse_from(["serve-forever", "--bind", ""]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue);
    }
}
