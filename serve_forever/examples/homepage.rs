//! Answers requests on port 8080.

use std::io::Write;
use serve_forever::{BaseHttpRequestHandler, Exchange, HttpServer, Result};

struct Handler;

impl BaseHttpRequestHandler for Handler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        if http.path() == "/" {
            http.send_response(200);
            http.end_headers()?;
            http.wfile().write_all(b"Homepage\n")?;
        } else {
            http.send_response(404);
            http.end_headers()?;
            http.wfile().write_all(b"Page not found\n")?;
        }
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    HttpServer::bind(("localhost", 8080), || Handler)?.serve_forever()
}
