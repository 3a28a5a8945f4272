//! What the scenarios ask for.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use kit::Task;
use serve_forever::{BaseHttpRequestHandler, Detached, Exchange, Result, ServerHandle};

/// Between two lines of the endless stream.
const TICK: Duration = Duration::from_millis(100);

/// Between two broadcasts to all subscribers.
const BROADCAST: Duration = Duration::from_secs(1);

/// One for each request, so it has to be cheap to clone.
#[derive(Clone)]
pub(crate) struct Handler {
    /// The file at `/large`.
    large: Option<Arc<File>>,
}

impl Handler {
    pub(crate) fn new(large: Option<Arc<File>>) -> Self {
        Self { large }
    }
}

impl BaseHttpRequestHandler for Handler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match (http.url_path(), &self.large) {
            ("/", _) => text(http, kit::HOMEPAGE),
            ("/events", _) => events(http),
            ("/subscribe", _) => subscribe(http),
            ("/large", Some(file)) => large(http, file),
            _ => slow(http),
        }
    }

    fn do_post(&mut self, http: &mut Exchange) -> Result {
        let length = io::copy(http.rfile(), &mut io::sink())?;
        text(http, format!("{length}\n").as_bytes())
    }
}

fn text(http: &mut Exchange, body: &[u8]) -> Result {
    http.send_response(200);
    http.end_headers()?;
    http.wfile().write_all(body)?;
    Ok(())
}

fn slow(http: &mut Exchange) -> Result {
    match Task::of(http.path()) {
        Task::Unknown => http.send_error(404, None, None),
        task => {
            task.run();
            text(http, kit::HOMEPAGE)
        }
    }
}

/// Lines without end; the handler ends when its client does.
fn events(http: &mut Exchange) -> Result {
    http.send_response(200).send_header("Content-Type", "text/event-stream").end_headers()?;
    loop {
        http.wfile().write_all(b"data: tick\n\n")?;
        http.wfile().flush()?;
        std::thread::sleep(TICK);
    }
}

/// Who hears the broadcasts.
type Subscribers = Mutex<Vec<Detached>>;

/// Started by the first of them: the other scenarios have no thread that wakes up for nobody.
static BROADCASTER: Once = Once::new();

/// A stream that no handler stays with.
fn subscribe(http: &mut Exchange) -> Result {
    http.send_response(200).send_header("Content-Type", "text/event-stream").end_headers()?;
    let writer = http.detach()?;
    let server = http.server();
    server.state::<Subscribers>().lock().unwrap_or_else(PoisonError::into_inner).push(writer);
    BROADCASTER.call_once(|| {
        let server = server.clone();
        std::thread::spawn(move || broadcast(&server));
    });
    Ok(())
}

/// Tells all subscribers once a second.
fn broadcast(server: &ServerHandle) {
    let subscribers = server.state::<Subscribers>();
    loop {
        std::thread::sleep(BROADCAST);
        let mut subscribers = subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain_mut(|subscriber| subscriber.write_all(b"data: news\n\n").is_ok());
    }
}

fn large(http: &mut Exchange, file: &Arc<File>) -> Result {
    let length = file.metadata()?.len();
    http.send_response(200).send_header("Content-Length", length).end_headers()?;
    http.send_file(Arc::clone(file), 0..length)
}
