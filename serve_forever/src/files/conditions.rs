//! Whether the client has the present state of a file already (RFC 9110 §13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http::date::parse_http_date;

/// Whether the answer is 304: the one `If-Modified-Since` field, if there is one and it is a date, names the time
/// of the last change or a later one. HTTP dates have no fractions of a second, so neither does the comparison.
pub(super) fn is_unmodified<'a>(
    mut if_modified_since: impl Iterator<Item = &'a [u8]>,
    last_modified: SystemTime,
) -> bool {
    let (Some(date), None) = (if_modified_since.next(), if_modified_since.next()) else { return false };
    parse_http_date(date).is_some_and(|date| whole_seconds(last_modified) <= date)
}

/// Without the fraction of a second; not before 1970, which HTTP dates cannot name.
fn whole_seconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    const CHANGED: Duration = Duration::from_secs(784_111_777);

    fn is_unmodified_since(fields: &[&str]) -> bool {
        let fraction = Duration::from_millis(999);
        is_unmodified(fields.iter().map(|field| field.as_bytes()), UNIX_EPOCH + CHANGED + fraction)
    }

    #[test]
    fn the_same_second_or_a_later_one_means_unmodified() {
        assert!(is_unmodified_since(&["Sun, 06 Nov 1994 08:49:37 GMT"]));
        assert!(is_unmodified_since(&["Sun, 06 Nov 1994 08:49:38 GMT"]));
        assert!(is_unmodified_since(&["Sunday, 06-Nov-94 08:49:37 GMT"]));
        assert!(!is_unmodified_since(&["Sun, 06 Nov 1994 08:49:36 GMT"]));
    }

    #[test]
    fn no_field_no_date_or_several_of_them_say_nothing() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for fields in [&[][..], &[""], &["yesterday"], &[date, date], &["Sun, 06 Nov 1994 08:49:37 CET"]] {
            assert!(!is_unmodified_since(fields), "{fields:?}");
        }
    }

    #[test]
    fn a_file_from_before_1970_can_be_unmodified() {
        let date = "Thu, 01 Jan 1970 00:00:00 GMT".as_bytes();
        assert!(is_unmodified([date].into_iter(), UNIX_EPOCH - Duration::from_secs(1)));
    }
}
