//! How many threads an engine makes for the jobs that its loops lose.

use std::sync::Arc;

use crate::server::builder::Builder;
use crate::server::engine::Engine;
use crate::server::seat::Helm;

use super::lines::Lines;

/// Every loop may lose its driver before anybody asks again.
const LOOPS: usize = 5;

fn engine_that_lost_all_drivers(max_threads: usize) -> Arc<Engine<Lines>> {
    let builder = Builder::new(Lines::default()).loops(LOOPS).max_threads(max_threads);
    let (protocol, config, server) = builder.without_sockets();
    let engine = Engine::new(&Arc::new(protocol), &config, &server, Vec::new()).expect("loops");
    for _ in 0..LOOPS {
        engine.count_detached();
    }
    engine
}

#[test]
fn threads_are_made_until_a_loop_may_go_into_user_code_again() {
    assert!(engine_that_lost_all_drivers(100).may_start());
}

#[test]
fn threads_are_made_until_there_is_a_permit_for_a_spare() {
    assert!(engine_that_lost_all_drivers(100).try_detach());
}

#[test]
fn no_more_threads_are_made_than_there_may_be() {
    let engine = engine_that_lost_all_drivers(3 * LOOPS - 1);
    assert!(!engine.may_start());
    assert!(!engine.try_detach());
    engine.finish_detached();
    assert!(engine.may_start());
    assert!(!engine.try_detach());
}

/// Where there is none it would ask again every few milliseconds.
#[test]
fn who_holds_no_loop_lets_go_without_a_thread() {
    let engine = engine_that_lost_all_drivers(100);
    let state = &engine.loops[0].state;
    let job = state.enter_job();
    assert!(state.leave_job(job));
    let threads = engine.threads();
    assert!(engine.release(0, job));
    assert_eq!(engine.threads(), threads);
}

#[test]
fn a_brief_job_keeps_its_loop_or_loses_it_as_any_other() {
    let engine = engine_that_lost_all_drivers(100);
    let state = &engine.loops[0].state;
    let job = state.enter_brief_job();
    assert!(job.is_brief());
    assert_eq!(state.job(), Some(job));
    assert!(state.take(job));
    assert!(!state.leave_job(job));
    let next = state.enter_job();
    assert!(!next.is_brief());
    assert!(!state.leave_job(job));
    assert!(state.leave_job(next));
}
