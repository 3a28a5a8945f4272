//! Paired rounds: every contestant once per round, one after another, in an order that rotates.
//! What drifts (the clock of the CPU, neighbours on the machine) meets all of them alike, and
//! ratios are taken within a round.

use std::io::{self, IsTerminal};
use std::time::Duration;

use generator::{Generator, Group, Outcome};

use crate::distance;
use crate::lab::Lab;
use crate::report::Row;
use crate::kind::Kind;
use crate::server::{Flags, Server};

/// A server under a load.
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) flags: Flags,
    /// The first group is the one whose figures are shown. Groups with a limit are run to it twice:
    /// once to warm the server up, once to be measured.
    pub(crate) load: Vec<Group>,
    /// Completes the load with what only the running server knows.
    prepare: Option<Prepare>,
}

pub(crate) type Prepare = fn(&Server, &mut [Group]) -> io::Result<()>;

impl Contestant {
    pub(crate) fn new(kind: Kind, load: Vec<Group>) -> Self {
        Self { name: kind.name().to_owned(), kind, flags: Flags::default(), load, prepare: None }
    }

    #[must_use]
    pub(crate) fn named(self, what: &str) -> Self {
        Self { name: format!("{}, {what}", self.kind), ..self }
    }

    #[must_use]
    pub(crate) fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    #[must_use]
    pub(crate) fn prepared(self, prepare: Prepare) -> Self {
        Self { prepare: Some(prepare), ..self }
    }
}

/// One contestant in one round.
pub(crate) struct Sample {
    /// CPU time of the server per request, in nanoseconds.
    pub(crate) cpu: f64,
    /// How far apart the cores were, before and after.
    distances: [f64; 2],
    /// What became of each group.
    pub(crate) groups: Vec<Outcome>,
}

impl Sample {
    /// Whether the cores were as far apart as that, all the time as far as we know.
    fn is_at(&self, distance: f64) -> bool {
        self.distances.iter().all(|it| distance::alike(*it, distance))
    }

    /// Requests per second of the first group.
    pub(crate) fn rate(&self) -> f64 {
        self.groups.first().map_or(0.0, Outcome::rate)
    }

    /// A quantile of the latency of the first path of the first group, in nanoseconds.
    pub(crate) fn latency(&self, quantile: f64) -> f64 {
        let latencies = self.groups.first().and_then(|group| group.latencies.first());
        latencies.map_or(0.0, |latencies| latencies.quantile(quantile).as_nanos() as f64)
    }
}

/// What all contestants did in all rounds.
pub(crate) struct Rounds {
    /// Those who could not be run, with the place that they would have had.
    missing: Vec<(usize, Kind)>,
    names: Vec<String>,
    /// By round, then by contestant; none: it failed.
    samples: Vec<Vec<Option<Sample>>>,
    /// How far apart the cores were most of the time. What was measured at another distance does
    /// not count.
    distance: f64,
}

/// Rounds are repeated until so many are complete and all at one distance, or this many times as
/// many are run.
const MOST: usize = 3;

/// Runs all rounds with the times of the options.
pub(crate) fn run(lab: &Lab, contestants: &[Contestant]) -> io::Result<Rounds> {
    run_for(lab, contestants, lab.options.warm_up, lab.options.time)
}

/// Runs all rounds; those that cannot be run here get a row without figures.
pub(crate) fn run_for(
    lab: &Lab,
    contestants: &[Contestant],
    warm_up: Duration,
    time: Duration,
) -> io::Result<Rounds> {
    let wanted = contestants.iter().filter(|contestant| !lab.is_without(contestant.kind));
    let (able, missing): (Vec<_>, Vec<_>) =
        wanted.enumerate().partition(|(_, contestant)| lab.has(contestant.kind));
    let able: Vec<_> = able.into_iter().map(|(_, contestant)| contestant).collect();
    if able.is_empty() {
        return Err(io::Error::other("none of the servers can be run"));
    }
    let missing = missing.into_iter().map(|(place, contestant)| (place, contestant.kind)).collect();
    let names = able.iter().map(|contestant| contestant.name.clone()).collect();
    let mut rounds = Rounds { missing, names, samples: Vec::new(), distance: 0.0 };
    let wanted = lab.options.rounds;
    while rounds.steady() < wanted && rounds.samples.len() < wanted * MOST {
        let round = rounds.samples.len();
        let mut samples: Vec<_> = able.iter().map(|_| None).collect();
        for turn in 0..able.len() {
            let index = (round + turn) % able.len();
            let contestant = able[index];
            progress(&format!("round {} ({} of {wanted}): {}", round + 1, rounds.steady(), contestant.name));
            match measure(lab, contestant, warm_up, time) {
                Ok(sample) => samples[index] = Some(sample),
                Err(error) => eprintln!("bench: {}: {error}", contestant.name),
            }
        }
        rounds.add(samples);
    }
    progress("");
    Ok(rounds)
}

/// Shows where we are, where somebody watches.
fn progress(words: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r  {words:<70}\r");
    }
}

