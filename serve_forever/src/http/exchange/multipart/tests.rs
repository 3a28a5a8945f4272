//! Tests of forms, well-formed and malformed, that arrive whole or cut at any point.

use std::io::{BufReader, Cursor, Read};

use proptest::prelude::*;

use super::*;

/// A part as it was sent, or as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    content: Vec<u8>,
}

/// A body that arrives in pieces of the given sizes. After the last size, the first one is used
/// again.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: Vec<usize>,
    next: usize,
    /// How many bytes at the front of `rest` have arrived.
    arrived: usize,
}

impl<'a> Pieces<'a> {
    fn new(rest: &'a [u8], sizes: &[usize]) -> Self {
        Self { rest, sizes: sizes.to_vec(), next: 0, arrived: 0 }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.arrived == 0 {
            self.arrived = self.sizes[self.next % self.sizes.len()].min(self.rest.len());
            self.next += 1;
        }
        Ok(&self.rest[..self.arrived])
    }

    fn consume(&mut self, amount: usize) {
        assert!(amount <= self.arrived);
        self.arrived -= amount;
        self.rest = &self.rest[amount..];
    }
}

fn form<'a>(body: &'a mut (dyn BufRead + Send + 'a), boundary: &str) -> Multipart<'a> {
    Multipart::new(body, Boundary::new(boundary.as_bytes()).expect("a valid boundary"))
}

/// Reads all parts. The error is the status with which the body is refused.
fn read(body: &mut (dyn BufRead + Send), boundary: &str) -> Result<Vec<Field>, u16> {
    let mut form = form(body, boundary);
    let mut fields = Vec::new();
    let result = (|| -> Result {
        while let Some(mut part) = form.next_part()? {
            let mut content = Vec::new();
            part.read_to_end(&mut content)?;
            assert_eq!(part.read(&mut [0])?, 0, "the end stays the end");
            fields.push(Field {
                name: part.name().to_owned(),
                file_name: part.file_name().map(str::to_owned),
                content_type: part.content_type().map(str::to_owned),
                content,
            });
        }
        Ok(())
    })();
    match result {
        Ok(()) => {
            assert!(form.next_part().expect("it was read").is_none(), "the end stays the end");
            Ok(fields)
        }
        Err(error) => {
            let status = StatusError::within(&error).expect("the client is told").status();
            let again = form.next_part().expect_err("a refusal is final");
            assert_eq!(StatusError::within(&again).map(StatusError::status), Some(status));
            Err(status)
        }
    }
}

/// Reads a body, and checks that the result is the same if it arrives byte by byte.
fn fields(body: impl AsRef<[u8]>) -> Result<Vec<Field>, u16> {
    let mut body = body.as_ref();
    let bytes = read(&mut Pieces::new(body, &[1]), "b");
    let whole = read(&mut body, "b");
    assert_eq!(bytes, whole);
    whole
}

/// Reads the first part of a body in which that part has this head.
fn head(head: &str) -> Result<Field, u16> {
    fields(format!("--b\r\n{head}\r\n\r\n--b--")).map(|mut fields| fields.remove(0))
}

fn field(name: &str, content: &str) -> Field {
    Field { name: name.into(), file_name: None, content_type: None, content: content.into() }
}

#[test]
fn a_form_as_browsers_send_it() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nTea & milk\r\n\
                --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nhot\r\n\r\n--b\r\n\
                Content-Disposition: form-data; name=\"none\"; filename=\"\"\r\n\
                Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n";
    let expected = [
        field("title", "Tea & milk"),
        Field {
            file_name: Some("a.txt".into()),
            content_type: Some("text/plain".into()),
            ..field("file", "hot\r\n")
        },
        Field {
            file_name: Some(String::new()),
            content_type: Some("application/octet-stream".into()),
            ..field("none", "")
        },
    ];
    assert_eq!(fields(body).as_deref(), Ok(&expected[..]));
    assert_eq!(fields("--b--"), Ok(vec![]));
}

#[test]
fn names_are_what_stands_in_their_quotes() {
    let name = |text: &str| {
        head(&format!("Content-Disposition: form-data; {text}\r\n"))
            .map(|field| (field.name, field.file_name))
    };
    let both = |name: &str, file_name: &str| Ok((name.to_owned(), Some(file_name.to_owned())));
    assert_eq!(name("name=a"), Ok(("a".into(), None)));
    assert_eq!(name("NAME=\"a\"; FileName=b"), both("a", "b"));
    assert_eq!(
        name("name=\"a;\\\"b\\\\\"; filename=\"\u{e4}\u{1f375}\""),
        both("a;\"b\\", "\u{e4}\u{1f375}")
    );
    assert_eq!(name("filename=\"C:\\tea.txt\"; name=\"%22\""), both("%22", "C:\\tea.txt"));
    // RFC 7578 §4.2.
    assert_eq!(name("name=a; filename*=UTF-8''evil"), Ok(("a".into(), None)));
    assert_eq!(name("name=a; filename=b; filename*=UTF-8''evil"), both("a", "b"));
}

