//! What the database means by a refusal: whether the same can be asked again, and when.

use sea_orm::{DbErr, RuntimeErr};

use super::Error;

/// Classes of PostgreSQL's codes (SQLSTATE) of what it refuses whenever it is asked: data that does not fit, statements that are wrong
/// or too large, rules that rows break. The others are of the moment: connections, locks, memory, a server that goes down.
const LASTING: [&str; 6] = ["0A", "22", "23", "42", "54", "P0"];
/// The same of SQLite: error, too big, constraint, mismatch, range.
const LASTING_SQLITE: [u32; 5] = [1, 18, 19, 20, 25];
/// PostgreSQL: serialization failure, deadlock.
const BEATEN: [&str; 2] = ["40001", "40P01"];
/// SQLite: busy, locked.
const BEATEN_SQLITE: [u32; 2] = [5, 6];

/// A code as a database names it.
#[derive(Debug)]
enum Code {
    Postgres(String),
    /// Without what extends it.
    Sqlite(u32),
}

impl Error {
    /// Two transactions stood in each other's way, and this one was given up: it may be repeated at once.
    #[must_use]
    pub fn is_beaten(&self) -> bool {
        match code(self) {
            Some(Code::Postgres(code)) => BEATEN.contains(&code.as_str()),
            Some(Code::Sqlite(code)) => BEATEN_SQLITE.contains(&code),
            None => false,
        }
    }

    /// The database refuses what it is asked for, and will as long as the same is asked of the same rows.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match code(self) {
            Some(Code::Postgres(code)) => LASTING.iter().any(|class| code.starts_with(class)),
            Some(Code::Sqlite(code)) => LASTING_SQLITE.contains(&code),
            None => false,
        }
    }
}

fn code(error: &Error) -> Option<Code> {
    let Error::Database(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return None;
    };
    let code = error.as_database_error()?.code()?;
    // PostgreSQL's have five characters, SQLite's are numbers below ten thousand.
    match code.len() {
        5 => Some(Code::Postgres(code.into_owned())),
        _ => code.parse::<u32>().ok().map(|code| Code::Sqlite(code & 0xff)),
    }
}
