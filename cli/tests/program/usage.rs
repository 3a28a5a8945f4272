//! Arguments and what goes wrong before anything is served.

use std::net::TcpListener;

use crate::support::{Directory, Serving, outcome, program};

/// All that is meant for use.
const OPTIONS: [&str; 24] = [
    "directory",
    "index",
    "hidden",
    "follow-symlinks",
    "no-listing",
    "port",
    "bind",
    "allow-host",
    "open",
    "header",
    "content-type",
    "cache-control",
    "etag",
    "protocol",
    "quiet",
    "log-format",
    "log-file",
    "stall-timeout",
    "max-unsent",
    "max-send-ahead",
    "color",
    "completions",
    "man",
    "help",
];

#[test]
fn help_is_on_standard_output_and_names_everything() {
    for argument in ["--help", "-h"] {
        let (code, out, errors) = outcome(&[argument]);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{argument}");
        for part in
            ["Usage: serve-forever", "[PORT]", "[PATH]", "8000", "--host", "SERVE_FOREVER_", "What is served"]
        {
            assert!(out.contains(part), "{part} is not in {out}");
        }
        for option in OPTIONS {
            assert!(out.contains(&format!("--{option}")), "--{option} is not in {out}");
        }
        assert!(!out.contains("--tls") && !out.contains("--cgi"), "{out}");
    }
}

