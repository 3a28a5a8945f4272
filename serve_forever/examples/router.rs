//! Routes with shared state, a protected part, a directory, and a line in the log for each answer.

use std::env;
use std::sync::{Arc, Mutex};

use serve_forever::{Exchange, HttpServer, Result, Router, SimpleHttpRequestHandler, StatusError};

/// The notes. All handlers that hold a clone share them.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn list(&self, http: &mut Exchange) -> Result {
        let notes = self.0.lock().expect("nobody panicked").join("\n");
        http.reply_text(200, notes)
    }

    fn show(&self, http: &mut Exchange) -> Result {
        let number: usize =
            http.param("number").unwrap_or_default().parse().map_err(|_| StatusError::new(404))?;
        let note = self.0.lock().expect("nobody panicked").get(number).cloned();
        http.reply_text(200, note.ok_or_else(|| StatusError::new(404))?)
    }

    fn add(&self, http: &mut Exchange) -> Result {
        let note = http.body_text()?;
        let number = {
            let mut notes = self.0.lock().expect("nobody panicked");
            notes.push(note);
            notes.len() - 1
        };
        http.redirect(303, format!("/notes/{number}"))
    }

    fn clear(&self, http: &mut Exchange) -> Result {
        self.0.lock().expect("nobody panicked").clear();
        http.reply_text(204, "")
    }
}

/// Refuses requests without the right token.
fn keep_out(http: &mut Exchange) -> Result {
    if http.headers().get("Authorization") == Some("Bearer teapot") {
        return Ok(());
    }
    Err(StatusError::new(401).header("WWW-Authenticate", "Bearer").into())
}

fn main() -> std::io::Result<()> {
    let port = env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let notes = Notes::default();
    let (list, show, add, clear) = (notes.clone(), notes.clone(), notes.clone(), notes);
    let admin = Router::new().before(keep_out).delete("/notes", move |http| clear.clear(http));
    let router = Router::new()
        .before(|http| http.add_header("X-Content-Type-Options", "nosniff"))
        .get("/", |http| {
            http.reply_html(200, r#"<!DOCTYPE html><a href="/notes">Notes</a> <a href="/files/">Files</a>"#)
        })
        .get("/notes", move |http| list.list(http))
        .get("/notes/{number}", move |http| show.show(http))
        .post("/notes", move |http| add.add(http))
        .nest("/admin", admin)
        .mount("/files", SimpleHttpRequestHandler::builder().directory(".").build()?)
        .after(|http, _| {
            let status = http.response_status();
            http.log_message(format_args!("{} {}: {status:?}", http.command(), http.url_path()));
        });
    let server = HttpServer::bind(("localhost", port), router)?;
    println!("http://{}/", server.server_addresses()[0]);
    server.serve_forever()
}
