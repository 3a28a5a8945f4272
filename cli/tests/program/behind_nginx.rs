//! nginx in front, with the very configurations and arguments that the documentation shows.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::tools::tool;
use crate::support::{Directory, FAILSAFE, Serving, program};
use serve_forever::{AccessLog, Exchange, HttpServer, handler_fn, proxy::Forwarded};

const README: &str = include_str!("../../../README.md");
const SECURITY: &str = include_str!("../../../SECURITY.md");
const DEPLOYMENT: &str = include_str!("../../../serve_forever/src/manual/deployment.rs");

/// How often another program may take the free port before nginx does.
const ATTEMPTS: usize = 10;

#[test]
fn the_program_behind_nginx_answers_to_the_name_that_it_was_told() {
    let Some(tool) = tool(&["nginx"]) else { return };
    let section = README.split_once("\n### Behind a proxy\n").expect("README tells it").1;
    let (block, command) = (code(section, "nginx"), code(section, "sh"));
    for other in [DEPLOYMENT, SECURITY] {
        assert!(other.contains(&command), "another text shows another command");
    }
    let site = Directory::new().with("a.txt", "text\n");
    let site_path = site.path().to_str().expect("text").to_owned();
    let ask = |command: &str| {
        // The port is free, and the directory is there.
        let command = fill_in(&fill_in(command, " 8000 ", " 0 "), "/srv/www", &site_path);
        let mut words = command.split_whitespace();
        assert_eq!(words.next(), Some("serve-forever"));
        let serving = Serving::start(&mut program(&words.collect::<Vec<_>>()));
        assert!(serving.address().ip().is_loopback());
        let block = fill_in(&block, "127.0.0.1:8000", &serving.address().to_string());
        let nginx = Nginx::start(&tool, |port| fill_in(&block, "listen 80;", &listen(port)));
        let reply = nginx.get("example.org", "/a.txt");
        (reply, serving.stop())
    };

    let (reply, _) = ask(&command);
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n\r\ntext\n"), "{reply}");

    let (reply, log) = ask(&fill_in(&command, "--allow-host example.org ", ""));
    assert!(reply.starts_with("HTTP/1.1 421 "), "{reply}");
    assert!(!reply.contains("text\n"), "{reply}");
    for said in [&reply, &log] {
        assert!(said.contains("--allow-host example.org"), "{said}");
    }
}

#[test]
fn the_library_behind_nginx_learns_host_and_client() {
    let Some(tool) = tool(&["nginx"]) else { return };
    // As it stands in a comment.
    let section: String = DEPLOYMENT
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .fold(String::new(), |text, line| text + line.strip_prefix(' ').unwrap_or(line) + "\n");
    let section = section.split_once("\n# Behind a proxy\n").expect("the manual tells it").1;
    let block = code(section, "nginx");
    let place = Directory::new();
    let socket = place.path().join("http.sock");
    let handler = handler_fn(|http: &mut Exchange| {
        let seen = format!("{} {}\n", http.host().unwrap_or("-"), http.client_address().ip());
        http.send_response(200).send_header("Content-Length", seen.len()).end_headers()?;
        http.wfile().write_all(seen.as_bytes())?;
        Ok(())
    });
    let server = HttpServer::builder(handler)
        .access_log(AccessLog::off())
        .trusted_proxies("unix".parse().expect("it is known"))
        .forwarded(Forwarded::XForwardedFor)
        .unix_socket(&socket)
        .bind(&[] as &[SocketAddr])
        .expect("a socket");
    let handle = server.handle();
    let thread = thread::spawn(move || server.serve_forever());

    // TLS is nginx's affair: here it does without.
    let lines: Vec<&str> = block.lines().filter(|line| !line.trim_start().starts_with("ssl_")).collect();
    let block = lines.join("\n");
    let block = fill_in(&block, "/run/app/http.sock", socket.to_str().expect("text"));
    let nginx = Nginx::start(&tool, |port| fill_in(&block, "listen 443 ssl;", &listen(port)));
    // Twice, as nginx keeps its connection.
    for _ in 0..2 {
        let reply = nginx.get("example.org", "/");
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
        assert!(reply.ends_with("\r\n\r\nexample.org 127.0.0.1\n"), "{reply}");
    }
    drop(nginx);
    handle.shutdown();
    thread.join().expect("no panic").expect("it served");
}

