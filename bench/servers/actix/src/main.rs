//! actix-web 4 with one worker.

use std::io;

use actix_web::http::header::SERVER;
use actix_web::web::{Bytes, get};
use actix_web::{App, HttpResponse, HttpServer};

fn main() -> io::Result<()> {
    let options = kit::Options::from_env()?;
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(|| App::new().route("/", get().to(homepage)))
            .workers(1)
            .bind(options.address()?)?;
        for address in server.addrs() {
            kit::announce("listening", address);
        }
        server.run().await
    })
}

async fn homepage() -> HttpResponse {
    HttpResponse::Ok().insert_header((SERVER, "actix")).body(Bytes::from_static(kit::HOMEPAGE))
}
