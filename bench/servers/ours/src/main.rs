//! The handlers of the benchmark on `serve_forever`, and beside them, on a port of its own, a
//! directory; or that alone.

mod handler;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kit::Options;
use serve_forever::{
    AccessLog, BaseHttpRequestHandler, Builder, Http, HttpServer, ServerHandle, SimpleHttpRequestHandler,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use handler::Handler;

/// The server is measured on one core.
const LOOPS: usize = 1;

fn main() -> io::Result<()> {
    let options = Options::from_env()?;
    if let Some(site) = options.get::<String>("only-files")? {
        let server =
            file_server(&site, &options)?.access_log(access_log(&options)?).bind(options.address()?)?;
        shut_down_on_signals(vec![server.handle()])?;
        for address in server.server_addresses() {
            kit::announce("listening", address);
        }
        return server.serve_forever();
    }
    let site: Option<String> = options.get("files")?;
    let large = site.as_ref().map(|site| File::open(Path::new(site).join("large.bin"))).transpose()?;
    let handler = Handler::new(large.map(Arc::new));
    let server = configured(HttpServer::builder(move || handler.clone()), &options)?
        .access_log(access_log(&options)?)
        .bind(options.address()?)?;
    let mut running = vec![server.handle()];
    let files = site.map(|site| serve_files(&site, &options, &mut running)).transpose()?;
    shut_down_on_signals(running)?;
    for address in server.server_addresses() {
        kit::announce("listening", address);
    }
    server.serve_forever()?;
    match files.map(std::thread::JoinHandle::join) {
        Some(Ok(result)) => result,
        Some(Err(_)) => Err(io::Error::other("the file server panicked")),
        None => Ok(()),
    }
}

/// Options that the scenarios shorten or lengthen.
fn configured<H>(mut builder: Builder<Http<H>>, options: &Options) -> io::Result<Builder<Http<H>>>
where
    H: BaseHttpRequestHandler + 'static,
{
    builder = builder.loops(options.get("loops")?.unwrap_or(LOOPS));
    let milliseconds = |name| Ok::<_, io::Error>(options.get(name)?.map(Duration::from_millis));
    if let Some(time) = milliseconds("shutdown-timeout-ms")? {
        builder = builder.shutdown_timeout(time);
    }
    if let Some(time) = milliseconds("head-timeout-ms")? {
        builder = builder.head_timeout(time);
    }
    if let Some(time) = milliseconds("idle-timeout-ms")? {
        builder = builder.idle_timeout(time);
    }
    if let Some(time) = milliseconds("permit-timeout-ms")? {
        builder = builder.permit_timeout(time);
    }
    if let Some(threads) = options.get("max-threads")? {
        builder = builder.max_threads(threads);
    }
    Ok(builder)
}

fn access_log(options: &Options) -> io::Result<AccessLog> {
    Ok(match options.get::<String>("access-log")? {
        Some(path) => AccessLog::to(File::create(path)?),
        None => AccessLog::off(),
    })
}

fn file_server(site: &str, options: &Options) -> io::Result<Builder<Http<SimpleHttpRequestHandler>>> {
    let handler = SimpleHttpRequestHandler::builder().directory(site).build()?;
    configured(HttpServer::builder(handler), options)
}

type Serving = std::thread::JoinHandle<io::Result<()>>;

fn serve_files(site: &str, options: &Options, running: &mut Vec<ServerHandle>) -> io::Result<Serving> {
    let builder = file_server(site, options)?;
    let server = builder.access_log(AccessLog::off()).bind(("127.0.0.1", 0))?;
    running.push(server.handle());
    for address in server.server_addresses() {
        kit::announce("files", address);
    }
    Ok(std::thread::spawn(move || server.serve_forever()))
}

fn shut_down_on_signals(running: Vec<ServerHandle>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            for server in &running {
                server.shutdown();
            }
        }
    });
    Ok(())
}
