//! The life of a consent as one table, and the link that a person follows to agree (RFC 6749 with PKCE, RFC 7636).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use url::Url;

use super::{ConsentState, ConsentType};

/// Longest text of the other side that is shown to people, characters.
const WORDS_MAX: usize = 300;
/// What a link says of its own; an address that has one of them already loses it.
const PARAMETERS: [&str; 7] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

/// What happens to a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentEvent {
    /// The client enabled the integration, or asks for another link.
    Begun,
    /// The other system says that the person agreed, and gave its tokens.
    Agreed,
    /// The other system says that the person did not agree.
    Denied,
    /// Something went wrong between us and the other system: the link is spent, the person can follow another one.
    LinkFailed,
    /// Somebody entered the credentials.
    Submitted,
    /// Somebody who may approved.
    Approved,
    /// Somebody who may refused.
    Refused,
    /// Somebody took it back.
    Revoked,
    /// The other system does not take the tokens any more.
    Lost,
}

/// An event that a consent does not know, or not now; the text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Never, for consents of this type.
    #[error("A consent of the type {0} does not know this; {how}.", how = how(*.0))]
    Type(ConsentType),
    /// Not in this state.
    #[error("The consent is {0} now; {next}.", next = next(*.0))]
    State(ConsentState),
}

/// Where an event leads.
///
/// # Errors
/// [`Unfit`]: nowhere.
pub fn after(kind: ConsentType, state: ConsentState, event: ConsentEvent) -> Result<ConsentState, Unfit> {
    use ConsentEvent::{Agreed, Approved, Begun, Denied, LinkFailed, Lost, Refused, Revoked, Submitted};
    use ConsentState as State;
    let of_type = match event {
        Begun | Refused | Revoked => kind != ConsentType::None,
        Agreed | Denied | LinkFailed | Lost => kind == ConsentType::OAuth2,
        Submitted => kind == ConsentType::Credentials,
        Approved => kind == ConsentType::Manual,
    };
    if !of_type {
        return Err(Unfit::Type(kind));
    }
    match (state, event) {
        // A grant is kept by whoever begins again.
        (State::Granted, Begun) => Ok(State::Granted),
        (_, Begun) | (State::Pending, LinkFailed) | (State::Granted, Lost) => Ok(State::Pending),
        (State::Pending, Agreed) => Ok(State::Granted),
        (State::Pending, Denied | Refused) => Ok(State::Refused),
        // Credentials can be entered again at any time: a password was changed, or a person thought better of it.
        (_, Submitted) => Ok(State::Granted),
        (State::Pending | State::Refused | State::Revoked, Approved) => Ok(State::Granted),
        (State::Granted, Revoked) => Ok(State::Revoked),
        _ => Err(Unfit::State(state)),
    }
}

fn how(kind: ConsentType) -> &'static str {
    match kind {
        ConsentType::None => "nothing has to be done for it",
        ConsentType::OAuth2 => "a person follows its AuthorizeUrl and agrees at the other system",
        ConsentType::Credentials => "credentials are entered with Submit",
        ConsentType::Manual => "a person who has the right uses Approve or Refuse",
    }
}

fn next(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Pending => "it has to be granted first",
        ConsentState::Granted => "Revoke it first",
        ConsentState::Refused | ConsentState::Revoked => "Begin it again first",
    }
}

/// What a link is made of.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// Where people agree.
    pub authorize_url: &'a str,
    /// Our id there.
    pub client_id: &'a str,
    /// Where the other system sends them back to.
    pub redirect_uri: &'a str,
    /// What is asked for.
    pub scope: Option<&'a str>,
    /// By which the answer finds its consent.
    pub state: &'a str,
    /// See [`challenge`].
    pub challenge: &'a str,
}

