//! Owns the key file: made on the first start, readable by its owner only.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{KEY_BYTES, Sealer, decode_key};
use crate::store::{Error, Result};

/// Longest key file, bytes: base64 of the key and some blanks.
const FILE_BYTES_MAX: u64 = 256;

/// Reads the key file; makes it where there is none.
pub(super) fn load(path: &Path) -> Result<Sealer> {
    let shown = path.display();
    match File::open(path) {
        Ok(file) => read(&file, path),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(path).map_err(|error| {
                Error::Open(format!(
                    "The key file {shown} cannot be made: {error}. Give the directory to the user that runs Orrery, \
                     or set secrets.key or secrets.key_file."
                ))
            })?;
            let file = File::open(path).map_err(|error| unreadable(path, &error))?;
            read(&file, path)
        }
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Open(format!(
        "The key file {} cannot be read: {error}. Give it to the user that runs Orrery, or set secrets.key or secrets.key_file.",
        path.display()
    ))
}

fn read(file: &File, path: &Path) -> Result<Sealer> {
    let shown = path.display();
    // Of the open file, not of the name: nobody can exchange it in between.
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(Error::Open(format!(
            "The key file {shown} can be read or written by others (mode {:03o}). Make it private with `chmod 600 {shown}`; \
             if others may have read it, the secrets it protects should be replaced.",
            metadata.mode() & 0o777
        )));
    }
    let mut text = Zeroizing::new(String::with_capacity(64));
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, &error))?;
    let key = decode_key(&text).ok_or_else(|| {
        Error::Open(format!(
            "The key file {shown} does not hold a key: 32 bytes in base64 are expected. Put the right file there from a backup; \
             without the key the stored secrets cannot be opened."
        ))
    })?;
    Ok(Sealer::with_key(&key, format!("the key file {shown}")))
}

/// Writes a new key under another name and links it when it is whole and on disk, so that a crash leaves no half a key
/// and an existing key is never replaced.
fn create(path: &Path) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(directory)?;
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    getrandom::fill(key.as_mut()).map_err(|error| std::io::Error::other(error.to_string()))?;
    let mut text = Zeroizing::new(STANDARD.encode(key.as_ref()));
    text.push('\n');
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let draft = Path::new(&name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    let written =
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| match std::fs::hard_link(draft, path) {
                // Another process was first: its key is as good.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                other => other,
            });
    std::fs::remove_file(draft)?;
    written?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/secret.key");
        let first = load(&path).unwrap();
        assert_eq!(load(&path).unwrap().key_id(), first.key_id());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret.key");
        load(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let text = load(&path).unwrap_err().to_string();
        assert!(text.contains("can be read or written by others (mode 640)"), "{text}");
        assert!(text.contains("chmod 600"), "{text}");
    }

    #[test]
    fn a_key_file_without_a_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret.key");
        std::fs::write(&path, "short").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let text = load(&path).unwrap_err().to_string();
        assert!(text.contains("does not hold a key"), "{text}");
    }
}
