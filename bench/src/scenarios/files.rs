//! What the scenarios about files share.

use crate::kind::Kind;

/// All servers of files, the fastest ones first.
pub(super) const SERVERS: [Kind; 10] = [
    Kind::Ours,
    Kind::NginxCached,
    Kind::Nginx,
    Kind::Lighttpd,
    Kind::Caddy,
    Kind::StaticWebServer,
    Kind::Miniserve,
    Kind::Dufs,
    Kind::SimpleHttpServer,
    Kind::Python,
];

/// With the program of the repository beside the library: for what only a whole program has.
pub(super) fn with_program() -> impl Iterator<Item = Kind> {
    [Kind::Program].into_iter().chain(SERVERS)
}
