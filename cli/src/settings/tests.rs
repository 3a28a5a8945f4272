//! From command lines to what they mean.

use super::*;

/// The outcome of a command line; an error of either step as its text.
fn settings(line: &[&str]) -> Result<Settings, String> {
    let whole = std::iter::once("serve-forever").chain(line.iter().copied()).map(OsString::from);
    let arguments = Arguments::read(whole).map_err(|error| {
        assert_eq!(error.exit_code(), 2, "{error}");
        error.to_string()
    })?;
    Settings::new(arguments, &Terminal { is_there: true, no_color: false, is_dumb: false })
}

fn given(line: &[&str]) -> Settings {
    settings(line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

fn wrong(line: &[&str]) -> String {
    settings(line).expect_err("it is wrong usage")
}

fn addresses(line: &[&str]) -> Vec<SocketAddr> {
    given(line).addresses().expect("addresses, not names").all()
}

fn parsed(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|address| address.parse().expect("an address")).collect()
}

#[test]
fn nothing_has_to_be_given() {
    let settings = given(&[]);
    assert_eq!(settings.site.path, PathBuf::from("."));
    assert_eq!(settings.site.protocol, "HTTP/1.1");
    assert!(settings.site.listing && !settings.site.hidden && !settings.site.follow_symlinks);
    assert!(!settings.quiet && !settings.open);
    assert_eq!(settings.listen, Listen::ThisComputer);
    assert_eq!(settings.addresses().unwrap().all(), parsed(&["127.0.0.1:8000", "[::1]:8000"]));
}

#[test]
fn pythons_arguments_mean_what_they_mean_there() {
    for line in [
        &["80", "-b", "0.0.0.0", "-d", "site", "-p", "HTTP/1.0"][..],
        &["--directory=site", "--protocol", "HTTP/1.0", "--bind", "0.0.0.0", "80"],
        &["--bind=0.0.0.0", "-dsite", "-pHTTP/1.0", "80"],
    ] {
        let settings = given(line);
        assert_eq!(settings.addresses().unwrap().all(), parsed(&["0.0.0.0:80"]), "{line:?}");
        assert_eq!(settings.site.path, PathBuf::from("site"));
        assert_eq!(settings.site.protocol, "HTTP/1.0");
    }
    let settings = given(&["-H", "A", "1", "--header", "B", "-2 3", "8000", "--content-type", "text/plain"]);
    assert_eq!(settings.site.headers, [("A".into(), "1".into()), ("B".into(), "-2 3".into())]);
    assert_eq!(settings.site.content_type.as_deref(), Some("text/plain"));
}

#[test]
fn limits_of_slow_clients_are_the_librarys_unless_they_are_given() {
    assert_eq!(given(&[]).limits, LimitSettings::default());
    let line = ["--stall-timeout", "60", "--max-unsent=4096", "--max-send-ahead", "64"];
    let limits = LimitSettings {
        stall_timeout: Some(Duration::from_secs(60)),
        max_unsent: Some(4 << 30),
        max_send_ahead: Some(64 << 10),
    };
    assert_eq!(given(&line).limits, limits);
}

#[test]
fn a_port_and_a_path_come_in_any_order() {
    for line in [
        &["9000", "site"][..],
        &["site", "9000"],
        &["site", "-q", "9000"],
        &["9000", "-q", "--", "site"],
        &["--port", "9000", "site"],
        &["--port=9000", "-d", "site"],
        &["-d", "site", "9000"],
    ] {
        let settings = given(line);
        assert_eq!((settings.port, settings.site.path), (9000, PathBuf::from("site")), "{line:?}");
    }
    assert_eq!(given(&["./9000"]).site.path, PathBuf::from("./9000"));
    assert_eq!(given(&["./9000"]).port, 8000);
    assert_eq!(given(&["report.pdf"]).site.path, PathBuf::from("report.pdf"));
    assert_eq!(given(&["--", "-odd"]).site.path, PathBuf::from("-odd"));
}

#[test]
fn what_is_given_twice_is_wrong() {
    assert!(wrong(&["1", "2"]).contains("'2'"));
    assert!(wrong(&["a", "b"]).contains("'a' and 'b'"));
    assert!(wrong(&["8000", "--port", "8001"]).contains("port is given twice"));
    assert!(wrong(&["a", "-d", "b"]).contains("directory is given twice"));
    assert!(wrong(&["1", "a", "b"]).contains("'b'"));
}

#[test]
fn a_port_is_a_number_that_fits() {
    assert_eq!(given(&["0"]).port, 0);
    assert_eq!(given(&["65535"]).port, 65535);
    assert!(wrong(&["65536"]).contains("./65536"));
    assert!(wrong(&["--port", "65536"]).contains("65536"));
    assert!(wrong(&["--port", "http"]).contains("http"));
    assert!(wrong(&["-1"]).contains("-1"));
}

#[test]
fn names_of_commands_are_kept_free() {
    for name in ["share", "check", "explain", "precompress", "serve"] {
        let message = wrong(&[name]);
        assert!(message.contains("command to come") && message.contains(&format!("./{name}")), "{message}");
        assert_eq!(given(&[&format!("./{name}")]).site.path, PathBuf::from(format!("./{name}")));
        assert_eq!(given(&["-d", name]).site.path, PathBuf::from(name));
    }
    for name in ["help", "version", "completions", "man"] {
        assert!(wrong(&[name]).contains(&format!("--{name}")), "{name}");
    }
}

#[test]
fn several_addresses_and_unix_sockets_can_be_bound() {
    let line = ["-b", "127.0.0.1", "--host", "[::1]", "--bind", "10.0.0.1", "80"];
    assert_eq!(addresses(&line), parsed(&["127.0.0.1:80", "[::1]:80", "10.0.0.1:80"]));
    assert_eq!(addresses(&["-b", "::1", "80"]), parsed(&["[::1]:80"]));
    if cfg!(unix) {
        let settings = given(&["--bind", "unix:/run/a,b.sock"]);
        assert_eq!(settings.unix_sockets(), [PathBuf::from("/run/a,b.sock")]);
        assert_eq!(settings.addresses().unwrap().all(), []);
        assert!(wrong(&["--bind", "unix:"]).contains("unix:PATH"));
        assert!(wrong(&["--open", "--bind", "unix:a"]).contains("--open"));
    }
    assert!(wrong(&["--bind", "0.0.0.0:9000"]).contains("`serve-forever --bind 0.0.0.0 9000`"));
    assert!(wrong(&["--bind", ""]).contains("--bind"));
}

#[test]
fn what_is_not_there_explains_itself() {
    for line in [&["--tls-cert", "c"][..], &["--tls-key", "k"], &["--tls-password-file", "p"]] {
        let message = wrong(line);
        assert!(message.contains("HTTPS is not there yet") && message.contains("proxy"), "{message}");
    }
    assert!(wrong(&["--cgi"]).contains("CGI"));
    assert!(wrong(&["-p", "8080"]).contains("did you mean `serve-forever 8080`?"));
    for version in ["HTTP/2", "http/1.1", "", "FOO"] {
        assert!(wrong(&["-p", version]).contains("HTTP/1.1 or HTTP/1.0"), "{version}");
    }
    assert!(wrong(&["-H", "A"]).contains("--header"));
}

#[test]
fn only_who_cannot_be_reached_looks_at_hosts_unasked() {
    let hosts = |line: &[&str]| {
        let settings = given(line);
        settings.hosts(&settings.addresses().unwrap().all()).map(<[String]>::to_vec)
    };
    assert_eq!(hosts(&[]), Some(vec![]));
    assert_eq!(hosts(&["-b", "127.0.0.1"]), Some(vec![]));
    assert_eq!(hosts(&["-b", "127.5.5.5", "-b", "::1"]), Some(vec![]));
    assert_eq!(hosts(&["--allow-host", "a.example"]), Some(vec!["a.example".to_owned()]));
    for open in [&["-b", "0.0.0.0"][..], &["-b", "::"], &["-b", "127.0.0.1", "-b", "10.0.0.1"]] {
        assert_eq!(hosts(open), None, "{open:?}");
    }
    assert_eq!(hosts(&["-b", "::", "--allow-host", "a"]), Some(vec!["a".to_owned()]));
    if cfg!(unix) {
        // Whoever asks there is a proxy, which knows what it may be called.
        assert_eq!(hosts(&["-b", "unix:a"]), None);
    }
}

#[test]
fn files_have_no_colours() {
    assert!(given(&[]).log.colors);
    assert!(!given(&["--color", "never"]).log.colors);
    assert!(!given(&["--log-file", "x"]).log.colors);
}

#[test]
fn the_way_to_the_network_repeats_what_was_typed() {
    let command = |line: &[&str], port| given(line).opening.command(port);
    assert_eq!(command(&[], 8000), "serve-forever --bind 0.0.0.0 8000");
    assert_eq!(command(&["9000"], 9000), "serve-forever --bind 0.0.0.0 9000");
    assert_eq!(
        command(&["-H", "A", "it's 1", "my site"], 8000),
        r"serve-forever --bind 0.0.0.0 -H A 'it'\''s 1' 'my site' 8000"
    );
}

#[test]
fn the_variable_for_headers_has_one_on_each_line() {
    let text = OsString::from("A: 1\n\n  B :x: y \n");
    assert_eq!(
        headers(vec![], Some(&text)).unwrap(),
        [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x: y".to_owned())]
    );
    assert!(headers(vec![], Some(OsStr::new("no colon"))).unwrap_err().contains("SERVE_FOREVER_HEADER"));
}
