//! Each option, on the command line and by its variable, and what comes of it.

use std::io::{Read, Write};
use std::process::Command;

use crate::support::{Directory, Serving, program};

/// The program in that directory, with these arguments and variables.
fn serve(directory: &Directory, arguments: &[&str], variables: &[(&str, &str)]) -> Serving {
    let mut command: Command = program(&["0", "--quiet"]);
    command.args(arguments).current_dir(directory.path());
    for (name, value) in variables {
        command.env(format!("SERVE_FOREVER_{name}"), value);
    }
    Serving::start(&mut command)
}

/// The response with these options, and with these variables: both must say the same.
fn both(
    directory: &Directory,
    path: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
    check: impl Fn(&str),
) {
    check(&serve(directory, arguments, &[]).get(path));
    check(&serve(directory, &[], variables).get(path));
}

fn site() -> Directory {
    Directory::new()
        .with("a.txt", "text")
        .with(".env", "secret")
        .with("start.html", "start")
        .with("b.unknown", "?")
}

#[test]
fn hidden_names_are_served_on_demand() {
    let site = site();
    assert!(serve(&site, &[], &[]).get("/.env").starts_with("HTTP/1.1 404 "));
    both(&site, "/.env", &["--hidden"], &[("HIDDEN", "1")], |reply| {
        assert!(reply.ends_with("\r\n\r\nsecret"));
    });
}

#[test]
fn pages_that_stand_for_directories_can_be_named() {
    let arguments = ["--index", "none.html", "--index", "start.html"];
    both(&site(), "/", &arguments, &[("INDEX", "none.html,start.html")], |reply| {
        assert!(reply.ends_with("\r\n\r\nstart"), "{reply}");
    });
}