#[test]
fn the_version_is_on_standard_output() {
    for argument in ["--version", "-V"] {
        let (code, out, errors) = outcome(&[argument]);
        let expected = concat!("serve-forever ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!((code, out.as_str(), errors.as_str()), (Some(0), expected, ""));
    }
}

#[test]
fn the_man_page_names_everything() {
    let (code, out, errors) = outcome(&["--man"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let page = out.replace('\\', "");
    for part in [".TH serve-forever 1", "[PORT] [PATH]", "SERVE_FOREVER_", "WHO CAN REACH IT"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    for option in OPTIONS {
        assert!(page.contains(&format!("--{option}")), "--{option} is not in {page}");
    }
}

#[test]
fn every_shell_completes_every_option() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, out, errors) = outcome(&["--completions", shell]);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{shell}");
        for option in OPTIONS {
            // fish has the dashes elsewhere.
            let named = if shell == "fish" { format!("-l {option} ") } else { format!("--{option}") };
            assert!(out.contains(&named), "{named} is not in what {shell} gets: {out}");
        }
    }
}

#[test]
fn wrong_usage_ends_with_2_and_a_word_about_it() {
    for (arguments, about) in [
        (&["65536"][..], "65536"),
        (&["-1"], "'-1'"),
        (&["8000", "9000"], "'9000'"),
        (&["a", "b"], "'a' and 'b'"),
        (&["a", "-d", "b"], "--directory"),
        (&["share"], "./share"),
        (&["help"], "--help"),
        (&["--no-such-option"], "'--no-such-option'"),
        (&["--bind"], "--bind"),
        (&["--bind", ""], "--bind"),
        (&["--bind", "0.0.0.0:80"], "--bind 0.0.0.0 80"),
        (&["--bind", "unix:"], "unix:PATH"),
        (&["--bind", "unix:a.sock", "--bind", "unix:a.sock"], "unix:a.sock is given twice"),
        (&["80", "--port", "81"], "twice"),
        (&["--directory"], "--directory"),
        (&["--port", "http"], "--port"),
        (&["-p", "8080"], "did you mean `serve-forever 8080`?"),
        (&["--protocol", "HTTP/2"], "HTTP/1.1"),
        (&["-H", "Name"], "--header"),
        (&["-H", "Content-Length", "1"], "Content-Length"),
        (&["-H", "a b", "1"], "a b"),
        (&["--header", "a", "1\n2"], "a"),
        (&["--index", "a/b.html"], "'a/b.html' is a path"),
        (&["--allow-host", "http://a.example"], "'http://a.example'"),
        (&["--allow-host", "*.example"], "'*.example'"),
        (&["--etag", "md5"], "size-and-time"),
        (&["--log-format", "xml"], "combined"),
        (&["--stall-timeout", "0"], "--stall-timeout"),
        (&["--stall-timeout", "1s"], "--stall-timeout"),
        (&["--max-unsent", "0"], "--max-unsent"),
        (&["--max-send-ahead", "1.5"], "--max-send-ahead"),
        (&["--color", "blue"], "always"),
        (&["--completions", "cmd"], "zsh"),
        (&["--cgi"], "CGI"),
        (&["--tls-cert", "a.pem"], "HTTPS is not there yet"),
        (&["--tls-key", "a.pem", "--tls-cert", "a.pem"], "HTTPS is not there yet"),
        (&["--tls-password-file", "a"], "HTTPS is not there yet"),
    ] {
        let (code, out, errors) = outcome(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(errors.starts_with("error: ") && errors.contains(about), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_named_with_what_to_do() {
    let directory = Directory::new();
    let missing = directory.path().join("missing");
    let missing = missing.to_str().expect("text");
    for arguments in [&["0", "--directory", missing][..], &["0", missing]] {
        let (code, out, errors) = outcome(arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(errors.starts_with("error: ") && errors.contains(missing), "{errors}");
        assert!(errors.contains("--directory"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
#[cfg(unix)]
fn what_is_neither_directory_nor_file_is_named() {
    let (code, _, errors) = outcome(&["0", "-d", "/dev/null"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("/dev/null") && errors.contains("--directory"), "{errors}");
}

#[test]
fn a_log_that_cannot_be_written_is_named() {
    let directory = Directory::new();
    let path = directory.path().join("missing").join("log");
    let path = path.to_str().expect("text");
    let (code, out, errors) = outcome(&["0", "--log-file", path]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(errors.contains(path) && errors.contains("--log-file"), "{errors}");
}

#[test]
fn a_port_in_use_is_named_with_who_has_it_and_what_to_do() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = other.local_addr().expect("an address");
    let (code, out, errors) = outcome(&[&address.port().to_string()]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(errors.starts_with(&format!("error: cannot listen on {address}: ")), "{errors}");
    if cfg!(target_os = "linux") {
        // It is us who have it.
        assert!(errors.contains(&format!("(process {}) has port", std::process::id())), "{errors}");
    }
    let (_, suggestion) = errors.split_once("such as ").expect("a suggestion");
    let suggestion: u16 = suggestion.trim_end().parse().expect("a port");
    assert!(suggestion > address.port(), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
#[cfg(unix)]
fn a_unix_socket_in_use_is_named() {
    let directory = Directory::new();
    // The path of a Unix socket must be short, so that it is given from its directory.
    let socket = directory.path().join("s");
    let _other = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let (code, _, errors) =
        crate::support::outcome_of(program(&["--bind", "unix:s"]).current_dir(directory.path()));
    assert_eq!(code, Some(1));
    assert!(errors.contains("Unix socket s") && errors.contains("--bind"), "{errors}");
}

#[test]
fn an_address_of_another_computer_is_named() {
    // Reserved for documentation (RFC 5737), so nobody has it.
    let (code, _, errors) = outcome(&["0", "--bind", "198.51.100.1"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("198.51.100.1") && errors.contains("--bind"), "{errors}");
}

#[test]
fn each_address_that_is_asked_for_must_be_there() {
    let missing = "198.51.100.1";
    for bind in [["127.0.0.1", missing], [missing, "localhost"]] {
        let (code, _, errors) = outcome(&["0", "--bind", bind[0], "--bind", bind[1]]);
        assert_eq!(code, Some(1));
        assert!(errors.contains("cannot listen on 198.51.100.1:"), "{errors}");
    }
}

#[test]
fn a_name_without_address_is_named() {
    let (code, _, errors) = outcome(&["0", "--bind", "no such name"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("no such name") && errors.contains("--bind"), "{errors}");
}

#[test]
fn the_current_directory_is_served_unless_another_is_named() {
    let (here, there) =
        (Directory::new().with("here.txt", "here"), Directory::new().with("there.txt", "there"));
    let serving = Serving::start(program(&["0"]).current_dir(here.path()));
    assert!(serving.get("/here.txt").ends_with("\r\n\r\nhere"));
    let other = there.path().to_str().expect("text");
    for arguments in [&["0", "-d", other][..], &["0", other], &[other, "0"]] {
        let serving = Serving::start(program(arguments).current_dir(here.path()));
        assert!(serving.get("/there.txt").ends_with("\r\n\r\nthere"));
        assert!(serving.get("/here.txt").starts_with("HTTP/1.1 404 "));
    }
}
