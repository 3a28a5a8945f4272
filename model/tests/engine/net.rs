//! The system's side of a loop: sockets, the poll and what interrupts it, and the clients at the
//! other end.

use crate::sync::{Condvar, Mutex, lock, wait};

use super::super::handover::slots::{Readiness, Token};
use super::Request;

pub(super) struct Net {
    kernel: Mutex<Kernel>,
    /// Rung for every event, and by [`Net::ring`].
    poll: Condvar,
    /// Rung for every answer.
    answered: Condvar,
}

struct Kernel {
    rung: bool,
    events: Vec<(Token, Readiness)>,
    sockets: Vec<Socket>,
}

#[derive(Default)]
struct Socket {
    token: Option<Token>,
    arrived: Vec<Request>,
    sent: usize,
    answered: usize,
    closed: usize,
}

/// The loop's end of a connection. There is one of it, so that it can only be in one place.
pub(crate) struct Connection {
    id: usize,
}

impl Connection {
    pub(super) fn id(&self) -> usize {
        self.id
    }
}

/// The other end.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(super) index: usize,
    pub(super) id: usize,
    /// The slot of a connection that was placed before the start.
    pub(crate) token: Option<Token>,
}

impl Net {
    pub(super) fn new() -> Self {
        Self {
            kernel: Mutex::new(Kernel { rung: false, events: Vec::new(), sockets: Vec::new() }),
            poll: Condvar::new(),
            answered: Condvar::new(),
        }
    }

    pub(super) fn connect(&self, index: usize) -> (Client, Connection) {
        let mut kernel = lock(&self.kernel);
        let id = kernel.sockets.len();
        kernel.sockets.push(Socket::default());
        (Client { index, id, token: None }, Connection { id })
    }

    pub(super) fn send(&self, client: Client, request: Request) {
        let mut kernel = lock(&self.kernel);
        let socket = &mut kernel.sockets[client.id];
        socket.sent += 1;
        if socket.closed > 0 {
            return;
        }
        socket.arrived.push(request);
        if let Some(token) = socket.token {
            kernel.events.push((token, READABLE));
            drop(kernel);
            self.poll.notify_one();
        }
    }

    /// A request that makes no event.
    pub(super) fn slip_in(&self, client: Client, request: Request) {
        let socket = &mut lock(&self.kernel).sockets[client.id];
        socket.sent += 1;
        socket.arrived.push(request);
    }

    pub(super) fn await_answers(&self, client: Client, count: usize) {
        let mut kernel = lock(&self.kernel);
        while kernel.sockets[client.id].answered < count {
            kernel = wait(&self.answered, kernel);
        }
    }

    /// Adds the socket to the poll, which tells at once what is there already.
    pub(super) fn register(&self, id: usize, token: Token) {
        let mut kernel = lock(&self.kernel);
        kernel.sockets[id].token = Some(token);
        if !kernel.sockets[id].arrived.is_empty() {
            kernel.events.push((token, READABLE));
        }
    }

    pub(super) fn receive(&self, connection: &Connection) -> Vec<Request> {
        std::mem::take(&mut lock(&self.kernel).sockets[connection.id].arrived)
    }

    pub(super) fn answer(&self, connection: &Connection) {
        lock(&self.kernel).sockets[connection.id].answered += 1;
        self.answered.notify_all();
    }

    /// Events of a closed socket that were not polled yet stay: the worst that a system can do.
    #[allow(clippy::needless_pass_by_value, reason = "this is the end of the connection")]
    pub(super) fn close(&self, connection: Connection) {
        let socket = &mut lock(&self.kernel).sockets[connection.id];
        socket.closed += 1;
        socket.token = None;
    }

    /// Interrupts the poll, this one or the next.
    pub(super) fn ring(&self) {
        lock(&self.kernel).rung = true;
        self.poll.notify_one();
    }

    pub(super) fn poll(&self, block: bool) -> Vec<(Token, Readiness)> {
        let mut kernel = lock(&self.kernel);
        while block && !kernel.rung && kernel.events.is_empty() {
            kernel = wait(&self.poll, kernel);
        }
        kernel.rung = false;
        std::mem::take(&mut kernel.events)
    }

    pub(super) fn check(&self, answered: bool) {
        for socket in &lock(&self.kernel).sockets {
            assert_eq!(socket.closed, 1, "a connection was lost");
            assert!(socket.answered <= socket.sent, "a request was answered twice");
            assert!(!answered || socket.answered == socket.sent, "a request was lost");
        }
    }
}

const READABLE: Readiness = Readiness { read: true, write: false, end: false, broken: false };
