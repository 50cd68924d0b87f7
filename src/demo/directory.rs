//! The demo's directory: fresh, for its owner only, and removed at the end if the demo is one with an end.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use orrery::clock::Clock;

use crate::command::Failure;

/// A directory that nobody used before.
pub struct Directory {
    path: PathBuf,
    keep: bool,
}

impl Directory {
    /// Makes one in the system's place for temporary files; without `keep` it goes with this value.
    pub fn fresh(clock: &Clock, keep: bool) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("orrery-demo-{}", clock.new_id().simple()));
        // It will hold a database with credentials and the key to them.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| {
            Failure::new(format!(
                "The directory {} cannot be made: {error}. Set TMPDIR to a place that can be written.",
                path.display()
            ))
        })?;
        Ok(Self { path, keep })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("orrery: {} was not removed: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_private_and_goes_at_the_end() {
        let directory = Directory::fresh(&Clock::system(), false).unwrap();
        let path = directory.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(directory);
        assert!(!path.exists());
    }
}
