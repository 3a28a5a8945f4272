//! A small JSON API for a list to which entries can be added.
//!
//! `cargo run -p serve_forever --features json --example json_api`, then
//! `curl -d '{"name":"green"}' -H 'Content-Type: application/json' http://localhost:8080/teas`.

use std::env;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serve_forever::{BaseHttpRequestHandler, Exchange, HttpServer, Result, StatusError};

#[derive(Clone, Deserialize, Serialize)]
struct Tea {
    name: String,
    #[serde(default)]
    minutes: u32,
}

/// The list is kept in the server, because a handler lives for one request only.
type Teas = Mutex<Vec<Tea>>;

struct Api;

impl BaseHttpRequestHandler for Api {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        let teas = http.server().state::<Teas>().lock().expect("nobody panicked").clone();
        match http.url_path().strip_prefix("/teas") {
            Some("") => http.reply_json(200, &teas),
            Some(number) => {
                let number = number.strip_prefix('/').and_then(|number| number.parse::<usize>().ok());
                let tea = number.and_then(|number| teas.get(number)).ok_or_else(|| StatusError::new(404))?;
                http.reply_json(200, tea)
            }
            None => Err(StatusError::new(404).into()),
        }
    }

    fn do_post(&mut self, http: &mut Exchange) -> Result {
        if http.url_path() != "/teas" {
            return Err(StatusError::new(404).into());
        }
        // The errors of `body_json` become responses with 415, 413 or 400.
        let tea: Tea = http.body_json()?;
        let state = http.server().state::<Teas>();
        let number = {
            let mut teas = state.lock().expect("nobody panicked");
            teas.push(tea.clone());
            teas.len() - 1
        };
        http.add_header("Location", format!("/teas/{number}"))?;
        http.reply_json(201, &tea)
    }
}

fn main() -> std::io::Result<()> {
    let port = env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let server = HttpServer::bind(("localhost", port), || Api)?;
    println!("http://{}/teas", server.server_addresses()[0]);
    server.serve_forever()
}
