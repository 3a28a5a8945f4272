//! Dates as HTTP and the log write them, and the three forms in which clients send them.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use httpdate::HttpDate;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::sys;

/// The length of every IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) const HTTP_DATE_LENGTH: usize = 29;

const DATE_NAME: &[u8] = b"Date: ";
const DATE_LINE_LENGTH: usize = DATE_NAME.len() + HTTP_DATE_LENGTH + b"\r\n".len();

/// The last second that an IMF-fixdate can name, `Fri, 31 Dec 9999 23:59:59 GMT`.
const LAST_SECOND: u64 = 253_402_300_799;

/// The first second that is written, `Mon, 01 Jan 0001 00:00:00 GMT`. There is no year 0.
const FIRST_SECOND: i64 = -62_135_596_800;

/// The seconds of 2000 years. The calendar, including weekdays, repeats after 400 years. `httpdate`
/// does not know dates before 1970, so such a date is read and written as the date 2000 years
/// later.
const LATER_SECONDS: i64 = 5 * 146_097 * 86_400;
const LATER_YEARS: u16 = 5 * 400;

/// Writes a time as an IMF-fixdate (RFC 9110 §5.6.7). Fractions of a second are rounded down. A
/// time before the year 1 or after the year 9999 becomes the nearest time that the format has.
pub(crate) fn http_date(time: SystemTime) -> [u8; HTTP_DATE_LENGTH] {
    http_date_of(unix_seconds(time))
}

/// Returns the whole seconds since 1970, rounded down. They are negative before that.
fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -whole.saturating_add(i64::from(before.subsec_nanos() > 0))
        }
    }
}

/// Reads a date in any of the three formats of RFC 9110 §5.6.7. Returns seconds since 1970, or
/// `None` if the field must be ignored.
///
/// The date must exist, and the weekday must be that of the date.
pub(crate) fn parse_http_date(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.contains('-') {
        return parse_rfc850(text, SystemTime::now());
    }
    httpdate::parse_http_date(text).ok().map(unix_seconds).or_else(|| parse_before_1970(text))
}

/// Reads a date before 1970, in one of the two formats that have a year of four digits.
#[cold]
fn parse_before_1970(text: &str) -> Option<i64> {
    let at = match text.len() {
        HTTP_DATE_LENGTH => 12,
        ASCTIME_LENGTH => 20,
        _ => return None,
    };
    let (before, year, after) = (text.get(..at)?, text.get(at..at + 4)?, text.get(at + 4..)?);
    let is_number = year.bytes().all(|byte| byte.is_ascii_digit());
    let year: u16 = year.parse().ok().filter(|year| is_number && (1..1970).contains(year))?;
    let later = format!("{before}{}{after}", year + LATER_YEARS);
    httpdate::parse_http_date(&later).ok().map(|time| unix_seconds(time) - LATER_SECONDS)
}

/// The length of every date in the format of `asctime`, such as `Sun Nov  6 08:49:37 1994`.
const ASCTIME_LENGTH: usize = 24;

/// The texts of the current second. Each thread has a cache of its own. It formats a second once,
/// and uses the text for all responses in that second.
#[derive(Debug)]
pub(crate) struct DateCache {
    http_second: Option<u64>,
    http_line: [u8; DATE_LINE_LENGTH],
    /// The second and the style of `log`.
    logged: Option<(u64, DateStyle)>,
    log: String,
}

/// The style of a date in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateStyle {
    /// `06/Nov/1994 08:49:37`
    Python,
    /// `06/Nov/1994:08:49:37 +0100`
    Common,
    /// `1994-11-06T08:49:37+01:00`
    Json,
}

impl DateCache {
    pub(crate) const fn new() -> Self {
        Self { http_second: None, http_line: [b' '; DATE_LINE_LENGTH], logged: None, log: String::new() }
    }

    /// Returns the `Date` field of this second, with its line end.
    pub(crate) fn http_line(&mut self, unix_seconds: u64) -> &[u8; DATE_LINE_LENGTH] {
        if self.http_second != Some(unix_seconds) {
            self.renew_http(unix_seconds);
        }
        &self.http_line
    }

    #[cold]
    fn renew_http(&mut self, unix_seconds: u64) {
        let (name, rest) = self.http_line.split_at_mut(DATE_NAME.len());
        let (value, end) = rest.split_at_mut(HTTP_DATE_LENGTH);
        name.copy_from_slice(DATE_NAME);
        value.copy_from_slice(&http_date_of(i64::try_from(unix_seconds).unwrap_or(i64::MAX)));
        end.copy_from_slice(b"\r\n");
        self.http_second = Some(unix_seconds);
    }

    /// Returns the date of a log line, in local time.
    pub(crate) fn log(&mut self, unix_seconds: u64, style: DateStyle) -> &str {
        if self.logged != Some((unix_seconds, style)) {
            self.renew_log(unix_seconds, style);
        }
        &self.log
    }

