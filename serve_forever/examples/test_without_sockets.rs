//! Tests a handler without a server: bytes in, bytes out.
//!
//! `cargo test --example test_without_sockets` runs the tests below.

use serve_forever::{Exchange, Result, Router, StatusError, testing};

fn double(http: &mut Exchange) -> Result {
    let number: u32 = http
        .param("number")
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| StatusError::new(400).explain("That is not a number"))?;
    http.reply_text(200, (2 * u64::from(number)).to_string())
}

fn router() -> Router {
    Router::new().get("/double/{number}", double)
}

/// Returns the status line and the body of the answer to a request for `path`.
fn ask(path: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = String::from_utf8_lossy(&testing::respond(router(), request)).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

fn main() {
    for path in ["/double/21", "/double/trouble"] {
        println!("{path}: {}", ask(path).0);
    }
}

#[cfg(test)]
mod tests {
    use super::ask;

    #[test]
    fn numbers_are_doubled() {
        assert_eq!(ask("/double/21"), ("HTTP/1.1 200 OK".into(), "42".into()));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let (status, page) = ask("/double/trouble");
        assert_eq!(status, "HTTP/1.1 400 Bad Request");
        assert!(page.contains("That is not a number"));
    }
}
