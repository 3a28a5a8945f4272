//! A multiplexed protocol, as small as one can be: many commands of one connection are under way at
//! the same time.
//!
//! The client sends lines `id command argument`, and gets a line `id answer` for each, in the order
//! in which they are done. The commands: `echo` (its argument), `wait-for` (another id; lets go of
//! its loop first), `burn` (until that id came, without letting go), `stay` (in the room of the
//! protocol), `turns` (how many the connection had). `flood` ends the connection with as many bytes
//! as its transport takes.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::server::config::Config;
use crate::server::learned::Kind;
use crate::server::protocol::{Admission, Admitted, Cause, Connection, Job, JobRun, Next, Protocol, Run, Turn};
use crate::server::waker::OwnedWaker;
use crate::sync::{lock, wait_for};

/// No test waits for this: it only ends one that would otherwise hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Lines {
    pub(super) room: Arc<Room>,
    /// Wakers that outlive whatever they were made for.
    pub(super) kept: Arc<Mutex<Vec<OwnedWaker>>>,
    /// As long as somebody has a clone of this, the protocol is in use.
    pub(super) alive: Arc<()>,
    /// Bytes that were taken of the last flood.
    pub(super) flood: Arc<AtomicUsize>,
}

/// Where jobs stay until it is opened.
#[derive(Default)]
pub(super) struct Room {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Room {
    pub(super) fn stay(&self) {
        let mut state = lock(&self.state);
        state.0 += 1;
        self.changed.notify_all();
        let begin = Instant::now();
        while !state.1 && begin.elapsed() < PATIENCE {
            (state, _) = wait_for(&self.changed, state, PATIENCE);
        }
        state.0 -= 1;
        self.changed.notify_all();
    }

    pub(super) fn inside(&self) -> usize {
        lock(&self.state).0
    }

    pub(super) fn open(&self) {
        lock(&self.state).1 = true;
        self.changed.notify_all();
    }
}

/// What a connection and its jobs share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    answers: Vec<u8>,
    ids: HashSet<String>,
    under_way: usize,
}

impl Shared {
    fn has_come(&self, id: &str) -> bool {
        lock(&self.state).ids.contains(id)
    }

    fn wait_for(&self, id: &str) {
        let mut state = lock(&self.state);
        let begin = Instant::now();
        while !state.ids.contains(id) && begin.elapsed() < PATIENCE {
            (state, _) = wait_for(&self.came, state, PATIENCE);
        }
    }
}

pub(super) struct LineConnection {
    is_welcome: bool,
    received: Vec<u8>,
    unsent: Vec<u8>,
    shared: Arc<Shared>,
    turns: usize,
}

pub(super) struct Command {
    id: String,
    name: String,
    argument: String,
    shared: Arc<Shared>,
    waker: OwnedWaker,
}

impl Protocol for Lines {
    type Connection = LineConnection;
    type Job = Command;
    type Scratch = ();

    fn scratch(&self, _: &Config) {}

    fn connect(&self, admitted: Admitted) -> LineConnection {
        LineConnection {
            is_welcome: admitted.admission == Admission::Welcome,
            received: admitted.early,
            unsent: Vec::new(),
            shared: Arc::default(),
            turns: 0,
        }
    }
}

impl Connection<Lines> for LineConnection {
    fn turn(&mut self, cx: &mut Turn<'_, Lines>) -> Next {
        self.turns += 1;
        if cx.cause == Cause::Expired {
            return Next::Close;
        }
        if !self.is_welcome {
            let _ = cx.transport.send(b"too many\n", false);
            cx.transport.finish_writing();
            return Next::Linger;
        }
        let mut piece = [0; 1024];
        loop {
            match cx.transport.recv(&mut piece) {
                Ok(received) if received.count == 0 => return Next::Close,
                Ok(received) => self.received.extend_from_slice(&piece[..received.count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    cx.readiness.drained();
                    break;
                }
                Err(_) => return Next::Close,
            }
        }
        while let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.received.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if line.trim_end().ends_with("flood") {
                return flood(cx);
            }
            self.take(line.trim_end(), cx);
        }
        let mut state = lock(&self.shared.state);
        self.unsent.append(&mut state.answers);
        let under_way = state.under_way;
        drop(state);
        while !self.unsent.is_empty() {
            match cx.transport.send(&self.unsent, false) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    cx.readiness.write = false;
                    break;
                }
                Err(_) => return Next::Close,
            }
        }
        let idle = under_way == 0 && self.unsent.is_empty();
        Next::Wait { read: true, write: !self.unsent.is_empty(), deadline: None, idle }
    }

    fn run(&mut self, _: &mut Run<'_, Lines>) -> Next {
        unreachable!("a turn never asks for it")
    }

    fn park(&mut self, (): &mut ()) {}
}

fn flood(cx: &Turn<'_, Lines>) -> Next {
    let mut taken = 0;
    while let Ok(count) = cx.transport.send(&[b'x'; 10_000], false) {
        taken += count;
    }
    cx.protocol.flood.store(taken, Ordering::SeqCst);
    Next::Close
}

impl LineConnection {
    fn take(&mut self, line: &str, cx: &mut Turn<'_, Lines>) {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        let (id, name, argument) = (word(), word(), word());
        let mut state = lock(&self.shared.state);
        state.ids.insert(id.clone());
        self.shared.came.notify_all();
        match name.as_str() {
            "turns" => state.answers.extend_from_slice(format!("{id} {}\n", self.turns).as_bytes()),
            "keep" => {
                lock(&cx.protocol.kept).push(cx.waker.to_owned());
                state.answers.extend_from_slice(format!("{id} kept\n").as_bytes());
            }
            _ => {
                state.under_way += 1;
                let (shared, waker) = (Arc::clone(&self.shared), cx.waker.to_owned());
                cx.jobs.push(Command { id, name, argument, shared, waker });
            }
        }
    }
}

impl Command {
    fn answer(&self, text: &str) {
        let mut state = lock(&self.shared.state);
        state.answers.extend_from_slice(format!("{} {text}\n", self.id).as_bytes());
        state.under_way -= 1;
        drop(state);
        self.waker.wake();
    }
}

impl Job<Lines> for Command {
    fn kind(&self) -> Kind {
        Kind::of(&[self.name.as_bytes()])
    }

    fn run(self, cx: &mut JobRun<'_, Lines>) {
        let answer = match self.name.as_str() {
            "echo" => self.argument.as_str(),
            "wait-for" => {
                cx.seat.release();
                self.shared.wait_for(&self.argument);
                "came"
            }
            "burn" => {
                let begin = Instant::now();
                while !self.shared.has_come(&self.argument) && begin.elapsed() < PATIENCE {
                    std::hint::spin_loop();
                }
                "burnt"
            }
            "stay" => {
                cx.protocol.room.stay();
                "stayed"
            }
            _ => "unknown",
        };
        self.answer(answer);
    }

    fn refuse(self) {
        self.answer("refused");
    }
}