    #[cold]
    fn renew_log(&mut self, unix_seconds: u64, style: DateStyle) {
        self.log.clear();
        log_date(&mut self.log, unix_seconds, TimeZone::system(), style);
        self.logged = Some((unix_seconds, style));
    }
}

impl Default for DateCache {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes seconds since the start of 1970 as an IMF-fixdate. They are negative before that.
pub(crate) fn http_date_of(unix_seconds: i64) -> [u8; HTTP_DATE_LENGTH] {
    let Ok(since_1970) = u64::try_from(unix_seconds) else { return http_date_before_1970(unix_seconds) };
    // The seconds are clamped, because the conversion panics on times that the format does not
    // have.
    let time = UNIX_EPOCH + Duration::from_secs(since_1970.min(LAST_SECOND));
    let mut text = [b' '; HTTP_DATE_LENGTH];
    // The text has exactly this length, so nothing is left over or cut off.
    let _ = std::io::Write::write_fmt(&mut text.as_mut_slice(), format_args!("{}", HttpDate::from(time)));
    text
}

#[cold]
fn http_date_before_1970(unix_seconds: i64) -> [u8; HTTP_DATE_LENGTH] {
    let mut text = http_date_of(unix_seconds.max(FIRST_SECOND) + LATER_SECONDS);
    // The year is one from 2001 to 3969. To go back by 2000 years, only its first digit must
    // change.
    if let Some(thousands) = text.get_mut(12) {
        *thousands -= b'2' - b'0';
    }
    text
}

fn log_date(out: &mut String, unix_seconds: u64, zone: TimeZone, style: DateStyle) {
    let format = match style {
        DateStyle::Python => "%d/%b/%Y %H:%M:%S",
        DateStyle::Common => "%d/%b/%Y:%H:%M:%S %z",
        DateStyle::Json => "%Y-%m-%dT%H:%M:%S%:z",
    };
    let seconds = i64::try_from(unix_seconds.min(LAST_SECOND)).unwrap_or_default();
    let local = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone);
    // Writing to a String cannot fail, and the format has no unknown letters.
    let _ = write!(out, "{}", local.strftime(format));
}

/// Reads a date like `Sunday, 06-Nov-94 08:49:37 GMT`, by rewriting it as an IMF-fixdate.
///
/// A year of two digits stands for the latest year with these digits that is not more than 50 years
/// ahead (RFC 9110 §5.6.7). Libraries use a fixed limit between two centuries, which will be wrong
/// by a century one day.
fn parse_rfc850(text: &str, now: SystemTime) -> Option<i64> {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let (day_name, rest) = text.split_once(", ")?;
    let day_name = DAYS.into_iter().find(|name| *name == day_name)?.get(..3)?;
    let (date, time) = rest.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 2 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year = full_year(year.parse().ok()?, year_of(now));
    parse_http_date(format!("{day_name}, {day} {month} {year:04} {time}").as_bytes())
}

fn full_year(two_digits: u16, this_year: u16) -> u16 {
    let year = this_year - this_year % 100 + two_digits;
    if year > this_year + 50 {
        year - 100
    } else if year + 50 <= this_year {
        year + 100
    } else {
        year
    }
}

fn year_of(time: SystemTime) -> u16 {
    let text = http_date(time);
    let digits = text.get(12..16).unwrap_or_default();
    digits.iter().fold(0, |year, digit| year * 10 + u16::from(digit.wrapping_sub(b'0')))
}

/// Appends the `Date` field of the present time.
pub(crate) fn append_date_line(out: &mut Vec<u8>) {
    DATES.with_borrow_mut(|dates| out.extend_from_slice(dates.http_line(sys::unix_time())));
}

/// Appends the present time, in the given style of the log.
pub(crate) fn append_log_date(out: &mut Vec<u8>, style: DateStyle) {
    DATES.with_borrow_mut(|dates| out.extend_from_slice(dates.log(sys::unix_time(), style).as_bytes()));
}

/// Returns the present time in the style of Python's log.
pub(crate) fn present_log_date() -> String {
    DATES.with_borrow_mut(|dates| dates.log(sys::unix_time(), DateStyle::Python).to_owned())
}

