//! The little of HTTP/1.1 that it takes to tell a server in the own network something: one request a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::tls::Tls;
use crate::base::{Problem, Result};

/// How long to wait for a connection, and for each piece of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// A server that answers `http://` or `https://`.
#[derive(Clone, Debug)]
pub struct Host {
    /// Name and port.
    address: String,
    /// Encrypts connections, where that was asked for.
    tls: Option<Tls>,
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
    /// The server at an address such as `http://localhost:5000` or `https://mlflow.example.org`.
    ///
    /// # Errors
    /// It is no address, or there is nothing to check certificates with.
    pub fn of(url: &str, token: Option<String>) -> Result<Self> {
        let wrong = |what: &str, remedy: &str| Problem::usage(what).of(url).try_this(remedy);
        let (rest, port, encrypted) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (rest, 80, false),
            (_, Some(rest)) => (rest, 443, true),
            _ => return Err(wrong("This is no address of a server", "Write http://HOST:PORT or https://HOST")),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let usable = !host.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control());
        if !usable || host.contains('@') {
            return Err(wrong("This is no address of a server", "Write http://HOST:PORT or https://HOST"));
        }
        let bare = host.rsplit_once(']').map_or(host, |(_, port)| port);
        let address = if bare.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        let tls = encrypted.then(Tls::new).transpose()?;
        Ok(Self { address, tls, prefix, token })
    }

    /// Sends a request with a body and reads the answer, whatever its status.
    ///
    /// # Errors
    /// The server cannot be reached, or its answer cannot be read.
    pub fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Answer> {
        self.exchange(method, path, kind, body).map_err(|e| {
            Problem::failed("The server could not be told")
                .of(format!("{}://{}{}{path}", self.scheme(), self.address, self.prefix))
                .because(e)
                .try_this("Look whether it runs and whether the address is right")
        })
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The name that a certificate must have: the address without its port.
    fn name(&self) -> &str {
        let name = self.address.rsplit_once(':').map_or(self.address.as_str(), |(name, _)| name);
        name.trim_start_matches('[').trim_end_matches(']')
    }

    fn exchange(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Answer> {
        let stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        match &self.tls {
            Some(tls) => self.converse(tls.wrap(self.name(), stream)?, method, path, kind, body),
            None => self.converse(stream, method, path, kind, body),
        }
    }

    fn converse(
        &self,
        mut stream: impl Read + Write,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> std::io::Result<Answer> {
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
    fn addresses_are_taken_apart() {
        let of = |url: &str| Host::of(url, None).map(|h| (h.address, h.prefix));
        assert_eq!(of("http://localhost:5000").unwrap(), ("localhost:5000".into(), String::new()));
        assert_eq!(of("http://a.b/x/y/").unwrap(), ("a.b:80".into(), "/x/y".into()));
        assert_eq!(of("http://[::1]/").unwrap(), ("[::1]:80".into(), String::new()));
        for wrong in ["a", "ftp://a", "http://", "http://a b", "http://u:p@a", "https://"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        let host = |address: &str| Host { address: address.into(), tls: None, prefix: String::new(), token: None };
        assert_eq!((host("a.b:443").name().to_owned(), host("[::1]:443").name()), ("a.b".into(), "::1"));
        assert_eq!(escaped("a b/ü"), "a%20b%2F%C3%BC");
    }

    /// A certificate for a name that signs itself, and its key, in PEM.
    fn certificate(name: &str) -> (openssl::x509::X509, openssl::pkey::PKey<openssl::pkey::Private>) {
        use openssl::asn1::Asn1Time;
        use openssl::x509::extension::SubjectAlternativeName;
        let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
        let key = openssl::pkey::PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
        let mut of = openssl::x509::X509NameBuilder::new().unwrap();
        of.append_entry_by_text("CN", name).unwrap();
        let of = of.build();
        let mut made = openssl::x509::X509::builder().unwrap();
        made.set_version(2).unwrap();
        made.set_subject_name(&of).unwrap();
        made.set_issuer_name(&of).unwrap();
        made.set_pubkey(&key).unwrap();
        made.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        made.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        let names = SubjectAlternativeName::new().dns(name).build(&made.x509v3_context(None, None)).unwrap();
        made.append_extension(names).unwrap();
        made.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
        (made.build(), key)
    }

    /// A server that answers one encrypted request, the certificate that it shows, and what it was asked.
    fn server(name: &str, dir: &std::path::Path) -> (u16, std::path::PathBuf, std::thread::JoinHandle<String>) {
        use openssl::ssl::{SslAcceptor, SslMethod};
        let (certificate, key) = certificate(name);
        let file = dir.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.to_pem().unwrap()).unwrap();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_private_key(&key).unwrap();
        acceptor.set_certificate(&certificate).unwrap();
        let (acceptor, listener) = (acceptor.build(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let port = listener.local_addr().unwrap().port();
        let asked = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let Ok(mut stream) = acceptor.accept(stream) else { return String::new() };
            let mut text = vec![0; 4096];
            let mut length = 0;
            while !text[..length].ends_with(b"{}") {
                match stream.read(&mut text[length..]) {
                    Ok(more) if more > 0 => length += more,
                    _ => break,
                }
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            // Who does not trust it is gone by now.
            let _ = stream.write_all(answer).and_then(|()| stream.flush());
            let _ = stream.shutdown();
            String::from_utf8_lossy(&text[..length]).into_owned()
        });
        (port, file, asked)
    }

    #[test]
    fn an_encrypted_server_is_told_if_its_certificate_and_name_are_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let ask = |port: u16, name: &str, file: &std::path::Path| {
            let tls = Some(Tls::trusting(file).unwrap());
            let host = Host { address: format!("{name}:{port}"), tls, prefix: "/x".into(), token: Some("t0".into()) };
            host.send("POST", "/y", "application/json", b"{}")
        };
        let (port, file, asked) = server("localhost", dir.path());
        let answer = ask(port, "localhost", &file).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"ok".as_slice()));
        let asked = asked.join().unwrap();
        assert!(asked.starts_with("POST /x/y HTTP/1.1\r\n") && asked.contains("Authorization: Bearer t0"), "{asked}");
        // One that nobody vouches for, and one of another name: nothing is told them, the token neither.
        let (_, other, _) = server("elsewhere.test", dir.path());
        for (name, trusted) in [("localhost", Some(&other)), ("elsewhere.test", None)] {
            let (port, own, asked) = server(name, dir.path());
            let problem = ask(port, "localhost", trusted.unwrap_or(&own)).unwrap_err();
            assert!(problem.detail.as_ref().unwrap().contains("certificate"), "{problem:?}");
            assert!(problem.subject.unwrap().starts_with("https://localhost"));
            assert_eq!(asked.join().unwrap(), "");
        }
    }
}
