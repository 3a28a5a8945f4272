//! The program while it serves, and its end.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

use crate::support::{Directory, Serving, program};

fn serve(directory: &Directory, arguments: &[&str]) -> Serving {
    let mut command = program(&["0"]);
    Serving::start(command.args(arguments).arg("-d").arg(directory.path()))
}

#[test]
fn the_start_message_is_pythons_and_leads_to_the_files() {
    let directory = Directory::new().with("a.txt", "text\n");
    let serving = serve(&directory, &[]);
    let port = serving.address().port();
    assert_ne!(port, 0);
    assert_eq!(
        serving.start_message,
        format!("Serving HTTP on 127.0.0.1 port {port} (http://127.0.0.1:{port}/) ...\n")
    );
    let response = serving.get("/a.txt");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\ntext\n"), "{response}");
}

#[test]
fn this_computer_is_reached_by_both_kinds_of_addresses() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return; // there is no IPv6 here
    }
    let directory = Directory::new();
    let serving = serve(&directory, &[]);
    let port = serving.address().port();
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("IPv4");
    TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("IPv6");
}

#[test]
fn an_ipv6_address_has_brackets_in_the_url() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return; // there is no IPv6 here
    }
    let directory = Directory::new().with("a.txt", "text\n");
    let serving = serve(&directory, &["--bind", "::1"]);
    let port = serving.address().port();
    assert_eq!(
        serving.start_message,
        format!("Serving HTTP on ::1 port {port} (http://[::1]:{port}/) ...\n")
    );
    assert!(serving.get("/a.txt").ends_with("text\n"));
}

#[test]
fn a_directory_is_listed() {
    let directory = Directory::new().with("a.txt", "");
    let response = serve(&directory, &[]).get("/");
    assert!(response.contains("<li><a href=\"a.txt\">a.txt</a> <"), "{response}");
}

#[cfg(unix)]
mod signals {
    use std::io::{Read, Write};
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::process::Signal;

    use super::*;
    use crate::support::tools::success;
    use crate::support::without_note;

    #[test]
    fn ctrl_c_says_so_and_ends_with_success() {
        let serving = serve(&Directory::new(), &[]);
        serving.signal(Signal::INT);
        let (status, out, errors) = serving.end();
        assert_eq!(status.code(), Some(0));
        assert_eq!(out, "\nKeyboard interrupt received, exiting.\n");
        assert_eq!(without_note(&errors), "");
    }

    /// As `nohup` and the background of a script start them.
    #[test]
    fn the_tests_pass_where_ctrl_c_is_ignored() {
        let tests = std::env::current_exe().expect("a path");
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(tests);
        command.args(["--exact", "serving::signals::ctrl_c_says_so_and_ends_with_success"]);
        let said = success(&mut command);
        assert!(said.contains("1 passed"), "{said}");
    }

    #[test]
    fn idle_connections_do_not_delay_the_end() {
        let directory = Directory::new().with("a.txt", "text\n");
        let serving = serve(&directory, &[]);
        let _silent = serving.connect();
        let mut kept = serving.connect();
        kept.write_all(b"GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the request");
        kept.read_exact(&mut [0]).expect("the response");
        let begin = Instant::now();
        serving.signal(Signal::INT);
        assert_eq!(serving.end().0.code(), Some(0));
        // The server gives up after ten seconds on what it has to wait for.
        assert!(begin.elapsed() < Duration::from_secs(5), "it took {:?}", begin.elapsed());
    }

    #[test]
    fn a_second_ctrl_c_ends_at_once() {
        // More than the sockets hold, so that the server cannot be done with it.
        let directory = Directory::new().with("large", vec![b'x'; 64 << 20]);
        let mut serving = serve(&directory, &[]);
        let mut slow = serving.connect();
        slow.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the request");
        slow.peek(&mut [0]).expect("the beginning of the response");
        serving.signal(Signal::INT);
        assert_eq!(serving.line(), "\n");
        assert_eq!(serving.line(), "Keyboard interrupt received, exiting.\n");
        // Long enough for a server that does not wait for its clients to be gone.
        thread::sleep(Duration::from_millis(300));
        assert!(serving.is_running(), "it does not wait for the download");
        serving.signal(Signal::INT);
        assert_eq!(serving.end().0.signal(), Some(Signal::INT.as_raw()));
    }

    #[test]
    fn sigterm_ends_silently() {
        let serving = serve(&Directory::new(), &[]);
        serving.signal(Signal::TERM);
        let (status, out, errors) = serving.end();
        assert_eq!((status.code(), out.as_str(), without_note(&errors)), (Some(0), "", ""));
    }

    #[test]
    #[cfg(target_os = "linux")] // elsewhere it cannot be told
    fn a_program_that_ignores_ctrl_c_from_the_start_goes_on_ignoring_it() {
        use std::process::Stdio;

        let directory = Directory::new().with("a.txt", "text\n");
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "trap '' INT; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_serve-forever"),
            "0",
            "-q",
            "-d",
        ]);
        command.arg(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let serving = Serving::start(&mut command);
        serving.signal(Signal::INT);
        assert!(serving.get("/a.txt").ends_with("text\n"));
        serving.signal(Signal::TERM);
        let (status, out, errors) = serving.end();
        assert_eq!((status.code(), out.as_str(), errors.as_str()), (Some(0), "", ""));
    }

    #[test]
    fn requests_are_logged_to_standard_error() {
        let directory = Directory::new().with("a.txt", "text\n");
        let serving = serve(&directory, &[]);
        serving.get("/a.txt");
        serving.get("/missing");
        serving.signal(Signal::TERM);
        let (_, out, errors) = serving.end();
        assert_eq!(out, "");
        let errors = without_note(&errors);
        assert_eq!(errors.lines().count(), 3, "{errors}");
        // In any order: each of the server's loops writes what it has collected.
        for part in [
            "\"GET /a.txt HTTP/1.1\" 200 ",
            "code 404, message File not found",
            "\"GET /missing HTTP/1.1\" 404 ",
        ] {
            let is_said =
                |line: &str| line.starts_with("127.0.0.1 - - [") && line.contains(&format!("] {part}"));
            assert!(errors.lines().any(is_said), "{part} is not in {errors}");
        }
    }

    #[test]
    fn quiet_is_quiet() {
        let directory = Directory::new().with("a.txt", "text\n");
        for option in ["-q", "--quiet"] {
            let serving = serve(&directory, &[option]);
            serving.get("/a.txt");
            serving.get("/missing");
            serving.signal(Signal::TERM);
            let (_, out, errors) = serving.end();
            assert_eq!((out.as_str(), errors.as_str()), ("", ""), "{option}");
        }
    }

    #[test]
    fn a_reader_that_has_gone_away_stops_nothing() {
        let directory = Directory::new().with("a.txt", "text\n");
        let mut serving = serve(&directory, &[]);
        serving.close_output();
        serving.get("/a.txt");
        serving.signal(Signal::INT);
        assert_eq!(serving.end().0.code(), Some(0));
    }
}
