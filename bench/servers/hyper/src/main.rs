//! hyper 1.x on a current-thread tokio runtime; what blocks goes to `spawn_blocking`, as its
//! documentation advises.

use std::convert::Infallible;
use std::io;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderValue, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kit::Task;
use tokio::net::TcpListener;

fn main() -> io::Result<()> {
    let options = kit::Options::from_env()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(options.address()?).await?;
        kit::announce("listening", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
                // A client that goes away is no news here.
                let _ = connection.await;
            });
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let task = Task::of(request.uri().path_and_query().map_or("/", |target| target.as_str()));
    match task {
        Task::Sleep(_) | Task::Burn(_) => {
            let _ = tokio::task::spawn_blocking(move || task.run()).await;
        }
        Task::Homepage | Task::Unknown => {}
    }
    let mut response = Response::new(Full::new(Bytes::from_static(kit::HOMEPAGE)));
    response.headers_mut().insert(SERVER, HeaderValue::from_static("hyper"));
    if task == Task::Unknown {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}
