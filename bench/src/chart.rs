//! The CPU time per request as a chart: plain SVG, whose colours follow the reader's light or dark
//! scheme.

use std::fmt::Write;

use crate::report::{Measured, Report};

const WIDTH: usize = 720;
const MARGIN: usize = 20;
/// Where the bars begin, to the right of the names.
const LEFT: usize = 190;
/// Kept free at the right for the figures.
const RIGHT: usize = 60;
const ROW: usize = 26;
const BAR: usize = 16;
const HEAD: usize = 44;
/// Bars of larger ratios are cut off: beside the slowest server the others would all look alike.
const LONGEST: f64 = 8.0;
/// The gap in a bar that is cut off, and what comes after it.
const GAP: f64 = 4.0;
const TIP: f64 = 12.0;
/// Bars of this name stand out.
const OURS: &str = "serve_forever";
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.name{text-anchor:end}
.bar{fill:#9aa4b0}.ours{fill:#c2410c}.floor{stroke:#57606a;stroke-dasharray:3 3}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7781}.ours{fill:#fb923c}.floor{stroke:#9aa4b0}}";

/// Scenarios about handlers, and about files, whose CPU time is compared with the floor's.
pub(crate) const HANDLERS: &[&str] = &["homepage", "log", "pipeline"];
pub(crate) const FILES: &[&str] = &["file1k"];

/// One panel for each of the `scenarios` that was measured.
pub(crate) fn draw(report: &Report, scenarios: &[&str]) -> String {
    let chosen = report.scenarios.iter().filter(|measured| scenarios.contains(&measured.name.as_str()));
    let panels: Vec<_> = chosen.map(bars).filter(|(_, bars)| !bars.is_empty()).collect();
    let longest = panels.iter().flat_map(|(_, bars)| bars).map(|bar| bar.1).fold(1.0, f64::max).min(LONGEST);
    let mut body = String::new();
    let mut y = 0;
    for (title, bars) in &panels {
        y += panel(&mut body, y, title, bars, longest);
    }
    let height = y + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"CPU time per request as a multiple of the floor's\">\n\
         <style>{STYLE}</style>\n{body}</svg>\n"
    )
}

/// The title and the bars of a scenario: name and ratio.
fn bars(measured: &Measured) -> (String, Vec<(&str, f64)>) {
    let rows = measured.results.rows.iter();
    let bars = rows.filter_map(|row| Some((row.server.as_str(), row.cpu_ratio?))).collect();
    (format!("{}: CPU time per request, floor = 1", measured.name), bars)
}

/// Draws a panel from `top` on and says how high it is.
fn panel(svg: &mut String, top: usize, title: &str, bars: &[(&str, f64)], longest: f64) -> usize {
    let scale = (WIDTH - LEFT - RIGHT) as f64 / longest;
    // Writing to a string does not fail, here and below.
    let _ = writeln!(svg, "<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>", top + 28, escape(title));
    for (index, (name, ratio)) in bars.iter().enumerate() {
        let y = top + HEAD + index * ROW;
        let class = if name.starts_with(OURS) { "ours" } else { "bar" };
        let length = ratio.min(longest) * scale;
        let (text, name) = (y + BAR - 3, escape(name));
        let _ = writeln!(svg, "<text class=\"name\" x=\"{}\" y=\"{text}\">{name}</text>", LEFT - 10);
        let mut rect = |x: f64, width: f64| {
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>"
            );
        };
        if *ratio > longest {
            rect(LEFT as f64, length - GAP - TIP);
            rect(LEFT as f64 + length - TIP, TIP);
        } else {
            rect(LEFT as f64, length);
        }
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{text}\">{ratio:.2}</text>", LEFT as f64 + length + 8.0);
    }
    let height = HEAD + bars.len() * ROW;
    let (x, bottom) = (LEFT as f64 + scale, top + height);
    let _ = writeln!(
        svg,
        "<line class=\"floor\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>",
        top + HEAD - 6
    );
    height
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
