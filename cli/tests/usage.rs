//! Arguments and what goes wrong before anything is served.

mod support;

use std::net::TcpListener;

use support::{Directory, Serving, outcome, program};

#[test]
fn help_is_on_standard_output() {
    for argument in ["--help", "-h"] {
        let (code, out, errors) = outcome(&[argument]);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{argument}");
        for part in ["Usage: serve-forever", "[PORT]", "--bind", "--directory", "--quiet", "8000"] {
            assert!(out.contains(part), "{part} is not in {out}");
        }
    }
}

#[test]
fn the_version_is_on_standard_output() {
    let (code, out, errors) = outcome(&["--version"]);
    let expected = concat!("serve-forever ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((code, out.as_str(), errors.as_str()), (Some(0), expected, ""));
}

#[test]
fn wrong_usage_ends_with_2_and_a_word_about_it() {
    for (arguments, about) in [
        (&["65536"][..], "65536"),
        (&["help"], "--help"),
        (&["share"], "./share"),
        (&["-p", "8080"], "`serve-forever 8080`"),
        (&["-p", "HTTP/2"], "HTTP/1.1 or HTTP/1.0"),
        (&["--cgi"], "no CGI"),
        (&["--tls-cert", "a.pem"], "HTTPS is not there yet"),
        (&["--tls-key", "a.pem", "--tls-cert", "a.pem"], "HTTPS is not there yet"),
        (&["-H", "Name"], "--header"),
        (&["-H", "Na me", "value", "0"], "Na me"),
        (&["--bind", "127.0.0.1:80"], "--bind 127.0.0.1 80"),
        (&["--bind", "unix:"], "unix:PATH"),
        (&["a", "b"], "'a'"),
        (&["a", "--directory", "b"], "twice"),
        (&["80", "--port", "81"], "twice"),
        (&["8000", "9000"], "'9000'"),
        (&["--no-such-option"], "'--no-such-option'"),
        (&["--bind"], "--bind"),
        (&["--bind", ""], "--bind"),
        (&["--directory"], "--directory"),
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
    let (code, out, errors) = outcome(&["0", "--directory", missing]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(errors.starts_with("error: ") && errors.contains(missing), "{errors}");
    assert!(errors.contains("--directory"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = other.local_addr().expect("an address");
    let (code, out, errors) = outcome(&[&address.port().to_string()]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(errors.starts_with(&format!("error: cannot listen on {address}: ")), "{errors}");
    assert!(errors.contains("such as `serve-forever "), "{errors}");
    if cfg!(target_os = "linux") {
        assert!(
            errors.contains(&format!("(process {}) has port {}", std::process::id(), address.port())),
            "{errors}"
        );
    }
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn an_address_of_another_computer_is_named() {
    // Reserved for documentation (RFC 5737), so nobody has it.
    let (code, _, errors) = outcome(&["0", "--bind", "192.0.2.1"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("192.0.2.1") && errors.contains("--bind"), "{errors}");
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
    let serving = Serving::start(program(&["0", "-d", other]).current_dir(here.path()));
    assert!(serving.get("/there.txt").ends_with("\r\n\r\nthere"));
    assert!(serving.get("/here.txt").starts_with("HTTP/1.1 404 "));
}
