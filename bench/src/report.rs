//! What was measured, as data, as a table, and in the README.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::options::Options;
use crate::scenarios::Scenario;
use crate::kind::Kind;
use crate::{chart, machine};

const DATA: &str = "results.json";
const PAGE: &str = "README.md";
/// The charts: file, scenarios, title.
const CHARTS: [(&str, &[&str], &str); 2] = [
    ("chart.svg", chart::HANDLERS, "CPU time per request"),
    ("chart-files.svg", chart::FILES, "CPU time per request for a file"),
];
/// Of how many machines results are kept.
const MACHINES: usize = 3;
/// The marks between which the README holds the results.
const BEGIN: &str = "<!-- results: written by the harness -->";
const END: &str = "<!-- end of results -->";

/// What is kept of all runs: a report for each machine, the one measured last first.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Archive {
    reports: Vec<Report>,
}

/// All scenarios measured on one machine.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    machine: String,
    pub(crate) scenarios: Vec<Measured>,
    #[serde(skip)]
    settings: Settings,
}

/// How this run measures.
#[derive(Default)]
struct Settings {
    date: String,
    command: String,
}

/// One scenario with its results.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) title: String,
    date: String,
    command: String,
    #[serde(flatten)]
    pub(crate) results: Results,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    pub(crate) bars: Vec<Bar>,
    /// What is to be known about all rows.
    pub(crate) remark: Option<String>,
}

impl Results {
    pub(crate) fn failed(error: &io::Error) -> Self {
        let bar = Bar { what: "the scenario runs".to_owned(), measured: error.to_string(), met: Some(false) };
        Self { bars: vec![bar], ..Self::default() }
    }
}

/// What one server did. Times are in nanoseconds.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) server: String,
    pub(crate) cpu_ratio: Option<f64>,
    /// The smallest and the largest ratio of a round.
    pub(crate) cpu_range: Option<(f64, f64)>,
    pub(crate) cpu: Option<f64>,
    pub(crate) rate: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) note: Option<String>,
}

impl Row {
    /// A server that shows in words what it did.
    pub(crate) fn remark(kind: Kind, note: String) -> Self {
        Self { server: kind.to_string(), note: Some(note), ..Self::default() }
    }

    /// A server that could not be run here.
    pub(crate) fn missing(kind: Kind) -> Self {
        Self::remark(kind, "not installed, or does not build".to_owned())
    }
}

/// Something that has to hold.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) measured: String,
    /// None: it was not measured.
    pub(crate) met: Option<bool>,
}

impl Bar {
    /// A figure that has to be at most (or below) `limit`.
    pub(crate) fn at_most(what: &str, measured: Option<f64>, limit: f64, show: fn(f64) -> String) -> Self {
        Self::judge(what, measured, show, measured.map(|figure| figure <= limit))
    }

    pub(crate) fn at_least(what: &str, measured: Option<f64>, limit: f64, show: fn(f64) -> String) -> Self {
        Self::judge(what, measured, show, measured.map(|figure| figure >= limit))
    }

    fn judge(what: &str, measured: Option<f64>, show: fn(f64) -> String, met: Option<bool>) -> Self {
        let measured = measured.map_or_else(|| "not measured".to_owned(), show);
        Self { what: what.to_owned(), measured, met }
    }
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let command = command(std::env::args().skip(1));
        let command = format!("`{command}`, {} rounds of {} s", options.rounds, options.time.as_secs_f64());
        let settings = Settings { date: machine::today(), command };
        Self { machine: machine::describe(), scenarios: Vec::new(), settings }
    }

    pub(crate) fn heading(&self) -> String {
        format!("{}\n{}, {}", self.machine, self.settings.date, self.settings.command)
    }

    /// Takes results in and shows them.
    pub(crate) fn add(&mut self, scenario: &Scenario, results: Results) -> String {
        let measured = Measured {
            name: scenario.name.to_owned(),
            title: scenario.title.to_owned(),
            date: self.settings.date.clone(),
            command: self.settings.command.clone(),
            results,
        };
        let text = measured.to_markdown();
        self.scenarios.push(measured);
        text
    }

    pub(crate) fn all_met(&self) -> bool {
        self.scenarios.iter().flat_map(|measured| &measured.results.bars).all(|bar| bar.met == Some(true))
    }

    /// These results and, of the scenarios that were not run, the `stored` ones.
    fn joined(&self, stored: Vec<Measured>) -> Self {
        let is_old = |old: &Measured| self.scenarios.iter().all(|new| new.name != old.name);
        let old = stored.into_iter().filter(is_old);
        let mut scenarios: Vec<_> = self.scenarios.iter().cloned().chain(old).collect();
        let place = |measured: &Measured| {
            crate::scenarios::ALL.iter().position(|scenario| scenario.name == measured.name)
        };
        scenarios.sort_by_key(|measured| place(measured).unwrap_or(usize::MAX));
        Self { machine: self.machine.clone(), scenarios, settings: Settings::default() }
    }

    /// Whether one of the scenarios with these names was measured.
    fn has(&self, names: &[&str]) -> bool {
        self.scenarios.iter().any(|measured| names.contains(&measured.name.as_str()))
    }

    fn to_markdown(&self) -> String {
        let mut text = String::new();
        for measured in &self.scenarios {
            text.push('\n');
            text.push_str(&measured.to_markdown());
            // Writing to a string does not fail, here and below.
            let _ = writeln!(text, "\n{}, {}", measured.date, measured.command);
        }
        text
    }
}

