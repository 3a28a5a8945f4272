//! What each method gets from a handler that does not care about it (rules 10 and 82 to 85).

use crate::support::{OnlyGet, ReadOnly, answer, assert_error_page_that_goes_on, describe, reply, serve};
use serve_forever::{BaseHttpRequestHandler, Exchange, Result};

fn request(method: &str) -> String {
    format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn rule_10_a_standard_method_that_the_handler_lacks_is_answered_with_501() {
    let server = serve(|| OnlyGet);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        server.answers_with_error(request(method), 501);
    }
}

#[test]
fn rule_10_the_501_names_the_method() {
    let server = serve(|| OnlyGet);
    let response = server.response(request("FOO"));
    assert_error_page_that_goes_on(&response);
    assert_eq!(response.status_line(), "HTTP/1.1 501 Unsupported method ('FOO')");
    let page = response.text();
    assert!(page.contains("<title>Error response</title>"), "{page}");
    assert!(page.contains("<h1>Error response</h1>"), "{page}");
    assert!(page.contains("<p>Message: Unsupported method ('FOO').</p>"), "{page}");
    let explanation = "<p>Error code explanation: 501 - Server does not support this operation.</p>";
    assert!(page.contains(explanation), "{page}");
}

#[test]
fn rule_10_a_method_that_is_not_allowed_is_answered_with_405_and_those_that_are() {
    let server = serve(|| ReadOnly);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let response = server.response(request(method));
        assert_eq!(response.code(), 405, "{method}");
        assert_eq!(response.field("Allow").as_deref(), Some("GET, HEAD, OPTIONS"));
        assert_error_page_that_goes_on(&response);
    }
}

#[test]
fn rule_10_an_unknown_method_is_501_also_where_others_are_allowed() {
    let server = serve(|| ReadOnly);
    server.answers_with_error(request("FOO"), 501);
}

#[test]
fn rule_10_the_body_of_a_refused_method_is_never_run_as_a_request() {
    for server in [serve(|| OnlyGet), serve(|| ReadOnly)] {
        let mut client = server.connect();
        client
            .send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(matches!(client.response().code(), 405 | 501));
        client.send("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(client.response().text(), "got it\n");
        client.ends();
    }
}

struct Extension;

impl BaseHttpRequestHandler for Extension {
    fn do_other(&mut self, http: &mut Exchange) -> Result {
        reply(http, format!("{}!\n", http.command()))
    }
}

#[test]
fn rule_09_an_extension_method_reaches_the_handler() {
    let server = serve(|| Extension);
    for method in ["PROPFIND", "FOO", "get", "QUERY", "M-SEARCH"] {
        assert_eq!(server.body(request(method)), format!("{method}!\n"));
    }
}

#[test]
fn rule_82_get_and_head_need_one_method_of_the_handler() {
    let server = serve(|| OnlyGet);
    let mut client = server.connect();
    client.send(request("HEAD"));
    assert_eq!(
        client.response_to_head().all(),
        "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nContent-Length: 7\r\n\r\n"
    );
    client.send(request("GET"));
    client.expect("HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nContent-Length: 7\r\n\r\ngot it\n");
}

#[test]
fn rule_82_every_standard_method_has_its_own() {
    struct Each;
    impl BaseHttpRequestHandler for Each {
        fn do_get(&mut self, http: &mut Exchange) -> Result {
            reply(http, "get")
        }
        fn do_head(&mut self, http: &mut Exchange) -> Result {
            http.send_response(200).send_header("X", "head").end_headers()
        }
        fn do_post(&mut self, http: &mut Exchange) -> Result {
            reply(http, "post")
        }
        fn do_put(&mut self, http: &mut Exchange) -> Result {
            reply(http, "put")
        }
        fn do_delete(&mut self, http: &mut Exchange) -> Result {
            reply(http, "delete")
        }
        fn do_patch(&mut self, http: &mut Exchange) -> Result {
            reply(http, "patch")
        }
        fn do_options(&mut self, http: &mut Exchange) -> Result {
            reply(http, "options")
        }
        fn do_trace(&mut self, http: &mut Exchange) -> Result {
            reply(http, "trace")
        }
    }
    let server = serve(|| Each);
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        assert_eq!(server.body(request(method)), method.to_ascii_lowercase());
    }
    let mut client = server.connect();
    client.send(request("HEAD"));
    assert_eq!(client.response_to_head().field("X").as_deref(), Some("head"));
}

#[test]
fn rule_84_options_says_what_is_allowed() {
    let server = serve(|| ReadOnly);
    let mut client = server.connect();
    for target in ["/", "/any/path", "*"] {
        client.send(format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = client.response();
        assert!(matches!(response.code(), 200 | 204), "{}", response.all());
        assert_eq!(response.field("Allow").as_deref(), Some("GET, HEAD, OPTIONS"));
        assert_eq!(response.text(), "");
    }
}

#[test]
fn rule_85_trace_reflects_nothing() {
    let trace = "TRACE / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n";
    for (server, code) in [(serve(|| OnlyGet), 501), (serve(|| ReadOnly), 405)] {
        let response = server.response(trace);
        assert_eq!(response.code(), code);
        assert!(!response.all().contains("secret"), "{}", response.all());
    }
}

#[test]
fn rule_82_a_handler_may_treat_all_methods_alike() {
    let server = serve(answer(describe));
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "LOCK"] {
        assert_eq!(server.body(request(method)), format!("{method} / host=a body=\n"));
    }
}
