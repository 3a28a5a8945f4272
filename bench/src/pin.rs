//! One core for the server, another one for everything else.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) generator: usize,
}

impl Cores {
    /// The first and the last core that this process may use (neighbours often share one), unless
    /// told otherwise.
    pub(crate) fn choose(server: Option<usize>, generator: Option<usize>) -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let first = cores.next().unwrap_or(0);
        let last = cores.next_back().unwrap_or(first);
        let cores = Self { server: server.unwrap_or(first), generator: generator.unwrap_or(last) };
        if cores.server == cores.generator {
            eprintln!(
                "bench: server and generator share core {}; the figures will mean little",
                cores.server
            );
        }
        Ok(cores)
    }
}

/// Keeps this thread, and the threads and processes that it starts from now on, on `core`.
pub(crate) fn to(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}
