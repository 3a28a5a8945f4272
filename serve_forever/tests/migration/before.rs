//! Counts words: with `tiny_http`.

use std::env;
use std::error::Error;

use tiny_http::{Header, Method, Request, Response, Server};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8085".into());
    let server = Server::http(address)?;
    println!("Listening at http://{}", server.server_addr());
    for request in server.incoming_requests() {
        answer(request)?;
    }
    Ok(())
}

fn answer(mut request: Request) -> Result<(), Box<dyn Error + Send + Sync>> {
    match (request.method(), request.url()) {
        (Method::Get, "/") => {
            request.respond(Response::from_string("Send me a text.\n"))?;
        }
        (Method::Post, "/words") => {
            let mut text = String::new();
            request.as_reader().read_to_string(&mut text)?;
            let kind = Header::from_bytes("Content-Type", "text/csv").map_err(|()| "not a field")?;
            request.respond(Response::from_string(words(&text)).with_header(kind))?;
        }
        _ => {
            request.respond(Response::from_string("Not found.\n").with_status_code(404))?;
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
