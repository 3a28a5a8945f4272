//! A server on a Unix socket to which only its own user may connect.
//!
//! Try `curl --unix-socket /tmp/tea.sock http://localhost/`.

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    use std::net::SocketAddr;

    use serve_forever::{Exchange, HttpServer, Result, handler_fn};

    let path = std::env::args().nth(1).unwrap_or_else(|| "/tmp/tea.sock".into());
    let handler =
        handler_fn(|http: &mut Exchange| -> Result { http.reply_text(200, "Nobody else hears this\n") });
    let server =
        HttpServer::builder(handler).unix_socket(&path).unix_socket_mode(0o600).bind(&[] as &[SocketAddr])?;
    println!("unix:{path}");
    server.serve_forever()
}

#[cfg(not(unix))]
fn main() {
    eprintln!("This system has no Unix sockets.");
}
