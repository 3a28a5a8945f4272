//! What is asked of a server, and what came of it.

use std::time::Duration;

use crate::histogram::Histogram;

/// Connections that behave alike.
#[derive(Clone)]
pub struct Group {
    pub connections: usize,
    /// Requests sent together; the next batch leaves when all of them were answered.
    pub depth: usize,
    pub pace: Pace,
    pub paths: Vec<Path>,
    /// The most requests that the group sends altogether.
    pub limit: Option<u64>,
    /// With [`Pace::Closed`]: how many requests for the first path are under way at once. Requests
    /// for other paths come in addition, on connections that are spare: clients that wait for slow
    /// answers do not thin out the load.
    pub busy: usize,
    /// Further header fields of each request, as lines.
    pub fields: String,
    pub answer: Answer,
}

/// What counts as an answer to what was asked. All others are counted as refusals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Any status of the class 2xx.
    #[default]
    Success,
    /// Such a status, and a body of so many bytes.
    Body(usize),
    /// 304: what the client has is still good.
    NotModified,
}

impl Group {
    /// Connections that ask for `target` again and again.
    pub fn closed(connections: usize, target: &str) -> Self {
        Self {
            connections,
            depth: 1,
            pace: Pace::Closed,
            paths: vec![Path::new(target, 1)],
            limit: None,
            busy: connections,
            fields: String::new(),
            answer: Answer::Success,
        }
    }

    /// More connections, for requests that take long.
    #[must_use]
    pub fn spare(self, connections: usize) -> Self {
        Self { connections: self.connections + connections, ..self }
    }

    #[must_use]
    pub fn depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    #[must_use]
    pub fn pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    #[must_use]
    pub fn paths(self, paths: Vec<Path>) -> Self {
        Self { paths, ..self }
    }

    #[must_use]
    pub fn fields(self, lines: &str) -> Self {
        Self { fields: lines.to_owned(), ..self }
    }

    #[must_use]
    pub fn answer(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    #[must_use]
    pub fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// When a connection sends its next request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As soon as the answer is there.
    Closed,
    /// So long after the answer was there.
    Think(Duration),
    /// The group sends so many a second, whatever the server does. A request that finds no free
    /// connection waits, and its wait counts: a server that stalls must not slow its own measuring
    /// down.
    Rate(f64),
}

/// One kind of request.
#[derive(Clone, Debug)]
pub struct Path {
    pub target: String,
    /// Its share of the requests of its group, relative to the others'.
    pub weight: u32,
}

impl Path {
    pub fn new(target: &str, weight: u32) -> Self {
        Self { target: target.to_owned(), weight }
    }
}

/// What happened to a group during one run.
#[derive(Clone, Default)]
pub struct Outcome {
    /// How long the run took.
    pub elapsed: Duration,
    /// Latencies by path, in the order of [`Group::paths`].
    pub latencies: Vec<Histogram>,
    /// Answers that are not what [`Group::answer`] says.
    pub refused: u64,
    /// Connections that ended or broke.
    pub lost: u64,
}

impl Outcome {
    /// All requests that were answered.
    pub fn answered(&self) -> u64 {
        self.latencies.iter().map(Histogram::count).sum()
    }

    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.answered() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latencies of all paths together.
    pub fn overall(&self) -> Histogram {
        let mut all = Histogram::default();
        for latencies in &self.latencies {
            all.merge(latencies);
        }
        all
    }
}