fn measure(lab: &Lab, contestant: &Contestant, warm_up: Duration, time: Duration) -> io::Result<Sample> {
    let server = lab.start(contestant.kind, &contestant.flags)?;
    let mut load = contestant.load.clone();
    if let Some(prepare) = contestant.prepare {
        prepare(&server, &mut load)?;
    }
    let mut generator = Generator::connect(server.address, load.clone())?;
    generator.run(warm_up)?;
    if load.iter().any(|group| group.limit.is_some()) {
        generator = Generator::connect(server.address, load)?;
    }
    let distance = distance::measure(lab.cores)?;
    let before = server.cpu()?;
    let groups = generator.run(time)?;
    let used = server.cpu()?.saturating_sub(before);
    let distances = [distance, distance::measure(lab.cores)?];
    let answered: u64 = groups.iter().map(Outcome::answered).sum();
    if answered == 0 {
        return Err(io::Error::other("no request was answered"));
    }
    Ok(Sample { cpu: used.as_nanos() as f64 / answered as f64, distances, groups })
}

impl Rounds {
    fn add(&mut self, samples: Vec<Option<Sample>>) {
        self.samples.push(samples);
        let distances = self.samples.iter().flatten().flatten().flat_map(|sample| sample.distances);
        let mut distances: Vec<_> = distances.collect();
        distances.sort_by(f64::total_cmp);
        // One that was measured: the mean of a short one and a long one would be like neither.
        self.distance = distances.get(distances.len() / 2).copied().unwrap_or_default();
    }

    /// Rounds in which every contestant was measured, and at the usual distance; but for those who
    /// never come through.
    fn steady(&self) -> usize {
        let able = |index: &usize| self.samples.iter().any(|round| round[*index].is_some());
        let able: Vec<_> = (0..self.names.len()).filter(able).collect();
        let counts = |round: &&Vec<Option<Sample>>| {
            !able.is_empty() && able.iter().all(|index| self.sample(round, *index).is_some())
        };
        self.samples.iter().filter(counts).count()
    }

    /// What a contestant did in a round, if that counts.
    fn sample<'a>(&self, round: &'a [Option<Sample>], index: usize) -> Option<&'a Sample> {
        round[index].as_ref().filter(|sample| sample.is_at(self.distance))
    }

    /// Under which conditions the figures were taken.
    pub(crate) fn remark(&self) -> String {
        format!(
            "{} of {} rounds were steady, with the two cores {:.0} ns apart.",
            self.steady(),
            self.samples.len(),
            self.distance
        )
    }

    /// The median over the rounds of what `figure` says of a contestant.
    pub(crate) fn median(&self, name: &str, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        let index = self.index(name)?;
        median(self.samples.iter().filter_map(|round| Some(figure(self.sample(round, index)?))).collect())
    }

    /// The median over the rounds of the ratio that `figure` of one contestant has to that of
    /// another.
    pub(crate) fn ratio(&self, name: &str, to: &str, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.ratios(name, to, figure))
    }

    /// That ratio in each round.
    fn ratios(&self, name: &str, to: &str, figure: impl Fn(&Sample) -> f64) -> Vec<f64> {
        let (Some(one), Some(other)) = (self.index(name), self.index(to)) else { return Vec::new() };
        let ratio = |round: &Vec<Option<Sample>>| {
            Some(figure(self.sample(round, one)?) / figure(self.sample(round, other)?))
        };
        self.samples.iter().filter_map(ratio).collect()
    }

    /// A row for each contestant; the ratios are those of the CPU time per request to that of
    /// `base`.
    pub(crate) fn rows(&self, base: &str) -> Vec<Row> {
        let mut rows: Vec<_> = self.names.iter().map(|name| self.row(name, base)).collect();
        for (place, kind) in &self.missing {
            rows.insert(*place, Row::missing(*kind));
        }
        rows
    }

    fn row(&self, name: &str, base: &str) -> Row {
        let mut ratios = self.ratios(name, base, |sample| sample.cpu);
        ratios.sort_by(f64::total_cmp);
        Row {
            server: name.to_owned(),
            cpu_ratio: median(ratios.clone()),
            cpu_range: ratios.first().copied().zip(ratios.last().copied()),
            cpu: self.median(name, |sample| sample.cpu),
            rate: self.median(name, Sample::rate),
            p50: self.median(name, |sample| sample.latency(0.5)),
            p99: self.median(name, |sample| sample.latency(0.99)),
            note: self.trouble(name),
        }
    }

    /// What went wrong, if anything: figures of a server that refuses requests mean something else.
    fn trouble(&self, name: &str) -> Option<String> {
        let index = self.index(name)?;
        let sum = |figure: fn(&Outcome) -> u64| -> u64 {
            let samples = self.samples.iter().filter_map(|round| round[index].as_ref());
            samples.flat_map(|sample| &sample.groups).map(figure).sum()
        };
        let (refused, lost) = (sum(|outcome| outcome.refused), sum(|outcome| outcome.lost));
        let failed = self.samples.iter().filter(|round| round[index].is_none()).count();
        let mut words = Vec::new();
        for (count, what) in [
            (failed as u64, "rounds failed"),
            (refused, "answers not as expected"),
            (lost, "connections lost"),
        ] {
            if count > 0 {
                words.push(format!("{count} {what}"));
            }
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
