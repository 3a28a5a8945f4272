//! Counts words: with `serve_forever`.

use std::env;
use std::error::Error;
use std::io::{Read, Write};

use serve_forever::{Exchange, HttpServer, handler_fn};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8085".into());
    let server = HttpServer::bind(address, handler_fn(answer))?;
    println!("Listening at http://{}", server.server_addresses()[0]);
    server.serve_forever()?;
    Ok(())
}

fn answer(http: &mut Exchange) -> Result<(), Box<dyn Error + Send + Sync>> {
    match (http.command(), http.path()) {
        ("GET", "/") => {
            http.send_response(200).end_headers()?;
            http.wfile().write_all(b"Send me a text.\n")?;
        }
        ("POST", "/words") => {
            let mut text = String::new();
            http.rfile().read_to_string(&mut text)?;
            http.send_response(200).send_header("Content-Type", "text/csv").end_headers()?;
            http.wfile().write_all(words(&text).as_bytes())?;
        }
        _ => {
            http.send_response(404).end_headers()?;
            http.wfile().write_all(b"Not found.\n")?;
        }
    }
    Ok(())
}

/// How often each word comes, in the order of the alphabet.
fn words(text: &str) -> String {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.sort_unstable();
    let same = words.chunk_by(|one, other| one == other);
    same.map(|same| format!("{},{}\n", same[0], same.len())).collect::<Vec<_>>().concat()
}
