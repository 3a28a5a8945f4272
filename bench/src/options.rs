//! The command line.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::scenarios;

pub(crate) struct Options {
    /// Names of scenarios; none: all.
    pub(crate) scenarios: Vec<String>,
    pub(crate) rounds: usize,
    /// How long each server is measured in each round.
    pub(crate) time: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) server_core: Option<usize>,
    pub(crate) generator_core: Option<usize>,
    /// Servers to leave out, by name.
    pub(crate) without: Vec<String>,
    /// Where servers of others are installed, beside the path.
    pub(crate) peers: Option<PathBuf>,
    pub(crate) write: bool,
    pub(crate) redraw: bool,
    pub(crate) strict: bool,
    pub(crate) help: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scenarios: Vec::new(),
            rounds: 5,
            time: Duration::from_secs(2),
            warm_up: Duration::from_millis(500),
            server_core: None,
            generator_core: None,
            without: Vec::new(),
            peers: None,
            write: false,
            redraw: false,
            strict: false,
            help: false,
        }
    }
}

impl Options {
    pub(crate) fn from_env() -> io::Result<Self> {
        Self::parse(std::env::args().skip(1))
    }

    fn parse(mut words: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rounds" => options.rounds = value::<usize>(&word, words.next())?.max(1),
                "--seconds" => options.time = seconds(&word, words.next())?,
                "--warm-up" => options.warm_up = seconds(&word, words.next())?,
                "--server-core" => options.server_core = Some(value(&word, words.next())?),
                "--generator-core" => options.generator_core = Some(value(&word, words.next())?),
                "--without" => options.without.push(value(&word, words.next())?),
                "--peers" => options.peers = Some(value(&word, words.next())?),
                "--write" => options.write = true,
                "--redraw" => options.redraw = true,
                "--strict" => options.strict = true,
                "--help" | "-h" => options.help = true,
                name if !name.starts_with('-') => options.scenarios.push(word),
                _ => return Err(io::Error::other(format!("unknown option {word}; see --help"))),
            }
        }
        Ok(options)
    }
}

pub(crate) fn help() -> String {
    let mut text = String::from(
        "cargo run --release --manifest-path bench/Cargo.toml -- [options] [scenario ...]

  --rounds N            steady rounds of the paired measurements (5)
  --seconds S           time that each server is measured in a round (2)
  --warm-up S           time before that which does not count (0.5)
  --server-core N       where the servers run (the first core)
  --generator-core N    where the load comes from (the last core)
  --without SERVER      leaves a server out; may be repeated
  --peers DIR           where servers of others are looked for, before the path (also in its bin)
  --write               puts the results into README.md, results.json and the charts
  --redraw              makes README.md and the charts anew from results.json, measures nothing
  --strict              fails unless every bar was met

Scenarios:
",
    );
    for scenario in scenarios::ALL {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {:<12}  {}", scenario.name, scenario.title);
    }
    text
}

fn value<T: FromStr>(name: &str, text: Option<String>) -> io::Result<T> {
    let text = text.ok_or_else(|| io::Error::other(format!("{name} needs a value")))?;
    text.parse().map_err(|_| io::Error::other(format!("{name} {text} makes no sense")))
}

fn seconds(name: &str, text: Option<String>) -> io::Result<Duration> {
    let seconds: f64 = value(name, text)?;
    Duration::try_from_secs_f64(seconds).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_scenarios_mix() {
        let words = ["idle", "--rounds", "7", "--seconds", "0.5", "--write", "log"];
        let options = Options::parse(words.into_iter().map(str::to_owned)).unwrap();
        assert_eq!(options.scenarios, ["idle", "log"]);
        assert_eq!((options.rounds, options.time), (7, Duration::from_millis(500)));
        assert!(options.write && !options.strict);
        assert!(Options::parse(["--rounds".to_owned()].into_iter()).is_err());
        assert!(Options::parse(["--nonsense".to_owned()].into_iter()).is_err());
    }
}
