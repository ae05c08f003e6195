//! The data key, and what is derived from it.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::super::{Problem, Result};

/// Bytes of a key.
pub(super) const KEY: usize = 32;
/// Bytes of a nonce.
pub(super) const NONCE: usize = 24;
/// Bytes that sealing adds to what is sealed, besides its nonce.
pub(super) const TAG: usize = 16;

/// Names an encrypted library; stands in each of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub [u8; 16]);

/// Fills bytes from the system's source of randomness.
///
/// # Errors
/// The system has none.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut out = [0; N];
    getrandom::fill(&mut out).map_err(|e| Problem::failed("This system gives no random numbers").because(e))?;
    Ok(out)
}

/// The key that everything in a library is encrypted with. Overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Zeroizing<[u8; KEY]>);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(…)")
    }
}

impl DataKey {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn random() -> Result<Self> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    pub(super) fn of(bytes: [u8; KEY]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(unhex(text.trim())?);
        Some(Self::of(bytes.as_slice().try_into().ok()?))
    }

    /// As 64 hexadecimal digits.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&self.0[..]))
    }

    pub(super) fn bytes(&self) -> &[u8; KEY] {
        &self.0
    }

    fn derived(&self, what: &str) -> Zeroizing<[u8; KEY]> {
        Zeroizing::new(blake3::derive_key(what, &self.0[..]))
    }

    /// Tells whether it is a certain key; from 256 random bits a hash gives nothing away.
    pub(super) fn mark(&self) -> [u8; 16] {
        std::array::from_fn(|i| self.derived("latent-studio vault v1: mark")[i])
    }

    /// Tells that somebody with this key put a library into a state.
    pub(super) fn state_mark(&self, id: &[u8; 16], state: u8) -> [u8; 16] {
        let key = self.derived("latent-studio vault v1: state");
        let hash = blake3::keyed_hash(&key, &[id.as_slice(), &[state]].concat());
        std::array::from_fn(|i| hash.as_bytes()[i])
    }

    /// What files are sealed with.
    pub(super) fn files(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.derived("latent-studio vault v1: files")).into())
    }

    /// The key of the database, as a blob literal that SQLCipher takes as it is.
    pub(super) fn database(&self) -> Zeroizing<String> {
        let key = self.derived("latent-studio vault v1: database");
        Zeroizing::new(format!("x'{}'", hex(&key[..])))
    }
}

/// Seals a few bytes: nonce, then what is sealed. `bound` must be the same when they are opened.
pub(super) fn seal(key: &[u8; KEY], bytes: &[u8], bound: &[u8]) -> Result<Vec<u8>> {
    let nonce: [u8; NONCE] = random()?;
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: bytes, aad: bound })
        .map_err(|_| Problem::failed("This could not be encrypted"))?;
    Ok([&nonce[..], &sealed].concat())
}

/// Opens what [`seal`] made; nothing if it is another key, or something was changed.
pub(super) fn unseal(key: &[u8; KEY], sealed: &[u8], bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: sealed, aad: bound };
    XChaCha20Poly1305::new(key.into()).decrypt(XNonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}
