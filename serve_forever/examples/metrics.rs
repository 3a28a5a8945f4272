//! Serves the statistics of the server under `/metrics`, for Prometheus.

use std::env;
use std::fmt::Write;

use serve_forever::{Exchange, HttpServer, Result, Router, ServerStats};

/// Formats the statistics in the text exposition format, version 0.0.4.
fn text(stats: &ServerStats) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, values: &[(&str, u64)]| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let gauges = [
        ("http_connections_open", "Connections that are open.", stats.connections),
        (
            "http_threads_in_handlers",
            "Threads in handlers that do not return soon.",
            stats.threads_in_user_code,
        ),
        ("http_threads_for_handlers", "How many these may be.", stats.permits),
        ("http_requests_waiting", "Requests that wait for one of them.", stats.waiting),
        ("http_upgraded", "Handlers that hold a stream.", stats.upgraded),
    ];
    for (name, help, value) in gauges {
        metric(name, "gauge", help, &[("", value as u64)]);
    }
    metric("http_connections_accepted_total", "counter", "Connections accepted.", &[("", stats.accepted)]);
    let [switched, fine, elsewhere, client, server] = stats.responses;
    metric(
        "http_responses_total",
        "counter",
        "Final responses by the class of their status.",
        &[
            (r#"{class="1xx"}"#, switched),
            (r#"{class="2xx"}"#, fine),
            (r#"{class="3xx"}"#, elsewhere),
            (r#"{class="4xx"}"#, client),
            (r#"{class="5xx"}"#, server),
        ],
    );
    metric(
        "http_content_bytes_total",
        "counter",
        "Bytes of content in responses.",
        &[("", stats.content_bytes)],
    );
    metric("http_refused_total", "counter", "Requests for which no thread was free.", &[("", stats.refused)]);
    metric("http_hand_overs_total", "counter", "Loops that changed hands.", &[("", stats.hand_overs)]);
    metric(
        "http_learned_starts_total",
        "counter",
        "Requests started on a spare thread.",
        &[("", stats.learned_starts)],
    );
    metric(
        "http_log_lines_dropped_total",
        "counter",
        "Lines of the log that were lost.",
        &[("", stats.log_lines_dropped)],
    );
    text
}

fn metrics(http: &mut Exchange) -> Result {
    let text = text(&http.server().stats());
    http.reply_bytes(200, "text/plain; version=0.0.4; charset=utf-8", text)
}

fn main() -> std::io::Result<()> {
    let port = env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let router = Router::new().get("/", |http| http.reply_text(200, "Homepage\n")).get("/metrics", metrics);
    let server = HttpServer::bind(("localhost", port), router)?;
    println!("http://{}/", server.server_addresses()[0]);
    server.serve_forever()
}
