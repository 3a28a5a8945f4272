//! The whole engine at once, for schedules that are drawn at random: two loops, the monitor,
//! clients, handlers of every kind, wakers, connections that are cut, and the shutdown.

use std::sync::Arc;

use crate::checker::{random, thread};

use super::{Client, Engine, Mail, Plan, Request};

/// One run. What happens is drawn as the schedule is.
pub(crate) fn whole_engine() {
    whole_engine_with(|_| ());
}

/// The same, with a change of plan.
pub(crate) fn whole_engine_with(change: impl FnOnce(&mut Plan)) {
    let mut plan = Plan {
        loops: LOOPS,
        // Both loops may have a handler that waits for another one, which needs a permit too.
        threads: 3 * LOOPS + random(3),
        least: if random(2) == 0 { 0 } else { 2 * LOOPS },
        gates: LOOPS,
        ..Plan::SMALL
    };
    change(&mut plan);
    let engine = Engine::new(plan);
    let pairs: Vec<_> =
        (0..LOOPS).map(|index| [engine.place(index, rarely()), engine.place(index, rarely())]).collect();
    let victim = engine.place(random(LOOPS), rarely());
    engine.start();
    let monitor = run(&engine, Engine::monitor);

    // Else the shutdown meets whatever is under way.
    let all_answered = random(4) != 0;
    let clients: Vec<_> = pairs
        .into_iter()
        .enumerate()
        .map(|(index, pair)| {
            run(&engine, move |engine| {
                let sent = talk(engine, pair, index);
                if all_answered {
                    engine.await_answers(pair[0], sent[0]);
                    engine.await_answers(pair[1], sent[1]);
                }
            })
        })
        .collect();

    engine.send(victim, if rarely() { Request::Eager } else { Request::Quick });
    if let Some(token) = victim.token {
        engine.post(victim.index, Mail::Cut(token));
    }
    // It may get the slot of the one that was cut, for which there may be more to come.
    let late = engine.connect(victim.index);
    engine.send(late, Request::Quick);
    engine.send(victim, Request::Quick);
    if all_answered {
        engine.await_answers(late, 1);
    }
    for client in clients {
        client.join().expect("the clients end");
    }
    if !all_answered {
        (0..LOOPS).for_each(|gate| engine.gate(gate).open());
    }
    engine.shut_down(false, || monitor.join().expect("the monitor ends"));
}

/// Requests on two connections of the same loop: whatever the first waits for, the second brings at
/// its end.
fn talk(engine: &Engine, pair: [Client; 2], gate: usize) -> [usize; 2] {
    let mut sent = [0, 0];
    let mut say = |which: usize, request| {
        if rarely() {
            engine.wake(pair[which], request);
        } else {
            engine.send(pair[which], request);
        }
        sent[which] += 1;
    };
    for _ in 0..=random(2) {
        say(0, draw(gate));
        if random(2) == 0 {
            say(1, if random(2) == 0 { Request::Quick } else { Request::Eager });
        }
    }
    say(1, Request::Open(gate));
    sent
}

fn draw(gate: usize) -> Request {
    match random(4) {
        0 => Request::Quick,
        1 => Request::Eager,
        2 => Request::EagerWait(gate),
        _ => Request::Wait(gate),
    }
}

fn rarely() -> bool {
    random(4) == 0
}

fn run(engine: &Arc<Engine>, what: impl FnOnce(&Arc<Engine>) + Send + 'static) -> thread::JoinHandle<()> {
    let engine = Arc::clone(engine);
    thread::spawn(move || what(&engine))
}

const LOOPS: usize = 2;
