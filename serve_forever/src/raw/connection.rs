//! One raw connection and its handler.

use std::io;
use std::sync::Arc;

use crate::diagnostics;
use crate::server::error_report::{ErrorReport, Failed};
use crate::server::hooks::catch;
use crate::server::learned::Kind;
use crate::server::protocol::{Admission, Admitted, Cause, Connection, Next, Run, Turn};
use crate::stream::Stream;
use crate::sys;
use crate::transport::Transport;

use super::Raw;
use super::handler::BaseRequestHandler;

/// A raw connection, before its handler has it.
#[derive(Debug)]
pub struct RawConnection {
    is_welcome: bool,
    /// Bytes that were received already, for the handler.
    early: Vec<u8>,
}

impl RawConnection {
    pub(crate) fn new(admitted: Admitted) -> Self {
        Self { is_welcome: admitted.admission == Admission::Welcome, early: admitted.early }
    }
}

impl<H: BaseRequestHandler + 'static> Connection<Raw<H>> for RawConnection {
    fn turn(&mut self, cx: &mut Turn<'_, Raw<H>>) -> Next {
        if !self.is_welcome || matches!(cx.cause, Cause::NoPermit | Cause::NoRoom | Cause::Expired) {
            return Next::Close;
        }
        // A server that stops still answers a client that has sent something.
        if cx.stopping && !has_spoken(&mut self.early, cx.transport) {
            return Next::Close;
        }
        Next::Run { kind: Kind::part("raw"), permit: true }
    }

    fn run(&mut self, cx: &mut Run<'_, Raw<H>>) -> Next {
        let early = std::mem::take(&mut self.early);
        let mut stream = Stream::new(Arc::clone(cx.transport), cx.seat.to_owned(), cx.server.clone(), early);
        let client = cx.transport.client();
        let report = |report: &ErrorReport| cx.server.hooks().report(report);
        let report_panic = |message| report(&ErrorReport::of_panic(client, message));
        let tell = |outcome: Result<io::Result<()>, String>| match outcome {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                let is_disconnect = sys::is_disconnect(&error);
                let failed = Failed::new(error.into());
                if is_disconnect {
                    diagnostics::debug!("{}: the client left: {}", cx.transport.peer, failed.text());
                } else {
                    report(&failed.report(client));
                }
                if let Err(panic) = failed.end() {
                    report_panic(panic);
                }
                false
            }
            Err(panic) => {
                report_panic(panic);
                false
            }
        };
        match catch(|| cx.protocol.make()) {
            Err(panic) => report_panic(panic),
            Ok(mut handler) => {
                if tell(catch(|| handler.setup(&mut stream))) {
                    tell(catch(|| handler.handle(&mut stream)));
                    tell(catch(|| handler.finish(&mut stream)));
                }
                tell(catch(|| {
                    drop(handler);
                    Ok(())
                }));
            }
        }
        cx.seat.resume(stream.seat());
        drop(stream);
        cx.transport.finish_writing();
        Next::Linger
    }

    fn park(&mut self, (): &mut ()) {}
}

/// Whether the client has sent anything. The handler gets the received bytes first.
#[cold]
fn has_spoken(early: &mut Vec<u8>, transport: &Transport) -> bool {
    if early.is_empty() {
        let mut piece = [0; FIRST_PIECE];
        if let Ok(received) = transport.recv(&mut piece) {
            early.extend_from_slice(&piece[..received.count]);
        }
    }
    !early.is_empty()
}

/// Bytes that are received to see whether there are any.
const FIRST_PIECE: usize = 1024;
