//! Starts and ends the threads of a server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::diagnostics;
use crate::server::config::Config;
use crate::server::handle::ServerHandle;
use crate::server::hooks::guarded;
use crate::server::protocol::Protocol;
use crate::sync::{lock, wait};
use crate::sys::Listener;

use super::errands::Work;
use super::mail::Mail;
use super::{Engine, monitor};

impl<P: Protocol> Engine<P> {
    /// Serves the connections of `listeners` until a shutdown is asked for. Then `give_up` drops
    /// all other handles to the listeners.
    pub(crate) fn serve(
        protocol: &Arc<P>,
        config: &Config,
        server: &ServerHandle,
        listeners: Vec<Listener>,
        give_up: impl FnOnce(),
    ) -> std::io::Result<()> {
        let engine = Self::new(protocol, config, server, listeners)?;
        // This also runs if something below fails. Threads that stayed would keep the port.
        let ending = Ending(&engine);
        engine.pool.fill(&*engine)?;
        let watched = Arc::clone(&engine);
        let monitor = std::thread::Builder::new()
            .name("serve-forever-monitor".into())
            // Without the monitor, no loop would be taken from a job that blocks.
            .spawn(move || while guarded("the monitor", || monitor::watch(&watched)).is_none() {})?;
        let writing = server.access_log().start()?;
        for index in 0..engine.loops.len() {
            engine.pool.hand_over(Work::Drive(index), || true, &*engine);
        }

        server.wait_for_shutdown(server.hooks().tick_interval(), || server.hooks().tick());

        // This comes before the loops close their listeners, so that those handles are the last.
        give_up();
        for each in &engine.loops {
            each.tell(Mail::Stop);
        }
        let mut finished = lock(&engine.finished_loops);
        while *finished < engine.loops.len() {
            finished = wait(&engine.loop_finished, finished);
        }
        drop(finished);
        drop(ending);
        if monitor.join().is_err() {
            diagnostics::error!("the monitor panicked");
        }
        // Closes connections that were mailed to a loop after it had finished.
        for each in &engine.loops {
            drop(each.inbox.collect());
        }
        let lost = engine.connections.swap(0, Ordering::Relaxed);
        server.counters().connections.fetch_sub(lost, Ordering::Relaxed);
        let left = engine.pool.wait_until_ended(|| engine.permits.detached(), THREADS_END);
        // This comes last, because connections that these threads drop still write lines.
        drop(writing);
        if left > 0 {
            diagnostics::warning!("the server has stopped, but {left} of its threads still run a handler");
        }
        Ok(())
    }
}

/// Ends the threads of an engine when dropped.
struct Ending<'a, P: Protocol>(&'a Engine<P>);

impl<P: Protocol> Drop for Ending<'_, P> {
    fn drop(&mut self) {
        self.0.pool.close();
        self.0.over.store(true, Ordering::SeqCst);
        self.0.watch.wake();
    }
}

/// How long an ending server waits for its idle threads.
const THREADS_END: Duration = Duration::from_secs(1);
