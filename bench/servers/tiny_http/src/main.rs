//! `tiny_http`, with one thread that takes the requests and answers them.

use std::io;

use tiny_http::{Response, Server};

fn main() -> io::Result<()> {
    let options = kit::Options::from_env()?;
    let server = Server::http(options.address()?).map_err(io::Error::other)?;
    if let Some(address) = server.server_addr().to_ip() {
        kit::announce("listening", address);
    }
    for request in server.incoming_requests() {
        let response = match request.url() {
            "/" => Response::from_data(kit::HOMEPAGE),
            _ => Response::from_data(Vec::new()).with_status_code(404),
        };
        // A client that goes away is no news here.
        let _ = request.respond(response);
    }
    Ok(())
}
