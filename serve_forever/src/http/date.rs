//! Dates as HTTP and the log write them, and the three forms in which clients send them.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use httpdate::HttpDate;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `Sun, 06 Nov 1994 08:49:37 GMT` has always this length.
pub(crate) const HTTP_DATE_LENGTH: usize = 29;

const DATE_NAME: &[u8] = b"Date: ";
const DATE_LINE_LENGTH: usize = DATE_NAME.len() + HTTP_DATE_LENGTH + b"\r\n".len();

/// The last second that an IMF-fixdate can name, `Fri, 31 Dec 9999 23:59:59 GMT`.
const LAST_SECOND: u64 = 253_402_300_799;

/// The IMF-fixdate of RFC 9110 §5.6.7. Fractions are cut; a time before 1970 or after 9999 becomes the
/// nearest that the format has.
pub(crate) fn http_date(time: SystemTime) -> [u8; HTTP_DATE_LENGTH] {
    http_date_of(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// Reads any of the three formats of RFC 9110 §5.6.7; `None` means that the field is to be ignored.
///
/// The weekday has to fit the date, the date has to exist and to be in 1970 or later.
pub(crate) fn parse_http_date(octets: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(octets).ok()?;
    if text.contains('-') {
        return parse_rfc850(text, SystemTime::now());
    }
    httpdate::parse_http_date(text).ok()
}

/// The texts of the current second. One for each thread: a second is formatted once, however many responses
/// name it.
#[derive(Debug)]
pub(crate) struct DateCache {
    http_second: Option<u64>,
    http_line: [u8; DATE_LINE_LENGTH],
    /// The second and the form of the text.
    logged: Option<(u64, DateStyle)>,
    log: String,
}

/// How a log has its dates.
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

    /// A `Date` field with its line end.
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
        value.copy_from_slice(&http_date_of(unix_seconds));
        end.copy_from_slice(b"\r\n");
        self.http_second = Some(unix_seconds);
    }

    /// The date of a log line in local time.
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

pub(crate) fn http_date_of(unix_seconds: u64) -> [u8; HTTP_DATE_LENGTH] {
    // Clamped, because the conversion panics on times that the format does not have.
    let time = UNIX_EPOCH + Duration::from_secs(unix_seconds.min(LAST_SECOND));
    let mut text = [b' '; HTTP_DATE_LENGTH];
    // The text has exactly this length, so nothing is left over or cut off.
    let _ = std::io::Write::write_fmt(&mut text.as_mut_slice(), format_args!("{}", HttpDate::from(time)));
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

/// `Sunday, 06-Nov-94 08:49:37 GMT`, rewritten as IMF-fixdate.
///
/// A year of two digits stands for the one that is not more than 50 years ahead (RFC 9110 §5.6.7). A fixed
/// border, as libraries have it, would be wrong by a century some day.
fn parse_rfc850(text: &str, now: SystemTime) -> Option<SystemTime> {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let (day_name, rest) = text.split_once(", ")?;
    let day_name = DAYS.into_iter().find(|name| *name == day_name)?.get(..3)?;
    let (date, time) = rest.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 2 || !year.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let year = full_year(year.parse().ok()?, year_of(now));
    httpdate::parse_http_date(&format!("{day_name}, {day} {month} {year:04} {time}")).ok()
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
        assert_eq!(&http_date(UNIX_EPOCH - Duration::from_secs(1)), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(&http_date(at(LAST_SECOND + 1)), b"Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(DateCache::new().http_line(u64::MAX), b"Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
        assert_eq!(DateCache::new().log(u64::MAX, DateStyle::Python).len(), 20);
    }

    #[test]
    fn all_three_formats_are_read() {
        assert_eq!(parse_http_date(b"Sun, 06 Nov 1994 08:49:37 GMT"), Some(at(EXAMPLE)));
        assert_eq!(parse_http_date(b"Sunday, 06-Nov-94 08:49:37 GMT"), Some(at(EXAMPLE)));
        assert_eq!(parse_http_date(b"Sun Nov  6 08:49:37 1994"), Some(at(EXAMPLE)));
    }

    #[test]
    fn invalid_dates_are_none() {
        let wrong: [&[u8]; 11] = [
            b"",
            b"0",
            b"yesterday",
            b"Mon, 06 Nov 1994 08:49:37 GMT",
            b"Sun, 06 Nov 1994 08:49:37 CET",
            b"Sun, 06 Nov 1994 25:49:37 GMT",
            b"Wed, 30 Feb 1994 08:49:37 GMT",
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
        fn what_is_written_is_read_back(seconds in 0..=LAST_SECOND) {
            prop_assert_eq!(parse_http_date(&http_date(at(seconds))), Some(at(seconds)));
        }

        #[test]
        fn reading_never_panics(
            octets: Vec<u8>,
            text in "[A-Z][a-z]+, [0-9 -]{2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9:]{8} GMT",
        ) {
            parse_http_date(&octets);
            parse_http_date(text.as_bytes());
        }
    }
}
