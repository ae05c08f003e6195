//! The key that a person signs certificates with: made on first use, kept in the configuration folder for nobody else to read.

use std::io::Write;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;

use crate::base::paths::Paths;
use crate::base::temp::WRITING;
use crate::base::{Problem, Result, vault};

/// What a file of a key begins with.
const HEAD: &str = "latent-studio ed25519 ";

/// Where the key is.
pub fn key_path(paths: &Paths) -> PathBuf {
    paths.config.join("certificate.key")
}

/// The key; it is made if there is none.
///
/// # Errors
/// The file is damaged, or cannot be read or written.
pub fn own_key(paths: &Paths) -> Result<SigningKey> {
    let path = key_path(paths);
    if path.exists() { read_key(&path) } else { replace_key(paths, None) }
}

/// The key if there is one.
///
/// # Errors
/// The file is damaged or cannot be read.
pub fn known_key(paths: &Paths) -> Result<Option<SigningKey>> {
    let path = key_path(paths);
    if path.exists() { read_key(&path).map(Some) } else { Ok(None) }
}

/// A key from a file.
///
/// # Errors
/// It is no key, or cannot be read.
pub fn read_key(path: &Path) -> Result<SigningKey> {
    let text = vault::read_to_string(path).map_err(|e| Problem::io("This key could not be read", path, &e))?;
    let bytes = text.trim().strip_prefix(HEAD).and_then(bytes_of::<32>);
    bytes.map(|bytes| SigningKey::from_bytes(&bytes)).ok_or_else(|| {
        Problem::data("This is no key for certificates").of(path.display().to_string()).try_this(
            "Choose a file written by `certificate key export`, or make a new key with `certificate key replace`",
        )
    })
}

/// Writes a key for its owner alone.
///
/// # Errors
/// The disk is full, or the folder cannot be written.
pub fn write_key(path: &Path, key: &SigningKey) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| Problem::io("This folder could not be made", folder, &e))?;
    let fail = |e: std::io::Error| Problem::io("This key could not be written", path, &e);
    let text = format!("{HEAD}{}\n", hex(&key.to_bytes()));
    let bytes = vault::files::for_path(path, text.as_bytes()).map_err(fail)?;
    // Such a file is made for its owner alone, before anything is in it.
    let mut beside = tempfile::Builder::new().prefix(WRITING).tempfile_in(folder).map_err(fail)?;
    beside.write_all(&bytes).and_then(|()| beside.as_file().sync_all()).map_err(fail)?;
    beside.persist(path).map_err(|e| fail(e.error))?;
    vault::files::sync_folder(path).map_err(fail)
}

/// Takes another key, or a new one; the former stays beside it under the beginning of its public key.
///
/// # Errors
/// The system gives no random numbers, or the folder cannot be written.
pub fn replace_key(paths: &Paths, with: Option<SigningKey>) -> Result<SigningKey> {
    let key = match with {
        Some(key) => key,
        None => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed)
                .map_err(|e| Problem::failed("This system gives no random numbers").because(e))?;
            SigningKey::from_bytes(&seed)
        }
    };
    let path = key_path(paths);
    if path.exists() {
        // One that is damaged is kept as well: it may still be of use to somebody.
        let name = read_key(&path).map_or_else(|_| "damaged".into(), |old| hex(&old.verifying_key().to_bytes()[..4]));
        let beside =
            super::names::free_path(path.parent().unwrap_or(Path::new(".")), &format!("certificate-{name}"), "key");
        std::fs::rename(&path, &beside).map_err(|e| Problem::io("The former key could not be kept", &beside, &e))?;
    }
    write_key(&path, &key)?;
    Ok(key)
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes that hexadecimal digits stand for, if they are as many.
pub fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut out = [0; N];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_kept_private_and_replaced_without_loss() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        assert!(known_key(&paths).unwrap().is_none());
        let first = own_key(&paths).unwrap();
        assert_eq!(own_key(&paths).unwrap(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(key_path(&paths)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let second = replace_key(&paths, None).unwrap();
        assert_ne!(first, second);
        assert_eq!(own_key(&paths).unwrap(), second);
        let name = format!("certificate-{}.key", hex(&first.verifying_key().to_bytes()[..4]));
        let old = key_path(&paths).with_file_name(name);
        assert_eq!(read_key(&old).unwrap(), first);
        assert_eq!(replace_key(&paths, Some(read_key(&old).unwrap())).unwrap(), first);
        std::fs::write(key_path(&paths), "nonsense").unwrap();
        assert!(own_key(&paths).unwrap_err().remedy.is_some());
        assert!(bytes_of::<2>("0g00").is_none() && bytes_of::<2>("ö00").is_none());
    }
}
