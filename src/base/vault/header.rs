//! What an encrypted library keeps in plain: the data key, sealed twice, and how a passphrase becomes a key.

use std::path::{Path, PathBuf};
use std::time::Instant;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::super::paths::{Paths, write_atomically};
use super::super::{Problem, Result};
use super::key::{DataKey, Id, KEY, hex, random, seal, unhex, unseal};
use super::recovery::RecoveryKey;

/// Version of the file.
const FORMAT: u32 = 1;
/// Its name, in the library's folder and, as a copy, in that of the settings.
const NAME: &str = "vault.json";
/// Fewest characters of a passphrase.
pub const SHORTEST: usize = 8;
/// Most memory that a header may ask for, in KiB.
const MOST_MEMORY: u32 = 4 << 20;
/// Most passes over it, and most lanes.
const MOST_PASSES: u32 = 64;
const MOST_LANES: u32 = 16;
/// Seconds that a passphrase shall cost whoever tries one.
const SECONDS: f64 = 1.0;

/// How far encryption is turned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Some files may still be plain.
    TurningOn,
    /// All files are encrypted.
    On,
    /// Some files may be plain again.
    TurningOff,
}

/// What Argon2id costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// About a second on this machine: 256 MiB, or 64 MiB where one pass over those takes longer.
    ///
    /// # Errors
    /// There is no such memory.
    pub fn measured() -> Result<Self> {
        let mut cost = Self { memory: 256 << 10, passes: 1, lanes: 1 };
        let timed = |cost: Self| -> Result<f64> {
            let began = Instant::now();
            derive("measured", &[0; 16], cost)?;
            Ok(began.elapsed().as_secs_f64())
        };
        let mut one = timed(cost)?;
        if one > SECONDS {
            cost.memory = 64 << 10;
            one = timed(cost)?;
        }
        cost.passes = ((SECONDS / one).round() as u32).clamp(2, 10);
        Ok(cost)
    }
}

/// The header of an encrypted library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name of the library, in each of its files.
    pub id: Id,
    /// How far it is encrypted.
    pub state: State,
    cost: Cost,
    salt: [u8; 16],
    /// Hash of the data key, which tells nothing of it.
    mark: [u8; 16],
    passphrase: Vec<u8>,
    recovery: Vec<u8>,
    /// Of the state, made with the data key: nobody else can have a library decrypted.
    seal: [u8; 16],
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    id: String,
    state: State,
    kdf: String,
    cost: Cost,
    salt: String,
    mark: String,
    passphrase: String,
    recovery: String,
    seal: String,
    /// Hash of all of the above, so that damage is told from a wrong passphrase.
    #[serde(default)]
    check: String,
}

fn derive(passphrase: &str, salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; KEY]>> {
    let fail = |e: argon2::Error| Problem::failed("The passphrase could not be turned into a key").because(e);
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(KEY)).map_err(fail)?;
    // The same characters are the same passphrase, however a keyboard composes them.
    let text = Zeroizing::new(passphrase.nfkc().collect::<String>());
    let mut key = Zeroizing::new([0; KEY]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), salt, &mut key[..])
        .map_err(fail)?;
    Ok(key)
}

/// Makes sure that a passphrase is one.
///
/// # Errors
/// It is too short.
pub fn check_passphrase(passphrase: &str) -> Result<()> {
    if passphrase.trim().chars().count() >= SHORTEST {
        return Ok(());
    }
    Err(Problem::usage(format!("A passphrase has at least {SHORTEST} characters"))
        .try_this("Take a few words that nobody would guess"))
}

impl Header {
    /// A header for a new data key, with the recovery key that is shown once.
    ///
    /// # Errors
    /// The passphrase is too short, or there is no memory for the derivation.
    pub fn new(key: &DataKey, passphrase: &str, cost: Cost) -> Result<(Self, RecoveryKey)> {
        check_passphrase(passphrase)?;
        let recovery = RecoveryKey::random()?;
        let (id, salt) = (Id(random()?), random()?);
        let mut this = Self {
            id,
            state: State::TurningOn,
            cost,
            salt,
            mark: key.mark(),
            passphrase: Vec::new(),
            recovery: Vec::new(),
            seal: key.state_mark(&id.0, State::TurningOn as u8),
        };
        this.recovery = seal(&recovery.key(), key.bytes(), &this.bound("recovery"))?;
        this.seal_by(key, passphrase)?;
        Ok((this, recovery))
    }

    fn bound(&self, what: &str) -> Vec<u8> {
        [what.as_bytes(), b" of ", &self.id.0].concat()
    }

    /// What the data key that the passphrase seals is bound to.
    fn bound_to_cost(&self) -> Vec<u8> {
        let Cost { memory, passes, lanes } = self.cost;
        let cost: Vec<u8> = [memory, passes, lanes].into_iter().flat_map(u32::to_le_bytes).collect();
        [self.bound("passphrase"), cost, self.salt.to_vec()].concat()
    }

    fn seal_by(&mut self, key: &DataKey, passphrase: &str) -> Result<()> {
        let by = derive(passphrase, &self.salt, self.cost)?;
        self.passphrase = seal(&by, key.bytes(), &self.bound_to_cost())?;
        Ok(())
    }

    /// The same with another passphrase; no file has to be written again, and the recovery key stays.
    ///
    /// # Errors
    /// The new passphrase is too short, or this is not the data key.
    pub fn with_passphrase(mut self, key: &DataKey, passphrase: &str) -> Result<Self> {
        check_passphrase(passphrase)?;
        self.salt = random()?;
        self.seal_by(key, passphrase)?;
        Ok(self)
    }

