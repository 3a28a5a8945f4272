//! Measures `serve_forever` against a hand-written event loop and other servers. `bench/README.md`
//! says what and how.

mod binaries;
mod chart;
mod cpu;
mod distance;
mod kind;
mod lab;
mod machine;
mod options;
mod peers;
mod pin;
mod process;
mod report;
mod rounds;
mod scenarios;
mod server;
mod site;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use lab::Lab;
use options::Options;
use report::{Archive, Report, Results};

/// Where the harness, its report and the servers' packages are.
const HOME: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<ExitCode> {
    let options = Options::from_env()?;
    let home = Path::new(HOME);
    if options.help {
        print!("{}", options::help());
        return Ok(ExitCode::SUCCESS);
    }
    if options.redraw {
        Archive::load(home)?.store(home)?;
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = scenarios::chosen(&options.scenarios)?;
    let lab = Lab::new(options)?;
    let mut report = Report::new(&lab.options);
    println!("{}\n", report.heading());
    for scenario in chosen {
        eprintln!("{}: {}", scenario.name, scenario.title);
        let results = (scenario.run)(&lab).unwrap_or_else(|error| Results::failed(&error));
        println!("{}", report.add(scenario, results));
        if lab.options.write {
            // After each one, so that a run which is broken off keeps what it has measured.
            let mut archive = Archive::load(home).unwrap_or_default();
            archive.add(&report);
            archive.store(home)?;
        }
    }
    let passed = report.all_met() || !lab.options.strict;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
