//! How long until a server answers, counted from its start; and how large the program is that has
//! to be there.

use std::fs;
use std::io;
use std::time::Duration;

use super::Scenario;
use super::files::with_program;
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, megabytes, nanoseconds, time};
use crate::rounds::median;
use crate::server::Flags;
use crate::site::SMALL;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "start", title: "from the start of the program to the first byte of an answer", run };

/// Starts that count, after one that brings the program into memory.
const STARTS: usize = 20;
const WITHIN: Duration = Duration::from_millis(10);
/// Bytes of the program without symbols.
const SIZE: f64 = 6e6;

fn run(lab: &Lab) -> io::Result<Results> {
    let mut rows = Vec::new();
    let mut ours = (None, None);
    // The library is no program.
    for kind in with_program().filter(|kind| *kind != Kind::Ours && !lab.is_without(*kind)) {
        let Some(program) = lab.program(kind) else {
            rows.push(Row::missing(kind));
            continue;
        };
        let starts: io::Result<Vec<_>> = (0..=STARTS).map(|_| start(lab, kind)).collect();
        let starts = match starts {
            Ok(starts) => starts,
            Err(error) => {
                rows.push(Row::remark(kind, error.to_string()));
                continue;
            }
        };
        let middle = median(starts.into_iter().skip(1).collect());
        let mut note = middle.map_or_else(String::new, time);
        if kind == Kind::Program {
            let size = fs::metadata(&program)?.len() as f64;
            note = format!("{note}, a program of {}", megabytes(size));
            ours = (middle, Some(size));
        }
        rows.push(Row::remark(kind, note));
    }
    let bars = vec![
        Bar::at_most("first byte within 10 ms", ours.0, nanoseconds(WITHIN), time),
        Bar::at_most("program ≤ 6 MB", ours.1, SIZE, megabytes),
    ];
    Ok(Results {
        rows,
        bars,
        remark: Some(format!("Medians of {STARTS} starts, that of `setpriv` included.")),
    })
}

fn start(lab: &Lab, kind: Kind) -> io::Result<f64> {
    let mut server = lab.launch(kind, &Flags::files())?;
    server.time_to_first_byte(SMALL).map(nanoseconds)
}
