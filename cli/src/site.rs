//! From the settings to the library: every call of it that sets something up.

use serve_forever::files::{BuildError, EntityTags};
use serve_forever::{AccessLog, BaseHttpRequestHandler, Builder, Http, HttpServer, SimpleHttpRequestHandler};

use crate::arguments::{Etag, LogFormat};
use crate::log_file::LogFile;
use crate::settings::{LimitSettings, LogSettings, Settings, SiteSettings};

/// The handler of the files. With `hosts`, requests may name only these, beside `localhost`
/// and IP addresses.
pub(crate) fn handler(
    site: &SiteSettings,
    hosts: Option<&[String]>,
) -> Result<SimpleHttpRequestHandler, BuildError> {
    let mut builder = SimpleHttpRequestHandler::builder()
        .directory(&site.path)
        .hidden(site.hidden)
        .follow_symlinks(site.follow_symlinks)
        .listing(site.listing)
        .entity_tags(match site.etag {
            Etag::Identity => EntityTags::Identity,
            Etag::SizeAndTime => EntityTags::SizeAndTime,
            Etag::Off => EntityTags::Off,
        })
        .protocol_version(site.protocol);
    if !site.index_pages.is_empty() {
        builder = builder.index_pages(&site.index_pages);
    }
    if let Some(media_type) = &site.content_type {
        builder = builder.default_content_type(media_type);
    }
    if let Some(value) = &site.cache_control {
        builder = builder.cache_control(value);
    }
    for (name, value) in &site.headers {
        builder = builder.extra_response_header(name, value);
    }
    if let Some(hosts) = hosts {
        builder = builder.allowed_hosts(hosts);
    }
    builder.build()
}

/// Where the log goes. The file goes on being written where nothing is to be said on standard
/// error.
pub(crate) fn access_log(settings: &LogSettings, file: Option<&LogFile>, quiet: bool) -> AccessLog {
    let log = match file {
        Some(file) => AccessLog::to(file.clone()),
        None if quiet => AccessLog::off(),
        None => AccessLog::stderr(),
    };
    in_form(log, settings)
}

/// The server to be, but for its addresses.
pub(crate) fn server(
    handler: SimpleHttpRequestHandler,
    log: AccessLog,
    settings: &Settings,
) -> Builder<Http<SimpleHttpRequestHandler>> {
    let builder = limited(HttpServer::builder(handler).access_log(log), settings.limits);
    #[cfg(unix)]
    let builder = settings.unix_sockets().iter().fold(builder, Builder::unix_socket);
    builder
}

fn limited<H>(mut builder: Builder<Http<H>>, limits: LimitSettings) -> Builder<Http<H>>
where
    H: BaseHttpRequestHandler + 'static,
{
    if let Some(timeout) = limits.stall_timeout {
        builder = builder.stall_timeout(timeout);
    }
    if let Some(bytes) = limits.max_unsent {
        builder = builder.max_unsent(bytes);
    }
    if let Some(bytes) = limits.max_send_ahead {
        builder = builder.max_send_ahead(bytes);
    }
    builder
}

fn in_form(log: AccessLog, settings: &LogSettings) -> AccessLog {
    let format = match settings.format {
        LogFormat::Python => serve_forever::LogFormat::Python,
        LogFormat::Common => serve_forever::LogFormat::Common,
        LogFormat::Combined => serve_forever::LogFormat::Combined,
        LogFormat::Json => serve_forever::LogFormat::Json,
    };
    log.format(format).colors(settings.colors)
}
