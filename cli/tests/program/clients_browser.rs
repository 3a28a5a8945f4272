//! A browser uses what it gets: it leaps about in a long recording, runs modules, and learns of new
//! fields.
#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use crate::support::tools::{BROWSERS, client, tool};
use crate::support::{Directory, FAILSAFE, Serving, logged, program, settled, wait};
use rustix::process::{Pid, Signal, kill_process};
use serve_forever::{
    AccessLog, BaseHttpRequestHandler, Exchange, HttpServer, SimpleHttpRequestHandler, handler_fn,
};

/// A browser that is on a page, until this is dropped.
struct Browser(Child);

impl Browser {
    fn on(tool: &Path, profile: &Path, url: &str) -> Self {
        let mut command: Command = client(tool, profile);
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--mute-audio", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().expect("the browser starts"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to, it takes its many processes along.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        if !thread::panicking() {
            wait("the end of the browser", &mut self.0, FAILSAFE);
        }
    }
}

/// Opens `page.html` and waits until it asks for `/report?` and something: that, and the requests,
/// as soon as they are `enough`.
///
/// A response that is still under way has no line in the log yet; it gets one when the browser is
/// gone.
#[track_caller]
fn report(
    tool: &Path,
    directory: &Directory,
    enough: impl Fn(&[(String, u16)]) -> bool,
) -> (String, Vec<(String, u16)>) {
    // Nothing is kept: of what the browser has as a whole, and on the loopback that is soon, it
    // asks for a 304 only.
    let arguments = ["0", "--header", "Cache-Control", "no-store", "--directory"];
    let mut serving = Serving::start(program(&arguments).arg(directory.path()));
    let (send, lines) = mpsc::channel();
    let log = serving.log();
    // Ends with the server.
    thread::spawn(move || {
        BufReader::new(log).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    let profile = Directory::new();
    let mut browser = Some(Browser::on(tool, profile.path(), &serving.url("/page.html")));
    let (mut report, mut requests) = (None, Vec::new());
    loop {
        if let Some(report) = report.take_if(|_| enough(&requests)) {
            return (report, requests);
        }
        let line = lines.recv_timeout(FAILSAFE).unwrap_or_else(|error| panic!("{error}: {requests:?}"));
        let Some((request, status)) = logged(&line) else { continue };
        if let Some(text) = request.strip_prefix("GET /report?") {
            report = Some(text.to_owned());
            drop(browser.take());
        } else {
            requests.push((request, status));
        }
    }
}

#[test]
fn a_browser_leaps_about_in_a_recording() {
    let Some(tool) = tool(&BROWSERS) else { return };
    let directory = Directory::new().with(
        "page.html",
        r#"<!DOCTYPE html><title>Recording</title><audio preload="auto"></audio><script>
        const audio = document.querySelector("audio");
        const report = text => fetch("/report?" + text);
        const places = [7000, 100, 4000];
        let seen = [];
        audio.onerror = () => report("error:" + audio.error.message);
        audio.onloadedmetadata = () => { seen.push(Math.round(audio.duration)); audio.currentTime = places[0]; };
        audio.onseeked = async () => {
            seen.push(Math.round(audio.currentTime));
            places.shift();
            if (places.length) { audio.currentTime = places[0]; return; }
            const end = await fetch("/silence.wav", { headers: { Range: "bytes=-44" } });
            seen.push(end.status, (await end.arrayBuffer()).byteLength);
            report(seen.join());
        };
        audio.src = "/silence.wav";
        </script>"#,
    );
    // Two hours of silence, one byte for each of 8000 samples a second.
    let seconds = 7500;
    silence(&directory.path().join("silence.wav"), 8000, seconds);
    // The beginning, at least one for a place far away, and the one that the page itself asks for.
    let three_parts = |requests: &[(String, u16)]| {
        requests.iter().filter(|it| **it == ("GET /silence.wav".into(), 206)).count() >= 3
    };
    let (report, requests) = report(&tool, &directory, three_parts);
    assert_eq!(report, "7500,7000,100,4000,206,44", "{requests:?}");
}

/// A recording without a sound, and without room on the disk where that does not keep zeros.
fn silence(path: &Path, rate: u32, seconds: u32) {
    let length = rate * seconds;
    let mut head = Vec::new();
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(length + 36).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    head.extend_from_slice(&rate.to_le_bytes());
    head.extend_from_slice(&rate.to_le_bytes());
    head.extend_from_slice(b"\x01\0\x08\0data");
    head.extend_from_slice(&length.to_le_bytes());
    let mut file = File::create(path).expect("a file");
    file.write_all(&head).expect("its head");
    file.set_len(head.len() as u64 + u64::from(length)).expect("its length");
}

#[test]
fn a_browser_runs_modules() {
    let Some(tool) = tool(&BROWSERS) else { return };
    // Both kinds of modules are run only if they have their media types.
    let directory = Directory::new()
        .with(
            "page.html",
            r#"<!DOCTYPE html><title>Modules</title><script type="module">
            const report = text => fetch("/report?" + encodeURIComponent(text));
            try {
                const first = await import("/first.mjs");
                const second = await import("/second.js");
                const wasm = await WebAssembly.instantiateStreaming(fetch("/answer.wasm"));
                report([first.value, second.value, wasm.instance.exports.f()].join("-"));
            } catch (error) {
                report(String(error));
            }
            </script>"#,
        )
        .with("first.mjs", "export const value = 1;\n")
        .with("second.js", "import { value as first } from './first.mjs';\nexport const value = first + 1;\n")
        .with("answer.wasm", ANSWER);
    let (report, requests) = report(&tool, &directory, |_| true);
    assert_eq!(report, "1-2-42", "{requests:?}");
}

/// The page was kept without the fields; the 304 of its reload brings them.
#[test]
fn a_browser_that_reloads_a_page_learns_of_new_fields() {
    let Some(tool) = tool(&BROWSERS) else { return };
    let directory = Directory::new().with(
        "page.html",
        r#"<!DOCTYPE html><title>Isolated</title><script type="module">
        await fetch("/report?" + crossOriginIsolated);
        if (!sessionStorage.reloaded) {
            sessionStorage.reloaded = true;
            location.reload();
        }
        </script>"#,
    );
    let builder = SimpleHttpRequestHandler::builder().directory(directory.path());
    let before = builder.clone().build().expect("it is there");
    let after = builder
        .extra_response_header("Cross-Origin-Opener-Policy", "same-origin")
        .extra_response_header("Cross-Origin-Embedder-Policy", "require-corp")
        .build()
        .expect("it is there");
    let (send, seen) = mpsc::channel();
    let reported = Arc::new(AtomicBool::new(false));
    let handler = handler_fn(move |http: &mut Exchange| {
        if http.url_path() == "/report" {
            reported.store(true, Ordering::Relaxed);
        }
        let files = if reported.load(Ordering::Relaxed) { &after } else { &before };
        let answered = files.clone().do_get(http);
        // Nobody listens any more when the test has seen enough.
        let _ = send.send((http.path().to_owned(), http.response_status()));
        answered
    });
    let builder = HttpServer::builder(handler).access_log(AccessLog::off());
    let server = builder.bind(("127.0.0.1", 0)).expect("a free port");
    let (address, handle) = (server.server_addresses()[0], server.handle());
    let thread = thread::spawn(move || server.serve_forever());
    settled(address, "/page.html");
    while seen.try_recv().is_ok() {}
    let profile = Directory::new();
    let browser = Browser::on(&tool, profile.path(), &format!("http://{address}/page.html"));
    let mut requests = Vec::new();
    while requests.iter().filter(|(path, _): &&(String, _)| path.starts_with("/report")).count() < 2 {
        requests.push(seen.recv_timeout(FAILSAFE).unwrap_or_else(|error| panic!("{error}: {requests:?}")));
    }
    drop(browser);
    handle.shutdown();
    thread.join().expect("no panic").expect("it served");
    requests.retain(|(path, _)| path != "/favicon.ico");
    let request = |path: &str, status| (path.to_owned(), Some(status));
    assert_eq!(
        requests,
        [
            request("/page.html", 200),
            request("/report?false", 404),
            request("/page.html", 304),
            request("/report?true", 404),
        ]
    );
}

/// `(module (func (export "f") (result i32) i32.const 42))`
const ANSWER: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x05\x01\x60\0\x01\x7f\
    \x03\x02\x01\0\
    \x07\x05\x01\x01f\0\0\
    \x0a\x06\x01\x04\0\x41\x2a\x0b";
