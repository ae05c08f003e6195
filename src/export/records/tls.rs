//! An encrypted connection to a server, with the OpenSSL that encrypts the library too.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use openssl::ssl::{SslConnector, SslMethod};

use crate::base::{Problem, Result};

/// Names a file of authorities that are trusted, in place of the system's, as MLflow's own client reads it.
const OWN: &str = "MLFLOW_TRACKING_SERVER_CERT_PATH";
/// Names a file of authorities that are trusted besides, as OpenSSL reads it.
const MORE: &str = "SSL_CERT_FILE";

/// Where systems keep the authorities that they trust (the list of Go's crypto/x509).
const SYSTEM: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// Files of authorities that are trusted, and whether the first one was named by a person.
fn trusted(named: impl Fn(&str) -> Option<PathBuf>) -> (Vec<PathBuf>, bool) {
    match named(OWN).or_else(|| named(MORE)) {
        Some(file) => (vec![file], true),
        None => (SYSTEM.iter().map(PathBuf::from).filter(|file| file.is_file()).take(1).collect(), false),
    }
}

/// Who makes encrypted connections: TLS 1.2 or later, the server's certificate and name are checked.
#[derive(Clone)]
pub struct Tls(SslConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Trusts the authorities that the system trusts, or those of the file that `MLFLOW_TRACKING_SERVER_CERT_PATH` or
    /// `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// There are none, or the file cannot be read.
    pub fn new() -> Result<Self> {
        let (files, named) = trusted(|name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from));
        let Some(file) = files.first() else {
            return Err(Problem::failed(
                "No authorities were found that certificates of servers could be checked with",
            )
            .try_this(format!("Name a file of certificates (PEM) with {MORE}")));
        };
        Self::trusting(file)
            .map_err(|problem| if named { problem.of(format!("{OWN} or {MORE}: {}", file.display())) } else { problem })
    }

    /// Trusts the authorities of a file of certificates (PEM) only.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn trusting(file: &Path) -> Result<Self> {
        let fail = |e: openssl::error::ErrorStack| {
            Problem::data("These certificates could not be read")
                .of(file.display().to_string())
                .because(e)
                .try_this("It must be a file of certificates in PEM")
        };
        let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(fail)?;
        builder.set_ca_file(file).map_err(fail)?;
        Ok(Self(builder.build()))
    }

    /// Makes a connection encrypted; `host` is the name that its certificate must have.
    ///
    /// # Errors
    /// The certificate is not trusted or is another one's, or the connection ended.
    pub fn wrap(&self, host: &str, stream: TcpStream) -> std::io::Result<impl Read + Write + use<>> {
        self.0.connect(host, stream).map_err(|e| {
            let why = match &e {
                openssl::ssl::HandshakeError::Failure(stream) | openssl::ssl::HandshakeError::WouldBlock(stream) => {
                    let checked = stream.ssl().verify_result();
                    if checked == openssl::x509::X509VerifyResult::OK {
                        e.to_string()
                    } else {
                        format!(
                            "its certificate is not trusted: {}; authorities of your own are named with {OWN}",
                            checked.error_string()
                        )
                    }
                }
                openssl::ssl::HandshakeError::SetupFailure(_) => e.to_string(),
            };
            std::io::Error::other(why)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_names_comes_first() {
        let (files, named) = trusted(|name| (name == MORE).then(|| "/a.pem".into()));
        assert_eq!((files, named), (vec![PathBuf::from("/a.pem")], true));
        let (files, named) = trusted(|name| Some(name.to_lowercase().into()));
        assert_eq!((files, named), (vec![PathBuf::from("mlflow_tracking_server_cert_path")], true));
        let (files, named) = trusted(|_| None);
        assert!(files.len() <= 1 && !named);
    }

    #[test]
    fn certificates_that_are_none_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.pem");
        assert!(Tls::trusting(&file).is_err());
        std::fs::write(&file, "no certificate").unwrap();
        let problem = Tls::trusting(&file).unwrap_err();
        assert!(problem.subject.unwrap().contains("a.pem") && problem.remedy.unwrap().contains("PEM"));
    }
}
