//! Routes over the wire.

mod support;

use std::fs;

use proptest::prelude::*;
use serve_forever::{
    AccessLog, BaseHttpRequestHandler, Exchange, HttpServer, Result, Router, SimpleHttpRequestHandler,
    StatusError, testing,
};
use support::program::Example;
use support::{Response, assert_error_page, serve};

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
    for path in ["/tea/%", "/tea/%4", "/tea/%zz", "/tea/%ff", "/x/%c3"] {
        assert_eq!(get(&router, path).code(), 400, "{path}");
    }
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
    assert_error_page(&refused);
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
        ("/api/deep/x?q", "innermost a=x rest=x at /api/deep|/x?q"),
        ("/api/deep/x/y", "else a=- rest=x/y at /api/deep|/x/y"),
        ("/apis", "outside a=- rest=- at |/apis"),
    ] {
        assert_eq!(get(&router, path).text(), text, "{path}");
    }
    assert_eq!(get(&router, "/api/absent").code(), 404);
}

#[test]
fn directories_are_served_below_a_prefix() {
    let folder = std::env::temp_dir().join(format!("serve-forever-router-{}", std::process::id()));
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
            http.server()
                .state::<std::sync::Mutex<Vec<String>>>()
                .lock()
                .expect("nobody panicked")
                .push(note);
        });
    let server =
        HttpServer::builder(router).access_log(AccessLog::off()).bind(("127.0.0.1", 0)).expect("a port");
    for (path, code) in [("/", 200), ("/?answer", 200), ("/?refuse", 403), ("/fails", 500), ("/absent", 404)]
    {
        let mut client = support::Client::connect(server.server_addresses()[0]);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        client.half_close();
        assert!(server.handle_request().expect("it serves"));
        let response = client.response();
        assert_eq!((response.code(), response.field("X-Always").as_deref()), (code, Some("yes")), "{path}");
    }
    let notes = server.handle().state::<std::sync::Mutex<Vec<String>>>();
    let notes = notes.lock().expect("nobody panicked");
    assert_eq!(*notes, ["Some(200) true", "Some(200) true", "None false", "None false", "Some(404) true"]);
}

#[test]
fn a_wrong_route_shows_when_the_program_starts() {
    let panics = |build: fn() -> Router| std::panic::catch_unwind(build).is_err();
    assert!(panics(|| Router::new().get("/a", named("1")).get("/a", named("2"))));
    assert!(panics(|| Router::new().get("/{a}", named("1")).get("/{b}", named("2"))));
    assert!(panics(|| Router::new().get("/{", named("1"))));
    assert!(panics(|| Router::new().nest("/{a}", Router::new())));
    assert!(panics(|| Router::new().nest("a", Router::new())));
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
    /// Static segments before parameters, as a naive matcher finds.
    #[test]
    fn the_route_is_the_one_that_a_naive_matcher_finds(
        routes in proptest::collection::btree_set("(/(a|b|\\{x\\})){1,3}", 1..6),
        path in "(/(a|b|c)){1,3}",
    ) {
        let mut router = Router::new();
        for route in &routes {
            let name = route.clone();
            router = router.get(route, move |http| http.reply_text(200, &name));
        }
        let fits = |route: &str| {
            let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
            route.len() == path.len() && route.iter().zip(&path).all(|(own, part)| own == part || *own == "{x}")
        };
        // The one whose first difference is a static segment.
        let rank = |route: &&String| route.split('/').map(|part| part == "{x}").collect::<Vec<_>>();
        let expected = routes.iter().filter(|route| fits(route)).min_by_key(rank);
        let answer = testing::respond(router, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = String::from_utf8(answer).expect("text");
        match expected {
            Some(route) => prop_assert!(answer.ends_with(&format!("\r\n\r\n{route}")), "{route}: {answer}"),
            None => prop_assert!(answer.starts_with("HTTP/1.1 404 ")),
        }
    }
}