impl Link<'_> {
    /// The link.
    ///
    /// # Errors
    /// The address is none that a person could follow; the text says why.
    pub fn url(&self) -> Result<String, String> {
        let mut url = Url::parse(self.authorize_url).map_err(|cause| format!("its AuthorizeUrl is no URL: {cause}"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err("its AuthorizeUrl must begin with https://".to_owned());
        }
        let own: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !PARAMETERS.contains(&name.as_ref()))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.set_fragment(None);
        url.query_pairs_mut()
            .clear()
            .extend_pairs(own)
            .append_pair("response_type", "code")
            .append_pair("client_id", self.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .extend_pairs(self.scope.map(|scope| ("scope", scope)))
            .append_pair("state", self.state)
            .append_pair("code_challenge", self.challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }
}

/// A text that nobody guesses, of 32 random bytes: a `state`, or a verifier of PKCE.
#[must_use]
pub fn secret_text(random: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

/// What of a verifier is in the link: its SHA-256 (`S256`).
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// What of a `state` is stored: who reads the table cannot answer in the place of the other system.
#[must_use]
pub fn state_hash(state: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(state.as_bytes()))
}

/// Words of the other side, cut and without control characters.
#[must_use]
pub fn words(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(WORDS_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each event makes of Pending, Granted, Refused and Revoked: the first letters, `-` for unfit.
    fn row(kind: ConsentType, event: ConsentEvent) -> String {
        let letter = |state: &ConsentState| match after(kind, *state, event) {
            Ok(ConsentState::Pending) => 'P',
            Ok(ConsentState::Granted) => 'G',
            Ok(ConsentState::Refused) => 'F',
            Ok(ConsentState::Revoked) => 'V',
            Err(Unfit::State(named)) => {
                assert_eq!(named, *state);
                '-'
            }
            Err(Unfit::Type(named)) => {
                assert_eq!(named, kind);
                '!'
            }
        };
        ConsentState::ALL.iter().map(letter).collect()
    }

    #[test]
    fn each_event_in_each_state_of_each_type() {
        use ConsentEvent::{Agreed, Approved, Begun, Denied, LinkFailed, Lost, Refused, Revoked, Submitted};
        // State before:    Pending Granted Refused Revoked
        let table = [
            (Begun, ["!!!!", "PGPP", "PGPP", "PGPP"]),
            (Agreed, ["!!!!", "G---", "!!!!", "!!!!"]),
            (Denied, ["!!!!", "F---", "!!!!", "!!!!"]),
            (LinkFailed, ["!!!!", "P---", "!!!!", "!!!!"]),
            (Lost, ["!!!!", "-P--", "!!!!", "!!!!"]),
            (Submitted, ["!!!!", "!!!!", "GGGG", "!!!!"]),
            (Approved, ["!!!!", "!!!!", "!!!!", "G-GG"]),
            (Refused, ["!!!!", "F---", "F---", "F---"]),
            (Revoked, ["!!!!", "-V--", "-V--", "-V--"]),
        ];
        for (event, expected) in table {
            for (kind, expected) in ConsentType::ALL.iter().zip(expected) {
                assert_eq!(row(*kind, event), expected, "{event:?} of {kind}");
            }
        }
    }

    #[test]
    fn what_is_unfit_says_what_to_do() {
        let unfit = |kind, state, event| after(kind, state, event).unwrap_err().to_string();
        let said = unfit(ConsentType::Manual, ConsentState::Pending, ConsentEvent::Submitted);
        assert_eq!(
            said,
            "A consent of the type Manual does not know this; a person who has the right uses Approve or Refuse."
        );
        let said = unfit(ConsentType::Manual, ConsentState::Granted, ConsentEvent::Approved);
        assert_eq!(said, "The consent is Granted now; Revoke it first.");
    }

    #[test]
    fn the_verifier_of_the_rfc_has_its_challenge() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        assert_eq!(secret_text(&[255; 32]).len(), 43);
        assert_eq!(state_hash("x").len(), 43);
    }

    #[test]
    fn a_link_says_each_thing_once() {
        let link = Link {
            authorize_url: "https://id.example/authorize?access_type=offline&state=theirs&client_id=other#top",
            client_id: "our id&",
            redirect_uri: "https://orrery.example/OData/Consents/callback",
            scope: Some("read write"),
            state: "s-1",
            challenge: "c_1",
        };
        let url = Url::parse(&link.url().unwrap()).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("access_type", "offline"),
                ("response_type", "code"),
                ("client_id", "our id&"),
                ("redirect_uri", "https://orrery.example/OData/Consents/callback"),
                ("scope", "read write"),
                ("state", "s-1"),
                ("code_challenge", "c_1"),
                ("code_challenge_method", "S256"),
            ]
        );
        assert_eq!(url.fragment(), None);
        for bad in ["javascript:alert(1)", "not a url", "data:text/html,x"] {
            assert!(
                Link {
                    authorize_url: bad,
                    ..link
                }
                .url()
                .is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn words_of_others_are_cut_and_cleaned() {
        assert_eq!(words(" a\r\nb\u{7}c "), "abc");
        assert_eq!(words(&"ü".repeat(1_000)).chars().count(), WORDS_MAX);
    }
}
