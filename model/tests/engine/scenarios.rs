//! Small scenes, each for one pair of things that can happen at the same time. A checker runs each
//! of them in every order. The thread that calls is the client, the monitor where nothing else is
//! said, and the one that stops all.

use std::sync::Arc;
use std::time::Duration;

use crate::checker::{let_time_run_out, thread};
use crate::sync::atomic::{AtomicUsize, Ordering};

use super::super::handover::permits::Permits;
use super::super::handover::pool::{Pool, Spawn};
use super::super::handover::state::LoopState;
use super::super::handover::watch::Watch;
use super::{Engine, Gate, Mail, Plan, Request};

/// A handler returns while the monitor takes its loop.
pub(crate) fn handler_returns() {
    handler_returns_with(Plan::SMALL);
}

pub(crate) fn handler_returns_with(plan: Plan) {
    let engine = Engine::new(plan);
    let client = engine.place(0, false);
    engine.send(client, Request::Open(0));
    engine.start();
    // The handler is in its last line.
    engine.gate(0).wait();
    engine.watch_once(0);
    engine.await_answers(client, 1);
    engine.shut_down(true, || ());
}

/// The word alone: the driver, the monitor and the job itself all want the loop; and a job that
/// returns late meets the next driver's job.
pub(crate) fn one_wins() {
    let state = Arc::new(LoopState::new());
    let first = state.enter_job();
    let monitor = thread::spawn({
        let state = Arc::clone(&state);
        move || {
            let Some(job) = state.job() else { return (false, false) };
            // Whoever takes a loop makes it go on, here right into the next job.
            let taken = state.take(job);
            let next = taken.then(|| state.enter_job());
            (taken, next.is_some_and(|next| state.leave_job(next)))
        }
    });
    let eager = state.take(first);
    let returned = state.leave_job(first);
    let (taken, next_returned) = monitor.join().expect("the monitor ends");
    assert_eq!(usize::from(eager) + usize::from(returned) + usize::from(taken), 1, "one holds the loop");
    assert_eq!(taken, next_returned, "nobody takes the job of the next driver");
}

/// More of a connection arrives while it is out, in its own driver's hands or, if the monitor was
/// quick, in those of a detached thread.
pub(crate) fn event_while_out() {
    let engine = Engine::new(Plan::SMALL);
    let client = engine.place(0, false);
    engine.send(client, Request::Quick);
    engine.start();
    engine.watch_once(0);
    engine.send(client, Request::Quick);
    engine.await_answers(client, 2);
    engine.shut_down(true, || ());
}

/// A connection is out with a job that the next driver knows nothing of, and more of it arrives:
/// the event is remembered until it comes back.
pub(crate) fn event_while_detached() {
    let engine = Engine::new(Plan::SMALL);
    let client = engine.place(0, false);
    engine.send(client, Request::EagerWait(0));
    engine.start();
    engine.send(client, Request::Quick);
    engine.gate(0).open();
    engine.await_answers(client, 2);
    engine.shut_down(true, || ());
}

/// A job waits for something that only another connection of its loop brings.
pub(crate) fn neighbours() {
    let engine = Engine::new(Plan::SMALL);
    let blocked = engine.place(0, false);
    let other = engine.place(0, false);
    engine.send(blocked, Request::EagerWait(0));
    engine.send(other, Request::Open(0));
    engine.start();
    engine.await_answers(blocked, 1);
    engine.await_answers(other, 1);
    engine.shut_down(true, || ());
}

/// A job hands its loop over while the monitor takes it.
pub(crate) fn eager() {
    let engine = Engine::new(Plan::SMALL);
    let client = engine.place(0, false);
    engine.send(client, Request::Eager);
    engine.start();
    engine.watch_once(0);
    engine.await_answers(client, 1);
    engine.shut_down(true, || ());
}

/// The monitor goes to sleep while a loop leaves its poll for a job that ends only after its loop
/// was taken.
pub(crate) fn monitor_sleeps() {
    let engine = Engine::new(Plan::SMALL);
    let client = engine.place(0, false);
    engine.start();
    let sender = thread::spawn({
        let engine = Arc::clone(&engine);
        move || engine.send(client, Request::Wait(0))
    });
    while !engine.watch_round() {}
    engine.gate(0).open();
    engine.await_answers(client, 1);
    sender.join().expect("the sender ends");
    engine.shut_down(true, || ());
}

/// The word and the monitor's bed alone: as above, and the loop polls twice.
pub(crate) fn monitor_misses_nothing() {
    let shared = Arc::new((LoopState::new(), Watch::new(), Gate::new()));
    let driver = thread::spawn({
        let shared = Arc::clone(&shared);
        move || {
            let (state, watch, taken) = &*shared;
            for _ in 0..2 {
                state.enter_poll();
                state.leave_poll();
                watch.wake();
            }
            let job = state.enter_job();
            taken.wait();
            assert!(!state.leave_job(job));
        }
    });
    let (state, watch, taken) = &*shared;
    loop {
        if state.job().is_some_and(|job| state.take(job)) {
            break taken.open();
        }
        if state.is_polling() {
            watch.sleep_while(|| state.is_polling());
        } else {
            thread::yield_now();
        }
    }
    driver.join().expect("the driver ends");
}

/// All permits are taken: a detached job ends while the loop starts to wait for one.
pub(crate) fn permits_run_out() {
    let engine = Engine::new(Plan { threads: 2, ..Plan::SMALL });
    let detached = engine.place(0, false);
    let waiting = engine.place(0, false);
    engine.send(detached, Request::Eager);
    engine.send(waiting, Request::Quick);
    engine.start();
    engine.await_answers(detached, 1);
    engine.await_answers(waiting, 1);
    engine.shut_down(true, || ());
}