#[test]
fn a_head_that_is_malformed_is_refused() {
    for text in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Disposition: form-data\r\n",
        "Content-Disposition: attachment; name=a\r\n",
        "Content-Disposition: form-data; name=a; name=b\r\n",
        "Content-Disposition: form-data; name=a; filename=b; filename=c\r\n",
        "Content-Disposition: form-data; name=\"a\r\n",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n",
        "Content-Disposition: form-data; name=a\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n",
        "Content-Disposition: form-data;\r\n name=a\r\n",
        "Content-Disposition : form-data; name=a\r\n",
        "Content-Disposition: form-data; name=a\nX: b\r\n",
        "Content-Disposition: form-data; name=a\0\r\n",
        "--b\r\n",
    ] {
        assert_eq!(head(text), Err(400), "{text:?}");
    }
    let mut latin = b"--b\r\nContent-Disposition: form-data; name=\"".to_vec();
    latin.extend_from_slice(b"\xe4\"\r\n\r\n\r\n--b--");
    assert_eq!(fields(latin), Err(400));
}

#[test]
fn parts_are_not_encoded() {
    let encoded = |by: &str| {
        head(&format!("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: {by}\r\n")).err()
    };
    assert_eq!((encoded("binary"), encoded("7bit"), encoded("8BIT")), (None, None, None));
    assert_eq!((encoded("base64"), encoded("quoted-printable")), (Some(415), Some(415)));
}

#[test]
fn a_body_that_is_cut_is_refused() {
    let body = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\ntext\r\n--b--";
    assert_eq!(fields(body), Ok(vec![field("a", "text")]));
    for length in 0..body.len() {
        assert_eq!(fields(&body[..length]), Err(400), "{length} bytes");
    }
}

#[test]
fn bare_line_feeds_end_nothing() {
    assert_eq!(fields("--b\nContent-Disposition: form-data; name=a\n\ntext\n--b--\n"), Err(400));
    let body = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\n--b--\n\r--b--\r\n--b--";
    assert_eq!(fields(body), Ok(vec![field("a", "1\n--b--\n\r--b--")]));
}

#[test]
fn parts_that_are_not_read_are_passed_over() {
    let body = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nlong\r\n--\r\ntext\r\n\
                --b\r\nContent-Disposition: form-data; name=b\r\n\r\nend\r\n--b--";
    for read in 0..=13 {
        for size in 1..body.len() {
            let mut pieces = Pieces::new(body.as_bytes(), &[size]);
            let mut form = form(&mut pieces, "b");
            let mut part = form.next_part().expect("it is well-formed").expect("there is a part");
            let mut bytes = vec![0; read];
            part.read_exact(&mut bytes).expect("it is so long");
            assert_eq!(bytes, b"long\r\n--\r\ntext"[..read]);
            let mut part = form.next_part().expect("it is well-formed").expect("there is a part");
            assert_eq!(part.text().expect("text"), "end");
            assert_eq!(part.name(), "b");
            assert!(form.next_part().expect("it is well-formed").is_none());
        }
    }
}

#[test]
fn there_are_limits() {
    let part = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n";
    assert_eq!(fields(part.repeat(1000) + "--b--").map(|fields| fields.len()), Ok(1000));
    assert_eq!(fields(part.repeat(1001) + "--b--"), Err(413));
    let fill = |length: usize| {
        let disposition = "Content-Disposition: form-data; name=a\r\n";
        let field = format!("X: {}\r\n", "x".repeat(length - disposition.len() - "X: \r\n\r\n".len()));
        head(&format!("{disposition}{field}")).map(|field| field.name)
    };
    assert_eq!(fill(PART_HEAD_LIMIT), Ok("a".into()));
    assert_eq!(fill(PART_HEAD_LIMIT + 1), Err(413));
    // The server does not wait for the end of a head that is too long.
    let endless = "--b\r\nX: ".to_owned() + &"x".repeat(2 * PART_HEAD_LIMIT);
    assert_eq!(fields(endless), Err(413));
}

