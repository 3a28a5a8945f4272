//! Server-sent events: every second, any number of clients get the time, and no thread waits for
//! them.
//!
//! Try `curl -N http://localhost:8080/events`, or open the page in several windows.

use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use std::{env, thread};

use serve_forever::{BaseHttpRequestHandler, Detached, Exchange, HttpServer, Result, ServerHandle};

struct Handler;

/// The connected clients. They are kept in the server, because a handler lives for one request
/// only.
type Subscribers = Mutex<Vec<Detached>>;

impl BaseHttpRequestHandler for Handler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.url_path() {
            "/" => {
                http.send_response(200)
                    .send_header("Content-Type", "text/html; charset=utf-8")
                    .end_headers()?;
                http.wfile().write_all(PAGE.as_bytes())?;
            }
            "/events" => {
                http.send_response(200)
                    .send_header("Content-Type", "text/event-stream")
                    .send_header("Cache-Control", "no-store")
                    .end_headers()?;
                let mut events = http.detach()?;
                events.write_all(b"event: welcome\ndata: hello\n\n")?;
                http.server().state::<Subscribers>().lock().expect("nobody panicked").push(events);
            }
            _ => http.send_error(404, None, None)?,
        }
        Ok(())
    }
}

/// Sends the time to all subscribers. Forgets those that are gone or too slow.
fn tick(server: &ServerHandle) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let event = format!("event: tick\ndata: {now}\n\n");
    let subscribers = server.state::<Subscribers>();
    subscribers
        .lock()
        .expect("nobody panicked")
        .retain_mut(|subscriber| subscriber.write_all(event.as_bytes()).is_ok());
}

fn main() -> std::io::Result<()> {
    let port = env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let server = HttpServer::bind(("localhost", port), || Handler)?;
    println!("http://{}/", server.server_addresses()[0]);
    let handle = server.handle();
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            tick(&handle);
        }
    });
    server.serve_forever()
}

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Time</title>
<p>It is <output>…</output>.</p>
<script>
new EventSource("/events").addEventListener("tick", event => {
    document.querySelector("output").value = new Date(1000 * event.data).toLocaleTimeString();
});
</script>
"#;
