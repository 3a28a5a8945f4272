//! What Linux says of this process. Tests that count it run [alone](super::alone).

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Threads whose names are counted. The system keeps 15 bytes of a name.
pub(crate) fn threads(is_counted: impl Fn(&str) -> bool) -> usize {
    tasks(is_counted).count()
}

/// The processor time of the threads whose names are counted.
pub(crate) fn cpu_time(is_counted: impl Fn(&str) -> bool) -> Duration {
    let nanoseconds = tasks(is_counted).filter_map(|task| {
        let text = fs::read_to_string(task.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Memory in KiB, as the line of that name tells it: `RssAnon` is what belongs to no file, `VmRSS`
/// all.
pub(crate) fn memory(line: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("there is a /proc");
    let values = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let number = values.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok());
    number.expect("a number of KiB")
}

/// The folders of the threads whose names are counted.
fn tasks(is_counted: impl Fn(&str) -> bool) -> impl Iterator<Item = PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").expect("there is a /proc");
    let paths = tasks.filter_map(|task| Some(task.ok()?.path()));
    // A thread may end meanwhile.
    paths.filter(move |path| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| is_counted(name.trim_end()))
    })
}