/// The permits alone: a loop starts to wait for one while the only one is given back.
pub(crate) fn permit_comes_back() {
    permit_comes_back_with(Plan::SMALL);
}

pub(crate) fn permit_comes_back_with(plan: Plan) {
    let permits = Arc::new(Permits::new(2, 1));
    permits.detach();
    let told = Arc::new(Gate::new());
    let job = thread::spawn({
        let (permits, told) = (Arc::clone(&permits), Arc::clone(&told));
        move || {
            if permits.finish() {
                told.open();
            }
        }
    });
    if !permits.may_start() {
        permits.start_waiting();
        if !plan.looks_for_permit || !permits.may_start() {
            told.wait();
            assert!(permits.may_start());
        }
        permits.stop_waiting();
    }
    job.join().expect("the job ends");
    assert!(!permits.is_awaited());
}

/// The permits alone, with one thread in user code: two threads want one more permit, which there
/// is not.
pub(crate) fn permits_have_a_limit() {
    let permits = Arc::new(Permits::new(3, 1));
    let other = thread::spawn({
        let permits = Arc::clone(&permits);
        move || permits.try_detach()
    });
    let mine = permits.try_detach();
    // An inline job that loses its loop needs none, but counts.
    if permits.may_start() {
        permits.detach();
        assert!(permits.detached() <= permits.limit() + 1);
        assert!(!permits.finish(), "nobody waits");
    }
    let its = other.join().expect("the other thread ends");
    assert!(mine ^ its, "there is one permit, and it is given");
    assert!(!permits.finish(), "nobody waits");
    assert_eq!(permits.detached(), 0);
}

/// A connection is cut while it is out, and another one gets its slot.
pub(crate) fn slot_used_again() {
    let engine = Engine::new(Plan::SMALL);
    let former = engine.place(0, false);
    engine.send(former, Request::Eager);
    engine.start();
    if let Some(token) = former.token {
        engine.post(0, Mail::Cut(token));
    }
    let next = engine.connect(0);
    engine.send(next, Request::Quick);
    // An event for the former connection, for which nobody looks any more.
    engine.send(former, Request::Quick);
    engine.await_answers(next, 1);
    engine.shut_down(false, || ());
}

/// Two threads post mail while the driver goes to poll, or its connection is out.
pub(crate) fn wakers() {
    let engine = Engine::new(Plan::SMALL);
    let client = engine.place(0, false);
    engine.start();
    let waker = thread::spawn({
        let engine = Arc::clone(&engine);
        move || engine.wake(client, Request::Quick)
    });
    engine.wake(client, Request::Quick);
    engine.await_answers(client, 2);
    waker.join().expect("the waker ends");
    engine.shut_down(true, || ());
}

/// A waker fires for a connection that is out with a detached job.
pub(crate) fn waker_while_detached() {
    let engine = Engine::new(Plan::SMALL);
    let client = engine.place(0, false);
    engine.send(client, Request::EagerWait(0));
    engine.start();
    engine.wake(client, Request::Quick);
    engine.gate(0).open();
    engine.await_answers(client, 2);
    engine.shut_down(true, || ());
}

/// The order to stop meets the poll.
pub(crate) fn stop_while_polling() {
    stop_while_polling_with(Plan::SMALL);
}

pub(crate) fn stop_while_polling_with(plan: Plan) {
    let engine = Engine::new(plan);
    engine.place(0, false);
    engine.start();
    engine.shut_down(true, || ());
}

/// The order to stop, and the end of the pool, meet a loop that changes hands.
pub(crate) fn stop_while_handing_over() {
    let engine = Engine::new(Plan::SMALL);
    let client = engine.place(0, false);
    engine.send(client, Request::Eager);
    engine.start();
    engine.shut_down(false, || ());
}

/// A job that is known to block starts on a spare thread while the loop stops.
pub(crate) fn stop_while_submitting() {
    let engine = Engine::new(Plan::SMALL);
    let client = engine.place(0, true);
    engine.send(client, Request::Quick);
    engine.start();
    engine.shut_down(false, || ());
}

/// The pool alone: two threads submit work while its threads run out of work, and of patience.
pub(crate) fn pool_goes_idle() {
    let scene = PoolScene::new();
    scene.submit();
    let other = thread::spawn({
        let scene = Arc::clone(&scene);
        move || {
            let_time_run_out();
            scene.submit();
        }
    });
    scene.both_done.wait();
    other.join().expect("the other thread ends");
    scene.pool.close();
    scene.pool.wait_until_all_ended();
}

/// The pool alone: it closes with work in its queue, which is still done.
pub(crate) fn pool_closes() {
    let scene = PoolScene::new();
    scene.submit();
    scene.submit();
    scene.pool.close();
    scene.pool.wait_until_all_ended();
    scene.both_done.wait();
}

/// A pool of two threads that counts two pieces of work.
struct PoolScene {
    pool: Pool<()>,
    done: AtomicUsize,
    both_done: Gate,
}

impl PoolScene {
    fn new() -> Arc<Self> {
        Arc::new(Self { pool: Pool::new(0, 2), done: AtomicUsize::new(0), both_done: Gate::new() })
    }

    fn submit(self: &Arc<Self>) {
        assert!(self.pool.submit((), self).is_ok(), "there are threads for both");
    }
}

impl Spawn for Arc<PoolScene> {
    fn spawn(&self) -> std::io::Result<()> {
        let scene = Self::clone(self);
        thread::spawn(move || {
            scene.pool.work(Duration::ZERO, |()| {
                if scene.done.fetch_add(1, Ordering::AcqRel) == 1 {
                    scene.both_done.open();
                }
            });
        });
        Ok(())
    }
}
