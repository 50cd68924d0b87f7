//! The lock beside an SQLite database: the system releases it with the process, also after kill -9.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use super::refused;
use crate::store::{Error, Result};

/// Takes the lock, or says who has it.
pub(super) fn lock(database: &Path) -> Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = Path::new(&path);
    let cannot = |error: &std::io::Error| {
        Error::Open(format!(
            "The lock file {} cannot be used: {error}. Give the directory to the user that runs Orrery.",
            path.display()
        ))
    };
    // Not truncated: it holds the process id of the owner.
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| cannot(&error))?;
    match file.try_lock() {
        Ok(()) => {
            write_id(&mut file).map_err(|error| cannot(&error))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Only for the message; without it the message is still right.
            let _ = (&mut file).take(20).read_to_string(&mut owner);
            let owner = match owner.trim() {
                "" => String::new(),
                id => format!(" (process {id})"),
            };
            Err(refused(format!(
                "The database {} is in use by another Orrery{owner}. Stop that one first, or give this one another \
                 database.url: an SQLite database belongs to one process.",
                database.display()
            )))
        }
        Err(TryLockError::Error(error)) => Err(cannot(&error)),
    }
}

fn write_id(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}