impl Archive {
    pub(crate) fn load(home: &Path) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(home.join(DATA))?)?)
    }

    /// Takes in what was measured now. Of its own machine it replaces the same scenarios; too old
    /// machines fall out.
    pub(crate) fn add(&mut self, report: &Report) {
        let same = self.reports.iter().position(|stored| stored.machine == report.machine);
        let stored = same.map(|place| self.reports.remove(place).scenarios);
        self.reports.insert(0, report.joined(stored.unwrap_or_default()));
        self.reports.truncate(MACHINES);
    }

    /// Writes data, charts and the part of the page that is theirs.
    pub(crate) fn store(&self, home: &Path) -> io::Result<()> {
        let page = fs::read_to_string(home.join(PAGE))?;
        let page = replace_marked(&page, &self.to_markdown())
            .ok_or_else(|| io::Error::other(format!("{PAGE} lacks the marks for the results")))?;
        let data = serde_json::to_string_pretty(self)?;
        fs::write(home.join(DATA), data + "\n")?;
        for (file, names, _) in CHARTS {
            if let Some(newest) = self.reports.first().filter(|newest| newest.has(names)) {
                fs::write(home.join(file), chart::draw(newest, names))?;
            }
        }
        fs::write(home.join(PAGE), page)
    }

    /// The tables of each machine; charts are drawn of the newest.
    fn to_markdown(&self) -> String {
        let mut text = String::new();
        for (place, report) in self.reports.iter().enumerate() {
            // Writing to a string does not fail, here and below.
            let _ = writeln!(text, "\n### {}", report.machine);
            for (file, names, title) in CHARTS {
                if place == 0 && report.has(names) {
                    let _ = writeln!(text, "\n![{title}]({file})");
                }
            }
            text.push_str(&report.to_markdown());
        }
        text.push('\n');
        text
    }
}

impl Measured {
    fn to_markdown(&self) -> String {
        let mut text = format!("#### {}: {}\n", self.name, self.title);
        text.push_str(&table(&self.results.rows));
        if let Some(remark) = &self.results.remark {
            // Writing to a string does not fail, here and below.
            let _ = writeln!(text, "\n{remark}");
        }
        if !self.results.bars.is_empty() {
            text.push_str("\n| bar | measured | |\n|---|--:|---|\n");
            for bar in &self.results.bars {
                let verdict = match bar.met {
                    Some(true) => "met",
                    Some(false) => "**missed**",
                    None => "–",
                };
                let _ = writeln!(text, "| {} | {} | {verdict} |", bar.what, bar.measured);
            }
        }
        text
    }
}

/// A column: its title, and its cell of a row. The server's name comes before them.
type Column = (&'static str, fn(&Row) -> Option<String>);

const COLUMNS: [Column; 7] = [
    ("CPU per request", |row| row.cpu.map(time)),
    ("ratio", |row| row.cpu_ratio.map(ratio)),
    ("in the rounds", |row| row.cpu_range.map(|(low, high)| format!("{low:.2} – {high:.2}"))),
    ("requests/s", |row| row.rate.map(rate)),
    ("p50", |row| row.p50.map(time)),
    ("p99", |row| row.p99.map(time)),
    ("", |row| row.note.clone()),
];

/// The rows with those columns that at least one of them fills.
fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let used = COLUMNS.iter().filter(|column| rows.iter().any(|row| column.1(row).is_some()));
    let used: Vec<_> = used.collect();
    let mut text = "\n| server |".to_owned();
    for (title, _) in &used {
        // Writing to a string does not fail, here and below.
        let _ = write!(text, " {title} |");
    }
    text.push_str("\n|---|");
    for (title, _) in &used {
        text.push_str(if title.is_empty() { "---|" } else { "--:|" });
    }
    for row in rows {
        let _ = write!(text, "\n| {} |", row.server);
        for (title, cell) in &used {
            let blank = if title.is_empty() { "" } else { "–" };
            let _ = write!(text, " {} |", cell(row).as_deref().unwrap_or(blank));
        }
    }
    text.push('\n');
    text
}

pub(crate) fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}

