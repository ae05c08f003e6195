//! The little of HTTP/1.1 that it takes to tell a server in the own network something: one request a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::base::{Problem, Result};

/// How long to wait for a connection, and for each piece of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// A server that answers `http://`.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Name and port.
    address: String,
    /// What every path begins with; empty, or with a slash in front and none behind.
    prefix: String,
    /// Sent as proof of who asks.
    token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status, such as 200.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

impl Host {
    /// The server at an address such as `http://localhost:5000`.
    ///
    /// # Errors
    /// It is no address, or one of a server that wants encryption.
    pub fn of(url: &str, token: Option<String>) -> Result<Self> {
        let wrong = |what: &str, remedy: &str| Problem::usage(what).of(url).try_this(remedy);
        let Some(rest) = url.strip_prefix("http://") else {
            if url.starts_with("https://") {
                return Err(wrong(
                    "Servers are told over http:// only, not over an encrypted connection",
                    "Forward a port to it (`ssh -N -L 5000:localhost:5000 HOST`) and give http://localhost:5000, or \
                     write a file with --mlflow FILE.db",
                ));
            }
            return Err(wrong("This is no address of a server", "Write http://HOST:PORT"));
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usable = !host.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control());
        if !usable || host.contains('@') {
            return Err(wrong("This is no address of a server", "Write http://HOST:PORT"));
        }
        let bare = host.rsplit_once(']').map_or(host, |(_, port)| port);
        let address = if bare.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { address, prefix, token })
    }

    /// Sends a request with a body and reads the answer, whatever its status.
    ///
    /// # Errors
    /// The server cannot be reached, or its answer cannot be read.
    pub fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Answer> {
        self.exchange(method, path, kind, body).map_err(|e| {
            Problem::failed("The server could not be told")
                .of(format!("http://{}{}{path}", self.address, self.prefix))
                .because(e)
                .try_this("Look whether it runs and whether the address is right")
        })
    }

    fn exchange(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Answer> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let token = self.token.as_ref().map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
        let head = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             {token}\r\n",
            self.prefix,
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        stream.flush()?;
        read(BufReader::new(stream.take(LONGEST)))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let mut last = None;
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return Ok(stream),
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::other("the name has no address")))
    }
}

/// Reads an answer (RFC 9112).
fn read(mut from: impl BufRead) -> std::io::Result<Answer> {
    let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let (mut status, mut length, mut chunked);
    loop {
        let line = line(&mut from)?;
        status = line
            .strip_prefix("HTTP/1.")
            .and_then(|l| l.split(' ').nth(1)?.parse().ok())
            .ok_or_else(|| bad("the answer is none of HTTP/1.1"))?;
        (length, chunked) = (None, false);
        loop {
            let line = self::line(&mut from)?;
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse::<u64>().ok(),
                "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
                _ => {}
            }
        }
        // Those below 200 come before the real one.
        if status >= 200 {
            break;
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let line = line(&mut from)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| bad("a chunk of the answer has no length"))?;
            if size == 0 {
                break;
            }
            take(&mut from, size, &mut body)?;
            self::line(&mut from)?;
        }
    } else if let Some(length) = length {
        take(&mut from, length, &mut body)?;
    } else if status != 204 {
        from.read_to_end(&mut body)?;
    }
    Ok(Answer { status, body })
}

/// Reads so many bytes.
fn take(from: &mut impl BufRead, count: u64, out: &mut Vec<u8>) -> std::io::Result<()> {
    let got = from.take(count).read_to_end(out)?;
    if got as u64 == count { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

/// Reads a line without its end.
fn line(from: &mut impl BufRead) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    from.take(64 << 10).read_until(b'\n', &mut bytes)?;
    if bytes.last() != Some(&b'\n') {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// A text as it stands in the query of an address.
pub fn escaped(text: &str) -> String {
    let one = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => (b as char).to_string(),
        _ => format!("%{b:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> std::io::Result<(u16, String)> {
        read(text.as_bytes()).map(|a| (a.status, String::from_utf8(a.body).unwrap()))
    }

    #[test]
    fn answers_are_read_by_length_by_chunks_and_to_the_end() {
        let whole = |text: &str| answer(text).unwrap();
        assert_eq!(whole("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc"), (200, "ab".into()));
        assert_eq!(whole("HTTP/1.0 404 No\r\n\r\nabc"), (404, "abc".into()));
        let chunks = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x\r\ncde\r\n0\r\n\r\n";
        assert_eq!(whole(chunks), (200, "abcde".into()));
        for cut in [12, 40, 60, 90] {
            assert!(answer(&chunks[..cut]).is_err(), "{cut}");
        }
        assert!(answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").is_err());
        assert!(answer("hello\r\n").is_err());
    }

    #[test]
    fn addresses_are_taken_apart_and_encryption_is_refused_with_a_way_out() {
        let of = |url: &str| Host::of(url, None).map(|h| (h.address, h.prefix));
        assert_eq!(of("http://localhost:5000").unwrap(), ("localhost:5000".into(), String::new()));
        assert_eq!(of("http://a.b/x/y/").unwrap(), ("a.b:80".into(), "/x/y".into()));
        assert_eq!(of("http://[::1]/").unwrap(), ("[::1]:80".into(), String::new()));
        assert!(of("https://a").unwrap_err().remedy.unwrap().contains("ssh"));
        for wrong in ["a", "ftp://a", "http://", "http://a b", "http://u:p@a"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(escaped("a b/ü"), "a%20b%2F%C3%BC");
    }
}
