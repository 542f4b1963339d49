//! A static file server for this machine: enough HTTP/1.1 for a browser, and nothing that a plain static host
//! would not do. The page's policy stands in its own HTML, so no host has to add headers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// This one; an error if it is taken.
    Exactly(u16),
    /// The first free one from here on, within twenty.
    From(u16),
}

/// Listens on the loopback address; returns the address for a browser, too.
pub(crate) fn listen(port: Port) -> io::Result<(TcpListener, String)> {
    let listener = match port {
        Port::Exactly(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port))?,
        Port::From(first) => (first..first.saturating_add(20))
            .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
            .ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))?,
    };
    let address = format!("http://{}/", listener.local_addr()?);
    Ok((listener, address))
}

/// Answers requests for the files under `folder`, for ever.
pub(crate) fn serve(listener: &TcpListener, folder: &Path) {
    for stream in listener.incoming().flatten() {
        let folder = folder.to_path_buf();
        // A browser that goes away in the middle of an answer is its own affair.
        std::thread::spawn(move || drop(answer(&stream, &folder)));
    }
}

fn answer(mut stream: &TcpStream, folder: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut request = String::new();
    let mut lines = BufReader::new(stream.take(16 * 1024));
    lines.read_line(&mut request)?;
    let mut header = String::new();
    while lines.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, kind, body) = match (method, resolve(folder, path)) {
        ("GET" | "HEAD", Some(file)) => match std::fs::read(&file) {
            Ok(body) => ("200 OK", mime(&file), body),
            Err(_) => ("404 Not Found", "text/plain; charset=utf-8", b"There is no such file.\n".to_vec()),
        },
        ("GET" | "HEAD", None) => {
            ("404 Not Found", "text/plain; charset=utf-8", b"There is no such path.\n".to_vec())
        }
        _ => ("405 Method Not Allowed", "text/plain; charset=utf-8", b"Only GET and HEAD.\n".to_vec()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}

/// The file that a request's target means; nothing where it would leave the folder.
fn resolve(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?;
    let path = decode(path.strip_prefix('/')?)?;
    let mut file = folder.to_path_buf();
    for part in path.split('/') {
        if part.contains(['\\', '\0', ':']) || part.starts_with('.') {
            return None;
        }
        file.push(part);
    }
    Some(if file.is_dir() { file.join("index.html") } else { file })
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn mime(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("yaml" | "yml" | "txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_the_folder() {
        let facts = [
            ("/app.css", Some("/page/app.css")),
            ("/www/app.css?v=1", Some("/page/www/app.css")),
            ("/a%20b.svg", Some("/page/a b.svg")),
            ("/../secret", None),
            ("/%2e%2e/secret", None),
            ("/www/..%2f..%2fsecret", None),
            ("/.stage/index.html", None),
            ("/%zz", None),
            ("/%4", None),
            ("http://elsewhere/app.css", None),
            ("", None),
        ];
        for (target, expected) in facts {
            assert_eq!(resolve(Path::new("/page"), target), expected.map(PathBuf::from), "{target}");
        }
    }

    #[test]
    fn answers_as_a_static_host_does() {
        let folder = std::env::temp_dir().join(format!("hopscope-server-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("index.html"), "<p>hello").unwrap();
        std::fs::write(folder.join("a.wasm"), [0, 1, 2]).unwrap();
        let (listener, address) = listen(Port::Exactly(0)).unwrap();
        let host = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let root = folder.clone();
        std::thread::spawn(move || serve(&listener, &root));
        let facts = [
            ("GET /", "HTTP/1.1 200 OK", "text/html; charset=utf-8", "<p>hello"),
            ("HEAD /", "HTTP/1.1 200 OK", "text/html; charset=utf-8", ""),
            ("GET /a.wasm", "HTTP/1.1 200 OK", "application/wasm", "\0\u{1}\u{2}"),
            ("GET /b.js", "HTTP/1.1 404 Not Found", "text/plain; charset=utf-8", "There is no such file.\n"),
            (
                "POST /",
                "HTTP/1.1 405 Method Not Allowed",
                "text/plain; charset=utf-8",
                "Only GET and HEAD.\n",
            ),
        ];
        for (request, status, kind, body) in facts {
            let mut stream = TcpStream::connect(&host).unwrap();
            write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with(status), "{request}: {answer}");
            assert!(answer.contains(&format!("Content-Type: {kind}\r\n")), "{request}: {answer}");
            assert_eq!(answer.split_once("\r\n\r\n").map(|(_, body)| body), Some(body), "{request}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
