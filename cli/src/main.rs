//! `serve-forever`: serves a directory over HTTP, with the arguments of `python -m http.server`.

#![forbid(unsafe_code)]

mod args;
mod diagnostics;
mod messages;
mod problem;
mod signals;

use std::process::ExitCode;

use clap::Parser;
use serve_forever::{AccessLog, HttpServer, SimpleHttpRequestHandler};

use args::Arguments;
use problem::Problem;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    diagnostics::print_to_stderr();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            messages::failed(&problem);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Problem> {
    let handler = SimpleHttpRequestHandler::builder()
        .directory(&arguments.directory)
        .build()
        .map_err(Problem::Directory)?;
    // Where the limit stays as it is the server has fewer connections at a time, which is no reason not to serve.
    let _ = serve_forever::raise_descriptor_limit();

    let addresses =
        arguments.addresses().map_err(|error| Problem::Name(arguments.host().to_owned(), error))?;
    let mut builder = HttpServer::builder(handler);
    if arguments.quiet {
        builder = builder.access_log(AccessLog::off());
    }
    let server = builder.bind(addresses.as_slice()).map_err(Problem::Listen)?;

    // Before the message: whoever has read it may send a signal at once.
    signals::shut_down_on_signal(server.handle()).map_err(Problem::Signals)?;
    messages::started(&server.server_addresses());
    server.serve_forever().map_err(Problem::Serve)
}
