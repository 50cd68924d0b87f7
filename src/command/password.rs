//! Where a new password comes from: typed without echo, piped in, or made up.

use std::io::{BufRead, IsTerminal};

use super::Failure;

/// A password, and whether its user has yet to be told.
pub struct NewPassword {
    /// As it is to be used.
    pub text: String,
    /// It was made up here: print it.
    pub made_up: bool,
}

/// Bytes of chance in a password that is made up: 20 hexadecimal digits are 80 bits.
const RANDOM_BYTES: usize = 10;

/// Asks at a terminal (twice, without echo), reads the first line of what is piped in, or makes one up if that is empty.
pub fn read(username: &str) -> Result<NewPassword, Failure> {
    let given = if std::io::stdin().is_terminal() {
        let ask = |prompt: String| {
            rpassword::prompt_password(prompt).map_err(|error| {
                Failure::new(format!(
                    "The password cannot be read from the terminal: {error}. Pipe it in instead."
                ))
            })
        };
        let first = ask(format!("Password for {username} (empty: make one up): "))?;
        if !first.is_empty() && ask("Again: ".to_owned())? != first {
            return Err(Failure::new(
                "The two passwords differ; nothing was changed. Try again.",
            ));
        }
        first
    } else {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|error| Failure::new(format!("The password cannot be read from standard input: {error}.")))?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if given.is_empty() {
        return Ok(NewPassword {
            text: random()?,
            made_up: true,
        });
    }
    Ok(NewPassword {
        text: given,
        made_up: false,
    })
}

/// A password that nobody can guess, in groups that can be read aloud.
pub fn random() -> Result<String, Failure> {
    let mut bytes = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("The system gives no random numbers: {error}; give a password.")))?;
    let pairs: Vec<String> = bytes
        .chunks(2)
        .map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    Ok(pairs.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_passwords_are_long_and_differ() {
        let first = random().unwrap();
        assert_eq!(first.len(), 24);
        assert_ne!(first, random().unwrap());
    }
}
