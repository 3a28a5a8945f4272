//! Tests of boundaries that arrive whole, or cut at any point.

use super::*;

/// The content between the boundaries, in which the head of a part would be the first line. The
/// error says whether the body is malformed (`true`) or incomplete (`false`).
type Outcome = Result<Vec<Vec<u8>>, bool>;

/// Reads `input` as it arrives in pieces of `size` bytes. The content of a part begins right after
/// the line of its boundary.
fn pieces(boundary: &[u8], input: &[u8], size: usize) -> Outcome {
    let mut boundary = Boundary::new(boundary).expect("a valid boundary");
    let mut parts = vec![Vec::new()];
    let (mut at, mut arrived) = (0, 0);
    loop {
        let piece = &input[at..arrived];
        let part = parts.last_mut().expect("there is the preamble");
        match boundary.scan(piece) {
            Ok(Found::Content { len }) => {
                assert!(len > 0);
                part.extend_from_slice(&piece[..len]);
                at += len;
            }
            Ok(Found::Held(range)) => {
                assert!(!range.is_empty());
                part.extend_from_slice(boundary.held(range));
            }
            Ok(Found::Part { used }) => {
                assert!(boundary.is_at_part());
                at += used;
                parts.push(Vec::new());
                boundary.begin_content();
            }
            Ok(Found::End { used }) => {
                assert!(boundary.is_over() && at + used <= input.len());
                return Ok(parts);
            }
            Ok(Found::More) => {
                at = arrived;
                if arrived == input.len() {
                    return if boundary.finish() { Ok(parts) } else { Err(false) };
                }
                arrived = input.len().min(arrived + size);
            }
            Err(Malformed) => {
                assert_eq!(boundary.scan(b"\r\n--b--\r\n"), Err(Malformed), "that is final");
                return Err(true);
            }
        }
    }
}

fn parts(boundary: &str, input: &str) -> Result<Vec<String>, bool> {
    let whole = pieces(boundary.as_bytes(), input.as_bytes(), usize::MAX / 2);
    for size in 1..=input.len() {
        assert_eq!(pieces(boundary.as_bytes(), input.as_bytes(), size), whole, "pieces of {size} bytes");
    }
    whole.map(|parts| parts.into_iter().map(|part| String::from_utf8(part).expect("text")).collect())
}

fn is(input: &str, expected: &[&str]) {
    assert_eq!(parts("b", input), Ok(expected.iter().map(|&part| part.to_owned()).collect()), "{input:?}");
}

#[test]
fn parts_are_what_is_between_boundaries() {
    is("--b\r\nx\r\n--b\r\ny\r\n--b--\r\n", &["", "x", "y"]);
    is("preamble\r\n--b\r\nx\r\n--b--\r\nepilogue\r\n--b\r\n", &["preamble", "x"]);
    is("--b--", &[""]);
    is("\r\n--b\r\nx\r\n--b--", &["", "x"]);
}

#[test]
fn empty_parts() {
    is("--b\r\n\r\n--b--", &["", ""]);
    // The CR LF that ends the line of a boundary also begins the next delimiter.
    is("--b\r\n--b\r\n--b--", &["", "", ""]);
}

#[test]
fn blanks_behind_a_boundary_are_padding() {
    is("--b \t \r\nx\r\n--b-- \t\r\n", &["", "x"]);
    is("--b\r\nx\r\n--b-- ", &["", "x"]);
    assert_eq!(parts("b", "--b -- \r\n"), Err(true));
    assert_eq!(parts("b", "--b- -\r\n"), Err(true));
}

#[test]
fn what_only_looks_like_a_boundary_is_content() {
    for content in [
        "--b",
        "x--b\r\n",
        "x\n--b\r\n",
        "x\r--b",
        "\r\n-b",
        "\r\n--",
        "\r\n--c",
        "\r\n --b",
        "\r",
        "\r\r\r\n\r\n-",
        "\r\n-\r\n-\r\n--a",
    ] {
        is(&format!("--b\r\nx{content}\r\n--b--"), &["", &format!("x{content}")]);
        let long = format!("--boundary\r\nx{content}\r\n--boundary--");
        assert_eq!(parts("boundary", &long), Ok(vec![String::new(), format!("x{content}")]));
    }
    let cut = "\r\n--boundar\r\n--boundaz\r\n--bound";
    let input = format!("--boundary\r\n{cut}\r\n--boundary--");
    assert_eq!(parts("boundary", &input), Ok(vec![String::new(), cut.to_owned()]));
}

#[test]
fn a_line_that_goes_on_behind_the_boundary_is_refused() {
    for end in ["x", "\n", "\rx", "-x", "--x", "--\n", "--\rx", "-\r\n", " x"] {
        assert_eq!(parts("b", &format!("--b\r\nx\r\n--b{end}")), Err(true), "{end:?}");
    }
}

#[test]
fn a_body_without_its_last_boundary_is_not_over() {
    let body = "--b\r\nx\r\n--b--\r\n";
    for length in 0..body.len() {
        let is_over = length == body.len() - 2;
        assert_eq!(parts("b", &body[..length]).err(), (!is_over).then_some(false), "{length} bytes");
    }
}

#[test]
fn boundaries_have_1_to_70_bytes_of_a_few_kinds() {
    for valid in [&b"b"[..], &[b'b'; 70], b"'()+_,-./:=?", b"a b", b"----WebKitFormBoundary7MA4YWxkTrZu0gW"] {
        assert!(Boundary::new(valid).is_some(), "{}", valid.escape_ascii());
    }
    for invalid in [&b""[..], &[b'b'; 71], b"b ", b"a\"b", b"a\r\nb", b"a\tb", b"\xc3\xa4", b"a;b", b"a*b"] {
        assert!(Boundary::new(invalid).is_none(), "{}", invalid.escape_ascii());
    }
}

#[test]
fn a_boundary_of_70_bytes_is_found() {
    let boundary = "-".repeat(70);
    let input = format!("--{boundary}\r\nx\r\n---\r\n--{boundary}--");
    assert_eq!(parts(&boundary, &input), Ok(vec![String::new(), "x\r\n---".into()]));
}