thread_local! {
    /// The date texts of this thread, which are formatted once per second.
    static DATES: RefCell<DateCache> = const { RefCell::new(DateCache::new()) };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const EXAMPLE: u64 = 784_111_777;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_date_is_written_as_imf_fixdate() {
        assert_eq!(&http_date(at(EXAMPLE)), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&http_date(at(EXAMPLE) + Duration::from_millis(999)), b"Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn times_that_the_format_lacks_become_the_nearest_it_has() {
        assert_eq!(&http_date_of(FIRST_SECOND - 1), b"Mon, 01 Jan 0001 00:00:00 GMT");
        assert_eq!(&http_date_of(i64::MIN), b"Mon, 01 Jan 0001 00:00:00 GMT");
        assert_eq!(&http_date_of(i64::MAX), b"Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(&http_date(at(LAST_SECOND + 1)), b"Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(DateCache::new().http_line(u64::MAX), b"Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
        assert_eq!(DateCache::new().log(u64::MAX, DateStyle::Python).len(), 20);
    }

    #[test]
    fn dates_before_1970_are_written_and_read() {
        for (seconds, fixdate, asctime) in [
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT", "Wed Dec 31 23:59:59 1969"),
            (-142_127_723, "Thu, 01 Jul 1965 00:04:37 GMT", "Thu Jul  1 00:04:37 1965"),
            (-11_670_998_400, "Tue, 29 Feb 1600 00:00:00 GMT", "Tue Feb 29 00:00:00 1600"),
            (FIRST_SECOND, "Mon, 01 Jan 0001 00:00:00 GMT", "Mon Jan  1 00:00:00 0001"),
        ] {
            assert_eq!(&http_date_of(seconds), fixdate.as_bytes(), "{seconds}");
            assert_eq!(parse_http_date(fixdate.as_bytes()), Some(seconds), "{fixdate}");
            assert_eq!(parse_http_date(asctime.as_bytes()), Some(seconds), "{asctime}");
        }
        assert_eq!(&http_date(UNIX_EPOCH - Duration::from_millis(500)), b"Wed, 31 Dec 1969 23:59:59 GMT");
        assert_eq!(&http_date(UNIX_EPOCH - Duration::from_secs(1)), b"Wed, 31 Dec 1969 23:59:59 GMT");
    }

    #[test]
    fn all_three_formats_are_read() {
        assert_eq!(parse_http_date(b"Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_http_date(b"Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_http_date(b"Sun Nov  6 08:49:37 1994"), Some(784_111_777));
    }

    #[test]
    fn invalid_dates_are_none() {
        let wrong: [&[u8]; 15] = [
            b"",
            b"0",
            b"yesterday",
            b"Mon, 06 Nov 1994 08:49:37 GMT",
            b"Sun, 06 Nov 1994 08:49:37 CET",
            b"Sun, 06 Nov 1994 25:49:37 GMT",
            b"Wed, 30 Feb 1994 08:49:37 GMT",
            b"Thu, 29 Feb 1900 00:00:00 GMT",
            b"Tue, 31 Dec 1969 23:59:59 GMT",
            b"Sat, 01 Jan 0000 00:00:00 GMT",
            b"Wed, 31 Dec +969 23:59:59 GMT",
            b"Sunday, 06-Nov-1994 08:49:37 GMT",
            b"Sunday, 06-Nov-+4 08:49:37 GMT",
            b"Someday, 06-Nov-94 08:49:37 GMT",
            b"S\xfcn, 06 Nov 1994 08:49:37 GMT",
        ];
        for text in wrong {
            assert_eq!(parse_http_date(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn two_digit_years_are_at_most_fifty_years_ahead() {
        assert_eq!(full_year(94, 2026), 1994);
        assert_eq!(full_year(76, 2026), 2076);
        assert_eq!(full_year(77, 2026), 1977);
        assert_eq!(full_year(0, 2026), 2000);
        assert_eq!(full_year(10, 2099), 2110);
        assert_eq!(year_of(at(EXAMPLE)), 1994);
    }

    #[test]
    fn the_cache_follows_the_second() {
        let mut cache = DateCache::new();
        assert_eq!(cache.http_line(EXAMPLE), b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        assert_eq!(cache.http_line(EXAMPLE), b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        assert_eq!(cache.http_line(EXAMPLE + 1), b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
        let first = cache.log(EXAMPLE, DateStyle::Python).to_owned();
        assert_eq!(cache.log(EXAMPLE, DateStyle::Python), first);
        assert_ne!(cache.log(EXAMPLE + 1, DateStyle::Python), first);
    }

    #[test]
    fn log_dates_are_in_the_zone_given() {
        let mut text = String::new();
        log_date(&mut text, EXAMPLE, TimeZone::UTC, DateStyle::Python);
        assert_eq!(text, "06/Nov/1994 08:49:37");
        text.clear();
        log_date(&mut text, EXAMPLE, TimeZone::fixed(jiff::tz::offset(-9)), DateStyle::Python);
        assert_eq!(text, "05/Nov/1994 23:49:37");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in FIRST_SECOND..=LAST_SECOND.cast_signed()) {
            prop_assert_eq!(parse_http_date(&http_date_of(seconds)), Some(seconds));
        }

        #[test]
        fn reading_never_panics(
            bytes: Vec<u8>,
            text in "[A-Z][a-z]+, [0-9 -]{2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9:]{8} GMT",
        ) {
            parse_http_date(&bytes);
            parse_http_date(text.as_bytes());
        }
    }
}
