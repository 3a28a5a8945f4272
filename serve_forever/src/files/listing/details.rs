//! Sizes and dates: for people, and in attributes for programs.

use std::fmt::Write as _;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Details;

/// Appends what is known of an entry: the size of a file, and the time of its last change in UTC.
pub(super) fn write(out: &mut String, details: &Details) {
    if details.is_file {
        size(out, details.size);
    }
    if let Some(time) = details.modified {
        date(out, time);
    }
}

fn size(out: &mut String, bytes: u64) {
    // Writing to a String cannot fail, here and below.
    let _ = write!(out, " <data value=\"{bytes}\"");
    if bytes >= 1024 {
        let _ = write!(out, " title=\"{bytes} bytes\"");
    }
    out.push('>');
    short_size(out, bytes);
    out.push_str("</data>");
}

/// Appends the size in units of 1024. It has one decimal if it is below 10, otherwise none.
fn short_size(out: &mut String, bytes: u64) {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        let _ = write!(out, "{bytes} B");
        return;
    }
    let mut unit = 1024_u128;
    for name in UNITS {
        let tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
        let whole = (u128::from(bytes) + unit / 2) / unit;
        if tenths < 100 {
            let _ = write!(out, "{}.{} {name}", tenths / 10, tenths % 10);
            return;
        }
        // A size that would be rounded to 1024 is shown in the next unit.
        if whole < 1024 {
            let _ = write!(out, "{whole} {name}");
            return;
        }
        unit *= 1024;
    }
}

/// Appends the date. Appends nothing if HTML cannot express it: file systems store any time that
/// programs set.
fn date(out: &mut String, time: SystemTime) {
    let Ok(time) = Timestamp::try_from(time) else { return };
    let time = TimeZone::UTC.to_datetime(time);
    if time.year() < 1 {
        return;
    }
    let (year, month, day) = (time.year(), time.month(), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let _ = write!(
        out,
        " <time datetime=\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\">\
         {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}</time>"
    );
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    fn shown(details: Details) -> String {
        let mut out = String::new();
        write(&mut out, &details);
        out
    }

    fn short(bytes: u64) -> String {
        let mut out = String::new();
        short_size(&mut out, bytes);
        out
    }

    fn dated(time: SystemTime) -> String {
        let mut out = String::new();
        date(&mut out, time);
        out
    }

    #[test]
    fn a_file_has_a_size_and_a_date() {
        let modified = Some(UNIX_EPOCH + Duration::from_millis(784_111_777_999));
        let file = Details { size: 1536, modified, is_directory: false, is_file: true };
        let size = " <data value=\"1536\" title=\"1536 bytes\">1.5 KiB</data>";
        let date = " <time datetime=\"1994-11-06T08:49:37Z\">1994-11-06 08:49</time>";
        assert_eq!(shown(file), format!("{size}{date}"));
        assert_eq!(shown(Details { modified: None, ..file }), size);
        assert_eq!(shown(Details { modified: None, size: 1, ..file }), " <data value=\"1\">1 B</data>");
        assert_eq!(shown(Details { is_file: false, is_directory: true, ..file }), date);
        assert_eq!(shown(Details { is_file: false, ..file }), date);
    }

    #[test]
    fn sizes_are_rounded_to_what_people_read() {
        for (bytes, text) in [
            (0, "0 B"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1025, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_188, "9.9 KiB"),
            (10_189, "10 KiB"),
            (10_240, "10 KiB"),
            (1024 * 1024 - 513, "1023 KiB"),
            (1024 * 1024 - 512, "1.0 MiB"),
            (1024 * 1024 * 1024 * 5 / 2, "2.5 GiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(short(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn times_before_1970_are_dates_too() {
        let time = UNIX_EPOCH - Duration::from_millis(500);
        assert_eq!(dated(time), " <time datetime=\"1969-12-31T23:59:59Z\">1969-12-31 23:59</time>");
    }

    #[test]
    fn times_that_html_has_no_date_for_are_left_out() {
        let of_year_10_000 = Duration::from_secs(253_402_300_800);
        assert_eq!(dated(UNIX_EPOCH + of_year_10_000), "");
        assert_eq!(dated(UNIX_EPOCH - of_year_10_000), "");
    }

    proptest! {
        #[test]
        fn every_size_is_short(bytes: u64) {
            let text = short(bytes);
            prop_assert!(text.len() <= "1023 KiB".len(), "{}", text);
        }
    }
}