#[test]
fn listings_can_be_switched_off() {
    both(&site(), "/", &["--no-listing"], &[("NO_LISTING", "yes")], |reply| {
        assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
    });
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_are_followed_on_demand() {
    let (site, outside) = (site(), Directory::new().with("out.txt", "outside"));
    std::os::unix::fs::symlink(outside.path().join("out.txt"), site.path().join("link")).expect("a link");
    assert!(serve(&site, &[], &[]).get("/link").starts_with("HTTP/1.1 404 "));
    both(&site, "/link", &["--follow-symlinks"], &[("FOLLOW_SYMLINKS", "1")], |reply| {
        assert!(reply.ends_with("\r\n\r\noutside"), "{reply}");
    });
}

#[test]
fn fields_are_added_and_replaced() {
    let arguments = ["-H", "X-One", "1", "--header", "Cache-Control", "no-store"];
    let variables = [("HEADER", "X-One: 1\nCache-Control: no-store\n")];
    both(&site(), "/a.txt", &arguments, &variables, |reply| {
        assert!(reply.contains("\r\nX-One: 1\r\n"), "{reply}");
        assert!(reply.contains("\r\nCache-Control: no-store\r\n") && !reply.contains("no-cache"), "{reply}");
    });
}

#[test]
fn the_type_of_the_unknown_can_be_given() {
    both(&site(), "/b.unknown", &["--content-type", "text/x-b"], &[("CONTENT_TYPE", "text/x-b")], |reply| {
        assert!(reply.contains("\r\nContent-Type: text/x-b; charset=utf-8\r\n"), "{reply}");
    });
}

#[test]
fn how_long_files_are_kept_can_be_given() {
    both(
        &site(),
        "/a.txt",
        &["--cache-control", "max-age=60"],
        &[("CACHE_CONTROL", "max-age=60")],
        |reply| {
            assert!(reply.contains("\r\nCache-Control: max-age=60\r\n"), "{reply}");
        },
    );
}

#[test]
fn entity_tags_can_be_switched_off() {
    assert!(serve(&site(), &[], &[]).get("/a.txt").contains("\r\nETag: "));
    both(&site(), "/a.txt", &["--etag", "off"], &[("ETAG", "off")], |reply| {
        assert!(!reply.contains("\r\nETag: "), "{reply}");
    });
}

#[test]
fn http_1_0_is_answered_once_a_connection() {
    both(&site(), "/a.txt", &["-p", "HTTP/1.0"], &[("PROTOCOL", "HTTP/1.0")], |reply| {
        assert!(reply.starts_with("HTTP/1.0 200 OK\r\n"), "{reply}");
        assert!(reply.contains("\r\nConnection: close\r\n"), "{reply}");
    });
}

#[test]
fn a_directory_or_a_file_may_stand_beside_the_port_in_any_order() {
    let site = site();
    std::fs::create_dir(site.path().join("8000")).expect("a directory");
    std::fs::write(site.path().join("8000/c.txt"), "within").expect("a file");
    for arguments in [&["0", "./8000"][..], &["./8000", "0"], &["--port", "0", "./8000"]] {
        let serving = Serving::start(program(arguments).arg("-q").current_dir(site.path()));
        assert!(serving.get("/c.txt").ends_with("\r\n\r\nwithin"), "{arguments:?}");
    }
    let serving = Serving::start(program(&["a.txt", "0", "-q"]).current_dir(site.path()));
    assert!(serving.get("/").ends_with("\r\n\r\ntext"));
    assert!(serving.get("/start.html").starts_with("HTTP/1.1 404 "));
}

#[test]
fn what_is_typed_goes_before_variables() {
    let site = site();
    let serving =
        serve(&site, &["--cache-control", "max-age=1"], &[("CACHE_CONTROL", "max-age=2"), ("PORT", "1")]);
    assert!(serving.get("/a.txt").contains("max-age=1\r\n"));
}

/// A request by that name, as a browser makes it for a page of that host.
fn by_name(serving: &Serving, host: &str) -> String {
    let mut stream = serving.connect();
    write!(stream, "GET /a.txt HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("the request");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("the response");
    reply
}

#[test]
fn on_this_computer_only_its_own_names_are_answered() {
    let site = site();
    let serving = serve(&site, &[], &[]);
    for host in ["localhost", "127.0.0.1:8000", "[::1]", "a.localhost", "0.0.0.0:8000", "10.0.2.2:8000"] {
        assert!(by_name(&serving, host).starts_with("HTTP/1.1 200 "), "{host}");
    }
    assert!(by_name(&serving, "evil.example").starts_with("HTTP/1.1 421 "));
    for serving in [
        serve(&site, &["--allow-host", "a.example", "--allow-host", "b.example"], &[]),
        serve(&site, &[], &[("ALLOW_HOST", "a.example, b.example")]),
    ] {
        assert!(by_name(&serving, "b.example:1").starts_with("HTTP/1.1 200 "));
        assert!(by_name(&serving, "evil.example").starts_with("HTTP/1.1 421 "));
    }
}

#[test]
fn an_address_in_the_form_of_ipv6_is_the_same_address() {
    let site = site();
    let serving = serve(&site, &["--bind", "::ffff:127.0.0.1"], &[]);
    assert!(by_name(&serving, "localhost").starts_with("HTTP/1.1 200 "));
    assert!(by_name(&serving, "evil.example").starts_with("HTTP/1.1 421 "));
}

#[test]
fn open_to_the_network_any_name_is_answered_and_the_addresses_are_told() {
    let site = site();
    let mut command = program(&["0", "--host", "0.0.0.0"]);
    let serving = Serving::start(command.current_dir(site.path()));
    let port = serving.start_message.split(' ').nth(5).expect("a port").to_owned();
    assert_eq!(
        serving.start_message,
        format!("Serving HTTP on 0.0.0.0 port {port} (http://0.0.0.0:{port}/) ...\n")
    );
    assert!(by_name(&serving, "evil.example").starts_with("HTTP/1.1 200 "));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_listened_on() {
    use std::os::unix::net::UnixStream;

    let site = site();
    let path = site.path().join("socket");
    let bind = format!("unix:{}", path.display());
    let serving = Serving::start(program(&["--bind", &bind, "-q"]).current_dir(site.path()));
    assert_eq!(serving.start_message, format!("Serving HTTP on {bind} ...\n"));
    let mut stream = UnixStream::connect(&path).expect("it listens");
    stream.set_read_timeout(Some(crate::support::FAILSAFE)).expect("a timeout");
    stream.write_all(b"GET /a.txt HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n").expect("the request");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("the response");
    assert!(reply.ends_with("\r\n\r\ntext"), "{reply}");
}

#[cfg(unix)]
#[test]
fn the_log_goes_to_a_file_which_is_opened_anew_at_sighup() {
    use rustix::process::Signal;

    let (site, logs) = (site(), Directory::new());
    let (log, old) = (logs.path().join("access.log"), logs.path().join("old.log"));
    let path = log.to_str().expect("text");
    let serving = serve(&site, &["--log-file", path, "--log-format", "json"], &[]);
    let wait = |path: &std::path::Path, part: &str| {
        let begin = std::time::Instant::now();
        loop {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if text.contains(part) {
                return text;
            }
            assert!(begin.elapsed() < crate::support::FAILSAFE, "{part} is not in {text:?}");
            std::thread::yield_now();
        }
    };
    serving.get("/a.txt");
    let text = wait(&log, "\"target\":\"/a.txt\"");
    assert!(text.starts_with("{\"time\":") && text.ends_with("}\n"), "{text}");
    std::fs::rename(&log, &old).expect("the log is there");
    serving.signal(Signal::HUP);
    // Until the signal has arrived lines go to the old file.
    let begin = std::time::Instant::now();
    while !log.exists() {
        assert!(begin.elapsed() < crate::support::FAILSAFE, "the log was not opened anew");
        std::thread::yield_now();
    }
    serving.get("/b.unknown");
    wait(&log, "/b.unknown");
}

#[test]
fn completions_and_the_man_page_know_every_option() {
    let (code, man, errors) = crate::support::outcome(&["--man"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let (_, help, _) = crate::support::outcome(&["--help"]);
    let options: Vec<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
    assert!(options.len() > 20, "{options:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, completions, errors) = crate::support::outcome(&["--completions", shell]);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{shell}");
        for option in &options {
            let name = option.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            assert!(completions.contains(name), "{name} is not in the completions of {shell}");
            assert!(man.replace('\\', "").contains(name), "{name} is not in the man page");
        }
    }
}

#[test]
fn a_directory_can_be_set_by_its_variable() {
    let (a, b) = (Directory::new().with("a", "a"), Directory::new().with("b", "b"));
    let set = Serving::start(program(&["0"]).env("SERVE_FOREVER_DIRECTORY", a.path()));
    assert!(set.get("/a").starts_with("HTTP/1.1 200 "));
    // What is typed has precedence, by its place, too.
    let typed = Serving::start(program(&["0"]).arg(b.path()).env("SERVE_FOREVER_DIRECTORY", a.path()));
    assert!(typed.get("/b").starts_with("HTTP/1.1 200 "));
}