pub(crate) fn rate(rate: f64) -> String {
    if rate >= 10_000.0 { format!("{:.1} k", rate / 1e3) } else { format!("{rate:.0}") }
}

pub(crate) fn bytes(bytes: f64) -> String {
    if bytes.abs() >= 1024.0 * 1024.0 * 1024.0 {
        format!("{:.2} GiB", bytes / 1024.0 / 1024.0 / 1024.0)
    } else if bytes.abs() >= 1024.0 * 1024.0 {
        format!("{:.1} MiB", bytes / 1024.0 / 1024.0)
    } else {
        format!("{bytes:.0} B")
    }
}

/// Bytes in units of a million, as sizes of programs are told.
pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

/// The command line that measures the same elsewhere: without what only says where results go, or
/// what is where here.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let mut command = "cargo run --release --manifest-path bench/Cargo.toml".to_owned();
    let mut arguments = arguments.filter(|word| word != "--write" && word != "--strict").peekable();
    if arguments.peek().is_some() {
        command.push_str(" --");
    }
    while let Some(word) = arguments.next() {
        command.push(' ');
        command.push_str(&word);
        if word == "--peers" && arguments.next().is_some() {
            command.push_str(" DIR");
        }
    }
    command
}

/// Nanoseconds, in a unit that suits them.
pub(crate) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ..1e4 => format!("{nanoseconds:.0} ns"),
        ..1e6 => format!("{:.0} µs", nanoseconds / 1e3),
        ..1e7 => format!("{:.2} ms", nanoseconds / 1e6),
        ..1e9 => format!("{:.0} ms", nanoseconds / 1e6),
        f64::INFINITY => "never".to_owned(),
        _ => format!("{:.2} s", nanoseconds / 1e9),
    }
}

/// A duration as [`time`] wants it.
pub(crate) fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

/// `page` with `text` between the marks; none: it has no marks.
fn replace_marked(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{text}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_part_of_the_page_changes() {
        let page = format!("# Title\n{BEGIN}\nold\n{END}\nrest\n");
        assert_eq!(replace_marked(&page, "new\n"), Some(format!("# Title\n{BEGIN}\nnew\n{END}\nrest\n")));
        assert_eq!(replace_marked("# Title\n", "new\n"), None);
    }

    #[test]
    fn an_archive_keeps_three_machines_and_what_was_not_measured_again() {
        let report = |machine: &str, names: &[(&str, &str)]| Report {
            machine: machine.to_owned(),
            scenarios: names
                .iter()
                .map(|(name, date)| Measured {
                    name: (*name).to_owned(),
                    title: String::new(),
                    date: (*date).to_owned(),
                    command: String::new(),
                    results: Results::default(),
                })
                .collect(),
            settings: Settings::default(),
        };
        let mut archive = Archive::default();
        archive.add(&report("first", &[("log", "1")]));
        archive.add(&report("second", &[("log", "2"), ("burst", "2")]));
        archive.add(&report("third", &[("log", "3")]));
        archive.add(&report("fourth", &[("log", "3")]));
        archive.add(&report("second", &[("homepage", "4"), ("log", "4")]));

        let dates =
            |report: &Report| report.scenarios.iter().map(|it| format!("{} {}", it.name, it.date)).collect();
        let kept: Vec<(&str, Vec<_>)> =
            archive.reports.iter().map(|report| (report.machine.as_str(), dates(report))).collect();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            kept,
            [
                ("second", names(&["homepage 4", "log 4", "burst 2"])),
                ("fourth", names(&["log 3"])),
                ("third", names(&["log 3"])),
            ]
        );
    }

    #[test]
    fn the_command_is_told_without_what_is_particular_to_a_machine() {
        let told = |words: &str| command(words.split_whitespace().map(str::to_owned));
        let run = "cargo run --release --manifest-path bench/Cargo.toml";
        assert_eq!(told("--write"), run);
        assert_eq!(told("--peers /home/me/peers --write log"), format!("{run} -- --peers DIR log"));
    }

    #[test]
    fn times_have_suitable_units() {
        let shown = [812.0, 4_321.0, 45_000.0, 2_340_000.0, 50_000_000.0, 1_204_000_000.0].map(time);
        assert_eq!(shown, ["812 ns", "4321 ns", "45 µs", "2.34 ms", "50 ms", "1.20 s"]);
    }

    #[test]
    fn a_bar_that_was_not_measured_is_not_met() {
        let bar = Bar::at_most("speed", None, 1.0, ratio);
        assert_eq!((bar.met, bar.measured.as_str()), (None, "not measured"));
        assert_eq!(Bar::at_most("speed", Some(1.01), 1.0, ratio).met, Some(false));
        assert_eq!(Bar::at_least("speed", Some(1.01), 1.0, ratio).met, Some(true));
    }
}
