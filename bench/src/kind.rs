//! The servers that can be measured, and where their programs come from.

use std::fmt;

/// A server, in one of its configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Floor,
    Ours,
    /// The program `serve-forever`, as users run it.
    Program,
    Hyper,
    Actix,
    TinyHttp,
    Threads,
    Nginx,
    NginxCached,
    Lighttpd,
    Caddy,
    StaticWebServer,
    Miniserve,
    Dufs,
    SimpleHttpServer,
    Python,
}

/// Where a server's program comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A package of this workspace, built when first asked for.
    Package(&'static str),
    /// The program of the repository, built likewise.
    Repository,
    /// Installed by somebody else.
    Installed(&'static str),
}

impl Kind {
    /// As in the tables and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours => "serve_forever",
            Self::Program => "serve-forever",
            Self::Hyper => "hyper",
            Self::Actix => "actix",
            Self::TinyHttp => "tiny_http",
            Self::Threads => "threads",
            Self::Nginx => "nginx",
            Self::NginxCached => "nginx-cached",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
            Self::StaticWebServer => "static-web-server",
            Self::Miniserve => "miniserve",
            Self::Dufs => "dufs",
            Self::SimpleHttpServer => "simple-http-server",
            Self::Python => "python",
        }
    }

    pub(crate) fn origin(self) -> Origin {
        match self {
            Self::Floor => Origin::Package("bench-floor"),
            Self::Ours => Origin::Package("bench-ours"),
            Self::Hyper => Origin::Package("bench-hyper"),
            Self::Actix => Origin::Package("bench-actix"),
            Self::TinyHttp => Origin::Package("bench-tiny-http"),
            Self::Threads => Origin::Package("bench-threads"),
            Self::Program => Origin::Repository,
            Self::Nginx | Self::NginxCached => Origin::Installed("nginx"),
            Self::Lighttpd => Origin::Installed("lighttpd"),
            Self::Caddy => Origin::Installed("caddy"),
            Self::StaticWebServer => Origin::Installed("static-web-server"),
            Self::Miniserve => Origin::Installed("miniserve"),
            Self::Dufs => Origin::Installed("dufs"),
            Self::SimpleHttpServer => Origin::Installed("simple-http-server"),
            Self::Python => Origin::Installed("python3"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
