//! Saves files from a browser in the folder `uploads`, and lists them. Listens on port 8082, or on
//! the port that is given as an argument.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serve_forever::forms::Part;
use serve_forever::{BaseHttpRequestHandler, Exchange, HttpServer, Result, StatusError};

const FOLDER: &str = "uploads";

const FORM: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Upload</title>
<form method="post" enctype="multipart/form-data">
<input type="file" name="file" multiple>
<button>Upload</button>
</form>
"#;

struct Upload;

impl BaseHttpRequestHandler for Upload {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        if http.url_path() != "/" {
            return Err(StatusError::new(404).into());
        }
        let files = uploaded()?;
        let list: Vec<_> =
            files.iter().map(|(name, size)| format!("<li>{}: {size} bytes\n", html(name))).collect();
        http.send_response(200).send_header("Content-Type", "text/html; charset=utf-8").end_headers()?;
        write!(http.wfile(), "{FORM}<ul>\n{}</ul>\n", list.concat())?;
        Ok(())
    }

    fn do_post(&mut self, http: &mut Exchange) -> Result {
        let mut saved = String::new();
        let mut form = http.multipart()?;
        while let Some(mut part) = form.next_part()? {
            // If no file was chosen, a browser sends a part with an empty file name.
            if part.name() == "file" && part.file_name() != Some("") {
                saved += &save(&mut part)?;
            }
        }
        http.send_response(201).send_header("Content-Type", "text/plain; charset=utf-8").end_headers()?;
        http.wfile().write_all(saved.as_bytes())?;
        Ok(())
    }
}

/// Saves a file on disk as it arrives. Returns its name and size as a line of text.
fn save(part: &mut Part) -> Result<String> {
    let bad_name = || StatusError::new(400).explain("A file cannot be called that");
    let name = part.safe_file_name().ok_or_else(bad_name)?.to_owned();
    let path = Path::new(FOLDER).join(&name);
    let mut file = File::create_new(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => StatusError::new(409).explain("There is a file of that name").into(),
        _ => serve_forever::Error::from(error),
    })?;
    match io::copy(part, &mut file) {
        Ok(size) => Ok(format!("{name}: {size} bytes\n")),
        Err(error) => {
            // An incomplete file is of no use.
            drop(file);
            fs::remove_file(&path)?;
            Err(error.into())
        }
    }
}

/// Returns the names and sizes of the files in the folder.
fn uploaded() -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(FOLDER)? {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
    }
    files.sort();
    Ok(files)
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn main() -> Result {
    let port = std::env::args().nth(1).map_or(Ok(8082), |port| port.parse::<u16>())?;
    fs::create_dir_all(FOLDER)?;
    let server = HttpServer::builder(|| Upload).max_body_size(4 << 30).bind(("127.0.0.1", port))?;
    println!("http://{}/", server.server_addresses()[0]);
    server.serve_forever()?;
    Ok(())
}