#[test]
fn texts_have_a_limit_together_and_are_utf_8() {
    let part = |content: &[u8]| {
        [b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n", content, b"\r\n"].concat()
    };
    let texts = |body: Vec<u8>, most: u64| -> Result<Vec<String>, u16> {
        let mut body = Cursor::new([body, b"--b--".to_vec()].concat());
        let mut form = form(&mut body, "b").max_text_size(most);
        let mut texts = Vec::new();
        while let Some(mut part) = form.next_part().expect("it is well-formed") {
            let text = part.text();
            texts.push(text.map_err(|error| StatusError::within(&error).map_or(0, StatusError::status))?);
        }
        Ok(texts)
    };
    let two = [part(b"12345"), part(b"678")].concat();
    assert_eq!(texts(two.clone(), 8), Ok(vec!["12345".into(), "678".into()]));
    assert_eq!(texts(two.clone(), 7), Err(413));
    assert_eq!(texts(two, u64::MAX), Ok(vec!["12345".into(), "678".into()]));
    assert_eq!(texts(part(b"\xe4"), 8), Err(400));
}

#[test]
fn safe_names_are_one_component() {
    let long = "x".repeat(255);
    for (sent, on_unix, on_windows) in [
        ("tea.txt", Some("tea.txt"), Some("tea.txt")),
        ("../../tea.txt", Some("tea.txt"), Some("tea.txt")),
        ("/etc/passwd", Some("passwd"), Some("passwd")),
        ("C:\\tea\\cup.txt", Some("cup.txt"), Some("cup.txt")),
        (".hidden", Some(".hidden"), Some(".hidden")),
        ("a:b?", Some("a:b?"), None),
        ("nul.txt", Some("nul.txt"), None),
        ("Com1", Some("Com1"), None),
        ("com.txt", Some("com.txt"), Some("com.txt")),
        ("tea. ", Some("tea. "), None),
        (&long, Some(&long), Some(&long)),
        ("", None, None),
        (".", None, None),
        ("..", None, None),
        ("tea/", None, None),
        ("tea\\..", None, None),
        ("a\0b", None, None),
        ("a\x1b[2Jb", None, None),
        (&(long.clone() + "x"), None, None),
    ] {
        assert_eq!((part::safe(sent, false), part::safe(sent, true)), (on_unix, on_windows), "{sent:?}");
    }
}

/// Generates bytes that resemble boundaries made of hyphens and `b`.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let near = prop::collection::vec(prop::sample::select(b"\r\n-bx".to_vec()), 0..60);
    prop_oneof![
        near,
        prop::collection::vec(any::<u8>(), 0..60),
        "(\r\n--b*|\r|\n|-)*".prop_map(String::into_bytes)
    ]
}

fn encode(fields: &[Field], boundary: &str, padding: &str) -> Vec<u8> {
    let mut body = Vec::new();
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    for field in fields {
        body.extend_from_slice(format!("--{boundary}{padding}\r\n").as_bytes());
        let name = quoted(&field.name);
        body.extend_from_slice(format!("Content-Disposition: form-data; name=\"{name}\"").as_bytes());
        if let Some(file_name) = &field.file_name {
            body.extend_from_slice(format!("; filename=\"{}\"", quoted(file_name)).as_bytes());
        }
        if let Some(content_type) = &field.content_type {
            body.extend_from_slice(format!("\r\nContent-Type: {content_type}").as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&field.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--{padding}\r\n").as_bytes());
    body
}

proptest! {
    #[test]
    fn what_was_sent_comes_however_it_is_cut(
        parts in prop::collection::vec(
            ("[^\\p{Cc}]{0,8}", prop::option::of("[^\\p{Cc}]{0,8}"), prop::option::of("[a-z]{1,4}/[a-z]{1,4}"), content()),
            0..5,
        ),
        boundary in "(b{1,4}|[-bB]{1,69}b|[A-Za-z0-9'()+_,./:=?-]{1,70})",
        padding in "[ \t]{0,3}",
        sizes in prop::collection::vec(1_usize..40, 1..6),
        buffer in 1_usize..100,
    ) {
        let fields: Vec<Field> = parts
            .into_iter()
            .map(|(name, file_name, content_type, content)| Field { name, file_name, content_type, content })
            .collect();
        let delimiter = format!("\r\n--{boundary}");
        // A sender must choose a boundary that does not occur in the content.
        prop_assume!(fields.iter().all(|field| {
            let content = [b"\r\n", field.content.as_slice(), b"\r\n--"].concat();
            !content.windows(delimiter.len()).any(|window| window == delimiter.as_bytes())
        }));
        let body = encode(&fields, &boundary, &padding);
        let expected = Ok(fields);
        prop_assert_eq!(&read(&mut Pieces::new(&body, &sizes), &boundary), &expected);
        prop_assert_eq!(&read(&mut body.as_slice(), &boundary), &expected);
        prop_assert_eq!(&read(&mut BufReader::with_capacity(buffer, body.as_slice()), &boundary), &expected);
    }

    #[test]
    fn whatever_comes_is_the_same_however_it_is_cut(
        body in "(--b|--b--|\r\n|\r|\n|-|b|x| |Content-Disposition: form-data; name=a\r\n\r\n){0,30}",
        sizes in prop::collection::vec(1_usize..40, 1..6),
    ) {
        let whole = read(&mut body.as_bytes(), "b");
        prop_assert_eq!(read(&mut Pieces::new(body.as_bytes(), &sizes), "b"), whole);
    }
}