    /// The same with another recovery key; the old one opens nothing any more.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn with_recovery(mut self, key: &DataKey) -> Result<(Self, RecoveryKey)> {
        let recovery = RecoveryKey::random()?;
        self.recovery = seal(&recovery.key(), key.bytes(), &self.bound("recovery"))?;
        Ok((self, recovery))
    }

    /// The same in another state.
    #[must_use]
    pub fn in_state(self, state: State, key: &DataKey) -> Self {
        let seal = key.state_mark(&self.id.0, state as u8);
        Self { state, seal, ..self }
    }

    /// Makes sure that whoever set the state had the key.
    fn check_state(&self, key: &DataKey) -> Result<()> {
        if self.seal == key.state_mark(&self.id.0, self.state as u8) {
            return Ok(());
        }
        Err(Problem::data("Somebody without its key changed the header of this library")
            .because("It says how far the library is encrypted")
            .try_this("Bring vault.json back from a backup of the library or of the settings"))
    }

    /// The data key, by the passphrase or the recovery key.
    ///
    /// # Errors
    /// It is neither.
    pub fn open(&self, secret: &str) -> Result<DataKey> {
        let key = |bytes: Zeroizing<Vec<u8>>| Some(DataKey::of(bytes.as_slice().try_into().ok()?));
        if let Some(recovery) = RecoveryKey::from_text(secret)
            && let Some(found) = unseal(&recovery.key(), &self.recovery, &self.bound("recovery")).and_then(key)
        {
            self.check_state(&found)?;
            return Ok(found);
        }
        let by = derive(secret, &self.salt, self.cost)?;
        let found = unseal(&by, &self.passphrase, &self.bound_to_cost()).and_then(key).ok_or_else(|| {
            Problem::usage("This is not the passphrase of the library, nor its recovery key")
                .try_this("Check Caps Lock and the keyboard's layout; without either of the two nobody can open it")
        })?;
        self.check_state(&found)?;
        Ok(found)
    }

    /// Whether this is the data key.
    pub(super) fn is_key(&self, key: &DataKey) -> bool {
        self.mark == key.mark() && self.check_state(key).is_ok()
    }

    fn to_json(&self) -> Result<Vec<u8>> {
        let mut written = Written {
            format: FORMAT,
            id: hex(&self.id.0),
            state: self.state,
            kdf: "argon2id".into(),
            cost: self.cost,
            salt: hex(&self.salt),
            mark: hex(&self.mark),
            passphrase: hex(&self.passphrase),
            recovery: hex(&self.recovery),
            seal: hex(&self.seal),
            check: String::new(),
        };
        written.check = check(&written)?;
        serde_json::to_vec_pretty(&written).map_err(bad)
    }

    fn from_json(bytes: &[u8]) -> Result<Self> {
        let mut written: Written = serde_json::from_slice(bytes).map_err(bad)?;
        if written.format != FORMAT {
            return Err(Problem::usage("This library was encrypted by a later version of the studio")
                .try_this("Use that version"));
        }
        let told = std::mem::take(&mut written.check);
        let Cost { memory, passes, lanes } = written.cost;
        let is_asked_too_much = memory > MOST_MEMORY || passes > MOST_PASSES || lanes > MOST_LANES;
        if check(&written)? != told || written.kdf != "argon2id" || is_asked_too_much {
            return Err(bad("its checksum does not fit"));
        }
        let bytes = |text: &str| unhex(text).ok_or_else(|| bad("a number in it is none"));
        let short = |text: &str| -> Result<[u8; 16]> {
            bytes(text)?.as_slice().try_into().map_err(|_| bad("a number in it is cut short"))
        };
        Ok(Self {
            id: Id(short(&written.id)?),
            state: written.state,
            cost: written.cost,
            salt: short(&written.salt)?,
            mark: short(&written.mark)?,
            passphrase: bytes(&written.passphrase)?,
            recovery: bytes(&written.recovery)?,
            seal: short(&written.seal)?,
        })
    }
}

fn check(written: &Written) -> Result<String> {
    let text = serde_json::to_vec(written).map_err(bad)?;
    Ok(blake3::hash(&text).to_hex()[..32].to_string())
}

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::data("The header of this encrypted library is damaged, and so is its copy").because(why).try_this(
        "Bring vault.json back from a backup of the library or of the settings; without it nobody can open it",
    )
}

fn places(paths: &Paths) -> [PathBuf; 2] {
    [paths.data.join(NAME), paths.config.join(NAME)]
}

/// Whether a path is that of a header, which is never sealed.
pub(super) fn is_name(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n == NAME)
}

/// The header of a library, or its copy where that is gone or damaged; nothing if there is neither.
///
/// # Errors
/// Both are damaged.
pub fn load(paths: &Paths) -> Result<Option<Header>> {
    let mut fault = None;
    for place in places(paths) {
        match std::fs::read(&place) {
            Ok(bytes) => match Header::from_json(&bytes) {
                Ok(header) => return Ok(Some(header)),
                Err(problem) => fault = fault.or(Some(problem.of(place.display().to_string()))),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => fault = fault.or(Some(Problem::io("The library's header could not be read", &place, &e))),
        }
    }
    fault.map_or(Ok(None), Err)
}

/// Writes a header and its copy.
///
/// # Errors
/// A folder cannot be written.
pub fn save(paths: &Paths, header: &Header) -> Result<()> {
    let json = header.to_json()?;
    places(paths).iter().try_for_each(|place| write_atomically(place, &json))
}

/// Removes a header and its copy.
///
/// # Errors
/// One cannot be removed.
pub fn remove(paths: &Paths) -> Result<()> {
    // The copy first: where only one is left, the state that it tells is the library's.
    for place in places(paths).iter().rev() {
        match std::fs::remove_file(place) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Problem::io("The library's header could not be removed", place, &e));
            }
            _ => {}
        }
    }
    Ok(())
}
