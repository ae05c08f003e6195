//! A file of slots of one size that are written in any order, by any thread, and read again by the same process: what an
//! encrypted library keeps while it works. Sealed by a key of its own that is gone with the process.

use std::fs::File;
use std::io;

use chacha20poly1305::XChaCha20Poly1305;

use super::super::Result;
use super::super::position;
use super::key::{DataKey, Id};
use super::sealed::{Head, Kind, MORE, random};

/// What a slot is marked with.
const MARK: u8 = 3;

/// How the slots of one file are sealed.
pub struct Slots {
    head: Head,
    cipher: XChaCha20Poly1305,
    size: usize,
}

impl Slots {
    /// For slots of so many bytes.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(size: usize) -> Result<Self> {
        let key = DataKey::random()?;
        Ok(Self { head: Head::of_slots()?, cipher: key.files(), size })
    }

    fn place(&self, slot: usize) -> u64 {
        slot as u64 * (self.size + MORE) as u64
    }

    /// Writes a slot.
    ///
    /// # Errors
    /// The disk is full.
    pub fn put(&self, file: &File, slot: usize, bytes: &[u8]) -> io::Result<()> {
        let mut sealed = Vec::with_capacity(bytes.len() + MORE);
        self.head.seal(&self.cipher, (slot as u64, MARK), random()?, bytes, &mut sealed)?;
        position::write_all_at(file, &sealed, self.place(slot))
    }

    /// Reads a slot.
    ///
    /// # Errors
    /// It was never written, or was changed since.
    pub fn get(&self, file: &File, slot: usize) -> io::Result<Vec<u8>> {
        let mut sealed = vec![0; self.size + MORE];
        position::read_exact_at(file, &mut sealed, self.place(slot))?;
        Ok(self.head.unseal(&self.cipher, (slot as u64, MARK), &mut sealed)?.to_vec())
    }
}

impl Head {
    fn of_slots() -> Result<Self> {
        let fail = |e| super::super::Problem::failed("This system gives no random numbers").because(e);
        Self::new(Id([0; 16]), Kind::Chunks).map_err(fail)
    }
}
