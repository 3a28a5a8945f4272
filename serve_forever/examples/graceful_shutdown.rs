//! A server that stops when it reads a line, or the end of the input, from standard input. It
//! finishes the requests that are being answered, and accepts no new ones.

use std::time::Duration;
use std::{env, io, thread};

use serve_forever::{BaseHttpRequestHandler, Exchange, HttpServer, Result};

struct Slow;

impl BaseHttpRequestHandler for Slow {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        thread::sleep(Duration::from_millis(500));
        http.reply_text(200, "It took a while\n")
    }
}

fn main() -> io::Result<()> {
    let port = env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let server = HttpServer::builder(|| Slow)
        // Requests that take longer are cut off.
        .shutdown_timeout(Duration::from_secs(5))
        .bind(("localhost", port))?;
    println!("http://{}/", server.server_addresses()[0]);
    let handle = server.handle();
    thread::spawn(move || {
        let _ = io::stdin().read_line(&mut String::new());
        handle.shutdown();
    });
    server.serve_forever()?;
    println!("Everybody has got an answer.");
    Ok(())
}
