//! The handler panics for every request except `/fine`, and the server goes on.

use std::io::Write;

use serve_forever::{BaseHttpRequestHandler, Exchange, HttpServer, Result};

struct Handler;

impl BaseHttpRequestHandler for Handler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        assert!(http.path() == "/fine", "this is not fine");
        http.send_response(200).end_headers()?;
        http.wfile().write_all(b"fine\n")?;
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    let server = HttpServer::bind(("127.0.0.1", 0), || Handler)?;
    println!("http://{}/fine", server.server_addresses()[0]);
    server.serve_forever()
}
