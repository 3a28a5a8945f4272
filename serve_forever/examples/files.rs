//! Serves the current directory on port 8080.

use serve_forever::{HttpServer, SimpleHttpRequestHandler};

fn main() -> std::io::Result<()> {
    let address = ("localhost", 8080);
    let server = HttpServer::bind(address, SimpleHttpRequestHandler::new)?;

    println!("Server listening at http://{}:{} ...\nPress CTRL + C to stop.", address.0, address.1);
    server.serve_forever()
}