/// The first block of code in that language.
#[track_caller]
fn code(text: &str, language: &str) -> String {
    let begin = format!("\n```{language}\n");
    let block = text.split_once(&begin).and_then(|(_, rest)| rest.split_once("\n```\n"));
    block.unwrap_or_else(|| panic!("no block {language:?}")).0.to_owned()
}

/// Puts in what no documentation can know. It must stand there, and once.
#[track_caller]
fn fill_in(text: &str, shown: &str, real: &str) -> String {
    assert_eq!(text.matches(shown).count(), 1, "{shown:?} in {text}");
    text.replace(shown, real)
}

fn listen(port: u16) -> String {
    format!("listen 127.0.0.1:{port};")
}

/// nginx while it runs, with nothing outside of a directory of its own. Killed at the end of its
/// test.
struct Nginx {
    child: Child,
    port: u16,
    _place: Directory,
}

impl Nginx {
    /// Returns when it listens. `block` gets the port.
    #[track_caller]
    fn start(tool: &Path, block: impl Fn(u16) -> String) -> Self {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            // nginx takes no port 0, and until it takes this one another program can.
            let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
            let port = free.local_addr().expect("its address").port();
            drop(free);
            match Self::start_on(tool, port, &block(port)) {
                Ok(nginx) => return nginx,
                Err(errors) if errors.contains("Address already in use") => said = errors,
                Err(errors) => panic!("nginx did not start: {errors}"),
            }
        }
        panic!("nginx found no free port: {said}");
    }

    /// The error is what nginx says when it ends at once.
    #[track_caller]
    fn start_on(tool: &Path, port: u16, block: &str) -> Result<Self, String> {
        let place = Directory::new();
        let path = |name: &str| place.path().join(name);
        let (settings, pid, errors) = (path("nginx.conf"), path("nginx.pid"), path("errors"));
        fs::write(&settings, configuration(place.path(), &pid, block)).expect("a file");
        let mut child = Command::new(tool)
            .arg("-p")
            .arg(place.path())
            .arg("-c")
            .arg(&settings)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&errors).expect("a file"))
            .spawn()
            .expect("nginx starts");
        let begin = Instant::now();
        loop {
            let said = || fs::read_to_string(&errors).unwrap_or_default();
            if child.try_wait().expect("a status").is_some() {
                return Err(said());
            }
            // It writes this file when it has bound its ports.
            if pid.exists() {
                return Ok(Self { child, port, _place: place });
            }
            if begin.elapsed() > FAILSAFE {
                end(&mut child);
                panic!("after {FAILSAFE:?} nginx does not listen: {}", said());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The whole response to a GET of that host, by a client that claims to be somebody else.
    fn get(&self, host: &str, path: &str) -> String {
        let ask = || -> io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(FAILSAFE))?;
            stream.set_write_timeout(Some(FAILSAFE))?;
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n"
            )?;
            let mut response = String::new();
            stream.read_to_string(&mut response)?;
            Ok(response)
        };
        ask().expect("nginx answers")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Fails when it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// What surrounds the block of a documentation: one process in the foreground, which writes nowhere
/// else.
fn configuration(place: &Path, pid: &Path, block: &str) -> String {
    let quoted = |path: PathBuf| format!("\"{}\"", path.display());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {};\n", quoted(place.join(kind))))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp {{\n    access_log off;\n\
         {temporary}{block}\n}}\n",
        quoted(pid.to_owned())
    )
}
