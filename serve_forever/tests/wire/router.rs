//! Routes over the wire.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::{env, fs, process};

use crate::support::program::Example;
use crate::support::{Response, assert_error_page_that_goes_on, serve};
use proptest::prelude::*;
use serve_forever::{
    AccessLog, BaseHttpRequestHandler, Exchange, HttpServer, Result, Router, SimpleHttpRequestHandler,
    StatusError, testing,
};

fn ask(router: &Router, request: &str) -> Response {
    let router = router.clone();
    let server = serve(move || router.clone());
    server.response(request)
}

fn get(router: &Router, path: &str) -> Response {
    ask(router, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

/// Answers with its name, the parameters `a` and `rest`, and where it believes to be.
fn named(name: &'static str) -> impl Fn(&mut Exchange) -> Result + Send + Sync + 'static {
    move |http| {
        let (a, rest) = (http.param("a").unwrap_or("-"), http.param("rest").unwrap_or("-"));
        let text = format!("{name} a={a} rest={rest} at {}|{}", http.mount_path(), http.path());
        http.reply_text(200, text)
    }
}

#[test]
fn paths_lead_to_the_most_precise_route() {
    let router = Router::new()
        .get("/{*rest}", named("all"))
        .get("/tea/{a}", named("one"))
        .get("/tea/green", named("green"))
        .get("/", named("root"));
    for (path, text) in [
        ("/", "root a=- rest=- at |/"),
        ("/?q=/tea/green", "root a=- rest=- at |/?q=/tea/green"),
        ("/tea/green", "green a=- rest=- at |/tea/green"),
        ("/tea/mint?x", "one a=mint rest=- at |/tea/mint?x"),
        ("/tea/a%2Fb", "one a=a/b rest=- at |/tea/a%2Fb"),
        ("/tea/%C3%A9", "one a=é rest=- at |/tea/%C3%A9"),
        ("/x/y%20z", "all a=- rest=x/y z at |/x/y%20z"),
    ] {
        assert_eq!(get(&router, path).text(), text, "{path}");
    }
    let (malformed, not_text) = (
        "The path has a percent sign that is not followed by two hexadecimal digits",
        "The path is not UTF-8 once it is decoded",
    );
    for (path, told) in [
        ("/tea/%", malformed),
        ("/tea/%4", malformed),
        ("/tea/%zz", malformed),
        ("/x/y%zz/z", malformed),
        ("/tea/%ff", not_text),
        ("/x/%c3", not_text),
    ] {
        let refused = get(&router, path);
        assert_eq!(refused.code(), 400, "{path}");
        assert!(refused.text().contains(&format!("400 - {told}.")), "{}", refused.text());
    }
    assert_eq!(get(&router, "/tea/green?%zz").text(), "green a=- rest=- at |/tea/green?%zz");
}

#[test]
fn methods_that_a_path_does_not_have_are_told_which_it_has() {
    let router = Router::new().get("/tea", named("get")).post("/tea", named("post")).route(
        "BREW",
        "/pot",
        named("brew"),
    );
    let request =
        |method: &str, path: &str| ask(&router, &format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert!(request("POST", "/tea").text().starts_with("post "));
    assert!(request("BREW", "/pot").text().starts_with("brew "));
    let refused = request("DELETE", "/tea");
    assert_error_page_that_goes_on(&refused);
    assert_eq!((refused.code(), refused.field("Allow").as_deref()), (405, Some("GET, POST, HEAD, OPTIONS")));
    let refused = request("GET", "/pot");
    assert_eq!((refused.code(), refused.field("Allow").as_deref()), (405, Some("BREW, OPTIONS")));
    let options = request("OPTIONS", "/tea");
    assert_eq!((options.code(), options.field("Allow").as_deref()), (200, Some("GET, POST, HEAD, OPTIONS")));
    assert_eq!(request("OPTIONS", "*").code(), 200);
    assert_eq!(request("GET", "/coffee").code(), 404);
    let inner = router.clone();
    let server = serve(move || inner.clone());
    let mut client = server.connect();
    client.send("HEAD /tea HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.response_to_head();
    assert_eq!((head.code(), head.field("Content-Length").as_deref()), (200, Some("23")));
}

#[test]
fn a_handler_may_have_a_path_for_itself() {
    struct Pot;
    impl BaseHttpRequestHandler for Pot {
        fn do_get(&mut self, http: &mut Exchange) -> Result {
            http.reply_text(200, "full")
        }
    }
    let router = Router::new().handle("/pot", || Pot);
    assert_eq!(get(&router, "/pot").text(), "full");
    assert_eq!(ask(&router, "PUT /pot HTTP/1.1\r\nHost: a\r\n\r\n").code(), 501);
}

#[test]
fn routers_within_routers_see_what_is_left_of_the_path() {
    let innermost = Router::new().get("/{a}", named("innermost")).fallback(named("else"));
    let inner = Router::new().get("/", named("inner")).nest("/deep/", innermost);
    let router = Router::new().nest("/api", inner).fallback(named("outside"));
    for (path, text) in [
        ("/api", "inner a=- rest=- at /api|"),
        ("/api/", "inner a=- rest=- at /api|/"),
        ("/api/deep/x?q", "innermost a=x rest=- at /api/deep|/x?q"),
        ("/api/deep/x/y", "else a=- rest=- at /api/deep|/x/y"),
        ("/apis", "outside a=- rest=- at |/apis"),
    ] {
        assert_eq!(get(&router, path).text(), text, "{path}");
    }
    assert_eq!(get(&router, "/api/absent").code(), 404);
}

#[test]
fn directories_are_served_below_a_prefix() {
    let folder = env::temp_dir().join(format!("serve-forever-router-{}", process::id()));
    fs::create_dir_all(folder.join("in")).expect("a folder");
    fs::write(folder.join("a.txt"), "text").expect("a file");
    fs::write(folder.join("in/b.txt"), "inner").expect("a file");
    let files = SimpleHttpRequestHandler::builder().directory(&folder).build().expect("it is there");
    let router =
        Router::new().mount("/files", files.clone()).nest("/deep", Router::new().mount("/er/", files));
    for prefix in ["/files", "/deep/er"] {
        let get = |path: &str| get(&router, &format!("{prefix}{path}"));
        assert_eq!(get("/a.txt").text(), "text");
        assert_eq!(get("/in/b.txt").text(), "inner");
        for (path, location) in [("?q=1", "/?q=1"), ("/in?q", "/in/?q")] {
            let response = get(path);
            assert_eq!(response.code(), 301);
            assert_eq!(response.field("Location"), Some(format!("{prefix}{location}")));
        }
        let listing = get("/").text();
        assert!(
            listing.contains("href=\"a.txt\"") && listing.contains(&format!("for {prefix}/<")),
            "{listing}"
        );
        for path in ["/%zz", "/in/%", "/a.txt%4"] {
            assert_eq!(get(path).code(), 400, "{path}");
        }
        for path in ["/a.txt/.", "/a.txt/x/.."] {
            assert_eq!(get(path).code(), 404, "{path}");
        }
        assert_eq!(get("/in/.").field("Location"), Some(format!("{prefix}/in/./")));
        for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/absent"] {
            assert_eq!(get(path).code(), 404, "{path}");
        }
        let refused = ask(&router, &format!("DELETE {prefix}/a.txt HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((refused.code(), refused.field("Allow").as_deref()), (405, Some("GET, HEAD, OPTIONS")));
    }
    fs::remove_dir_all(&folder).expect("it is there");
}

#[test]
fn hooks_run_around_whatever_answers() {
    let router = Router::new()
        .before(|http| http.add_header("X-Always", "yes"))
        .before(|http| match http.query() {
            Some("answer") => http.reply_text(200, "from the hook"),
            Some("refuse") => Err(StatusError::new(403).into()),
            _ => Ok(()),
        })
        .get("/", named("root"))
        .get("/fails", |_| Err("it fails".into()))
        .after(|http, outcome| {
            let note = format!("{:?} {}", http.response_status(), outcome.is_ok());
            http.server().state::<Mutex<Vec<String>>>().lock().expect("nobody panicked").push(note);
        });
    let server =
        HttpServer::builder(router).access_log(AccessLog::off()).bind(("127.0.0.1", 0)).expect("a port");
    for (path, code) in [("/", 200), ("/?answer", 200), ("/?refuse", 403), ("/fails", 500), ("/absent", 404)]
    {
        let mut client = crate::support::Client::connect(server.server_addresses()[0]);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        client.half_close();
        assert!(server.handle_request().expect("it serves"));
        let response = client.response();
        assert_eq!((response.code(), response.field("X-Always").as_deref()), (code, Some("yes")), "{path}");
    }
    let notes = server.handle().state::<Mutex<Vec<String>>>();
    let notes = notes.lock().expect("nobody panicked");
    assert_eq!(*notes, ["Some(200) true", "Some(200) true", "None false", "None false", "Some(404) true"]);
}

/// What is below a prefix is the mounted handler's affair, also an escape that is no text.
#[test]
fn a_mounted_directory_serves_names_that_are_no_text() {
    let folder = Folder::new("names");
    fs::write(folder.0.join("100%"), "percent").expect("a file");
    let router = Router::new().mount("/files", folder.handler());
    assert_eq!(get(&router, "/files/100%25").text(), "percent");
    assert_eq!(get(&router, "/files/100%").code(), 400);
    assert_eq!(get(&router, "/files/%ff").code(), 404);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        fs::write(folder.0.join(std::ffi::OsStr::from_bytes(b"\xff")), "bytes").expect("a file");
        assert_eq!(get(&router, "/files/%ff").text(), "bytes");
    }
}

#[test]
fn prefixes_add_no_parameter() {
    let inner = Router::new().get("/x", named("inner"));
    let router = Router::new().nest("/api", inner).mount("/all", || Named);
    assert_eq!(get(&router, "/api/x").text(), "inner a=- rest=- at /api|/x");
    assert_eq!(get(&router, "/all/%ff").text(), "mounted a=- rest=- at /all|/%ff");
}

/// Else the relative links of the page would go astray.
#[test]
fn a_directory_that_is_all_of_a_nested_router_is_redirected_to_the_slash() {
    let folder = Folder::new("nested");
    let router = Router::new().nest("/files", Router::new().mount("/", folder.handler()));
    let response = get(&router, "/files?q");
    assert_eq!((response.code(), response.field("Location").as_deref()), (301, Some("/files/?q")));
    assert_eq!(get(&router, "/files/").code(), 200);
    // Nothing is to be added to the path of an origin.
    let top = Router::new().mount("/", folder.handler());
    for target in ["http://a", "http://a/", "http://a?q", "/"] {
        assert_eq!(ask(&top, &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).code(), 200, "{target}");
    }
}

/// As in a handler that forgets it, the server ends the head; nobody is let in.
#[test]
fn a_hook_that_forgets_to_end_its_head_has_answered() {
    let router = Router::new()
        .before(|http| {
            http.send_response(403).send_header("X-From", "hook");
            Ok(())
        })
        .get("/", |_| panic!("it was let in"));
    let response = get(&router, "/");
    assert_eq!((response.code(), response.field("X-From").as_deref()), (403, Some("hook")));
}

#[test]
fn a_hook_that_sends_an_interim_response_has_not_answered() {
    let router = Router::new()
        .before(|http| http.send_response(103).send_header("Link", "</a.css>").end_headers())
        .get("/", named("root"));
    let server = serve(move || router.clone());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().code(), 103);
    assert_eq!(client.response().text(), "root a=- rest=- at |/");
}

/// Says that it may block, as handlers do that say nothing.
struct Named;

impl BaseHttpRequestHandler for Named {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        named("mounted")(http)
    }
}

/// An empty folder that goes when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("serve-forever-router-{}-{name}", process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn handler(&self) -> SimpleHttpRequestHandler {
        SimpleHttpRequestHandler::builder().directory(&self.0).build().expect("it is there")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_wrong_route_shows_when_the_program_starts() {
    let panics = |build: fn() -> Router| std::panic::catch_unwind(build).is_err();
    assert!(panics(|| Router::new().get("/a", named("1")).get("/a", named("2"))));
    assert!(panics(|| Router::new().get("/{a}", named("1")).get("/{b}", named("2"))));
    assert!(panics(|| Router::new().get("/{", named("1"))));
    assert!(panics(|| Router::new().get("/{a}/x", named("1")).get("/{*rest}", named("2"))));
    assert!(panics(|| Router::new().nest("/{a}", Router::new())));
    assert!(panics(|| Router::new().nest("a", Router::new())));
    assert!(panics(|| Router::new().get("a", named("1"))));
    assert!(panics(|| Router::new().handle("", || Named)));
    assert!(!panics(|| Router::new().get("/a", named("1")).post("/a", named("2"))));
}

#[test]
fn the_example_routes() {
    let example = Example::start("router");
    let ask = |request: &str| example.ask(request);
    let added = ask("POST /notes HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea");
    assert_eq!((added.code(), added.field("Location").as_deref()), (303, Some("/notes/0")));
    let note = ask("GET /notes/0 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        (note.text().as_str(), note.field("X-Content-Type-Options").as_deref()),
        ("tea", Some("nosniff"))
    );
    assert_eq!(ask("GET /notes/x HTTP/1.1\r\nHost: a\r\n\r\n").code(), 404);
    let refused = ask("DELETE /admin/notes HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((refused.code(), refused.field("WWW-Authenticate").as_deref()), (401, Some("Bearer")));
    let cleared = ask("DELETE /admin/notes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer teapot\r\n\r\n");
    assert_eq!(cleared.code(), 204);
    assert_eq!(ask("GET /notes HTTP/1.1\r\nHost: a\r\n\r\n").text(), "");
    assert!(ask("GET /files/ HTTP/1.1\r\nHost: a\r\n\r\n").text().contains("Directory listing for /files/"));
}

proptest! {
    /// A segment that is written out before a parameter, that before all that is left; segment by
    /// segment.
    #[test]
    fn the_route_is_the_one_that_a_naive_matcher_finds(
        routes in proptest::collection::btree_set("(/(a|ab|b|\\{x\\})){0,3}/(|a|ba|\\{x\\}|\\{\\*rest\\})", 1..8),
        path in "/(a|ab|ba|c)?(/(|a|ab|b|c)){0,3}",
    ) {
        let mut kept: Vec<String> = Vec::new();
        for route in routes {
            if !kept.iter().any(|other| conflict(other, &route)) {
                kept.push(route);
            }
        }
        let (routes, mut router) = (kept, Router::new());
        // The second method is added to a route that is there already.
        for (method, routes) in [("GET", routes.iter().collect()), ("POST", routes.iter().rev().collect::<Vec<_>>())] {
            for route in routes {
                let text = format!("{method} {route}");
                router = router.route(method, route, move |http| {
                    let (x, rest) = (http.param("x").unwrap_or("-"), http.param("rest").unwrap_or("-"));
                    http.reply_text(200, format!("{text} {x} {rest}"))
                });
            }
        }
        // Leading slashes are collapsed to one before any route is looked for.
        let path = format!("/{}", path.trim_start_matches('/'));
        let expected = routes.iter().filter_map(|route| naive(route, &path).map(|fit| (fit, route))).min();
        for method in ["GET", "POST"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
            let answer = testing::respond(router.clone(), request);
            let answer = String::from_utf8(answer).expect("text");
            match &expected {
                Some((Fit { x, rest, .. }, route)) => prop_assert!(
                    answer.ends_with(&format!("\r\n\r\n{method} {route} {x} {rest}")), "{path} is for {route}: {answer}"
                ),
                None => prop_assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}"),
            }
        }
    }
}

/// Whether one has a parameter for a segment where the other has one for all that is left.
fn conflict(one: &str, other: &str) -> bool {
    let first_difference = one.split('/').zip(other.split('/')).find(|(one, other)| one != other);
    matches!(first_difference, Some(("{x}", "{*rest}") | ("{*rest}", "{x}")))
}

/// How a route fits a path; the least fits best.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    vagueness: Vec<u8>,
    /// The last one, as parameters of that name may be repeated here.
    x: String,
    rest: String,
}

fn naive(route: &str, path: &str) -> Option<Fit> {
    let mut fit = Fit { vagueness: Vec::new(), x: "-".into(), rest: "-".into() };
    let mut left: Vec<&str> = path.split('/').collect();
    for segment in route.split('/') {
        if segment == "{*rest}" {
            fit.rest = left.join("/");
            fit.vagueness.push(2);
            return (!fit.rest.is_empty()).then_some(fit);
        }
        if left.is_empty() {
            return None;
        }
        let part = left.remove(0);
        if segment == "{x}" && !part.is_empty() {
            fit.x = part.into();
            fit.vagueness.push(1);
        } else if segment == part {
            fit.vagueness.push(0);
        } else {
            return None;
        }
    }
    left.is_empty().then_some(fit)
}

#[test]
fn of_parameters_one_of_which_is_nonsense_none_is_there() {
    let seen = Arc::new(Mutex::new(None));
    let inner = Arc::clone(&seen);
    let router =
        Router::new().get("/{pot}/{cup}", |http| http.reply_text(200, "tea")).after(move |http, _| {
            *inner.lock().expect("nobody panics") = Some(http.param("pot").map(str::to_owned));
        });
    let answer = testing::respond(router, "GET /a/%zz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(*seen.lock().expect("nobody panics"), Some(None));
}
