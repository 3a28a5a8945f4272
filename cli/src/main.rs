//! `serve-forever`: serves a directory over HTTP, with the arguments of `python -m http.server`.

#![forbid(unsafe_code)]

mod arguments;
mod browser;
mod colors;
mod diagnostics;
mod generate;
mod log_file;
mod messages;
mod networks;
mod problem;
mod settings;
mod signals;
mod site;
mod taken;

use std::net::SocketAddr;
use std::process::ExitCode;

use arguments::Arguments;
use colors::Terminal;
use log_file::LogFile;
use problem::Problem;
use settings::{Listen, Settings};

fn main() -> ExitCode {
    diagnostics::print_to_stderr();
    let outcome = answer_or_serve();
    diagnostics::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem::Usage(message)) => Arguments::wrong(&message).exit(),
        Err(problem) => {
            messages::failed(&problem);
            ExitCode::FAILURE
        }
    }
}

fn answer_or_serve() -> Result<(), Problem> {
    // Help and version are such an error, too.
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    if let Some(shell) = arguments.completions {
        messages::print(&generate::completions(shell));
        return Ok(());
    }
    if arguments.man {
        messages::print(&generate::man().map_err(Problem::Serve)?);
        return Ok(());
    }
    serve(&Settings::new(arguments, &Terminal::look()).map_err(Problem::Usage)?)
}

fn serve(settings: &Settings) -> Result<(), Problem> {
    let addresses = settings.addresses()?;
    let handler =
        site::handler(&settings.site, settings.hosts(&addresses.all())).map_err(Problem::of_site)?;
    let log_file = settings.log.file.clone().map(|path| {
        let opened = LogFile::open(path.clone());
        opened.map_err(|error| Problem::LogFile(path, error))
    });
    let log_file = log_file.transpose()?;
    let log = site::access_log(&settings.log, log_file.as_ref(), settings.quiet);
    // Where the limit stays as it is the server has fewer connections at a time, which is no reason
    // not to serve.
    let _ = serve_forever::raise_descriptor_limit();

    let server = site::server(handler, log, settings)
        .bind(&addresses)
        .map_err(|error| Problem::of_listening(error, &addresses.all()))?;

    // Before the message: whoever has read it may send a signal at once.
    signals::watch(server.handle(), log_file).map_err(Problem::Signals)?;
    say_where(settings, &server.server_addresses());
    server.serve_forever().map_err(Problem::Serve)
}

/// Says where the server is, and shows it. Connections are taken already, if not answered yet.
fn say_where(settings: &Settings, addresses: &[SocketAddr]) {
    messages::started(addresses, settings.unix_sockets());
    let Some(first) = addresses.first() else {
        if !settings.quiet {
            messages::also(addresses, settings.unix_sockets());
        }
        return;
    };
    if settings.open {
        browser::open(*first);
    }
    if settings.quiet {
        return;
    }
    if settings.listen == Listen::ThisComputer {
        // With any free port it would be another one the next time.
        let port = (settings.port != 0).then_some(settings.port);
        messages::only_here(&settings.opening.command(settings.port), port, networks::usual());
    } else {
        messages::also(addresses, settings.unix_sockets());
        messages::open_to(&networks::of(addresses));
    }
}
