//! API tokens of a user: a part of their rights, for a time, shown once.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{
    Engine,
    caller::Caller,
    identity::{self, user_of},
    password,
    sign_in::TOKEN_PREFIX,
};
use crate::{
    domain::{ids::ApiTokenId, rights::Rights, validate},
    error::{Code, Error, Result},
    store::{Page, Paged, api_tokens::TokenKind},
};

pub use crate::store::api_tokens::Token;

/// The tokens of an engine.
pub struct Tokens<'a> {
    engine: &'a Engine,
}

/// What a token is made of.
#[derive(Clone, Debug)]
pub struct TokenInput {
    /// For people.
    pub name: String,
    /// What it may do at most; its user's rights bound it too.
    pub rights: Rights,
    /// When it ends; none: never.
    pub expires_at: Option<Timestamp>,
}

/// A new token with its secret, which is not kept.
#[derive(Debug)]
pub struct NewToken {
    /// The token's row.
    pub token: Token,
    /// For the header `Authorization: Bearer`.
    pub secret: Zeroizing<String>,
}

impl Engine {
    /// The API tokens.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens { engine: self }
    }
}

impl Tokens<'_> {
    /// The caller's own API tokens.
    ///
    /// # Errors
    /// For a caller without a user.
    pub async fn list(&self, caller: &Caller, page: Page) -> Result<Paged<Token>> {
        Ok(self.engine.store().tokens(user_of(caller)?, page).await?)
    }

    /// Makes a token for the caller's own user.
    ///
    /// # Errors
    /// For rights that the caller does not have; `invalid`.
    pub async fn create(&self, caller: &Caller, input: TokenInput) -> Result<NewToken> {
        let user_id = user_of(caller)?;
        validate::check_name("name", &input.name).map_err(|wrong| Error::invalid(vec![wrong]))?;
        if input.rights.is_empty() {
            return Err(Error::invalid_field("rights", "name at least one right"));
        }
        self.refuse_api_token(caller).await?;
        let now = self.engine.clock().now();
        if input.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::invalid_field("expiresAt", "must be in the future"));
        }
        let missing = caller.rights.missing(input.rights);
        if !missing.is_empty() {
            return Err(Error::new(
                Code::Forbidden,
                format!("You cannot give a token rights that you do not have: {missing}."),
            ));
        }
        let secret = Zeroizing::new(format!("{TOKEN_PREFIX}{}", password::random_text()?));
        let token = Token {
            id: self.engine.clock().new_id().into(),
            tenant_id: None,
            user_id,
            name: input.name,
            kind: TokenKind::Api,
            rights: Some(input.rights),
            expires_at: input.expires_at,
            last_used_at: None,
            created_at: now,
        };
        let after = serde_json::json!({ "name": token.name, "rights": token.rights, "expiresAt": token.expires_at });
        let entry = caller.audit("token.create", "token", token.id, None, Some(after));
        let hash = identity::hash_of(&secret);
        self.engine.store().create_token(token.clone(), hash, entry).await?;
        Ok(NewToken { token, secret })
    }

    /// Ends one of the caller's own tokens, also a sign-in.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete(&self, caller: &Caller, id: ApiTokenId) -> Result<()> {
        let user_id = user_of(caller)?;
        let found = self.engine.store().token(user_id, id).await?;
        let token = found.ok_or_else(|| Error::new(Code::NotFound, format!("You have no token {id}.")))?;
        let before = serde_json::json!({ "name": token.name, "rights": token.rights, "expiresAt": token.expires_at });
        let entry = caller.audit("token.delete", "token", id, Some(before), None);
        self.engine.store().delete_token(user_id, id, entry).await?;
        self.engine.access().identity().forget_tokens();
        Ok(())
    }

    /// Ends the caller's own sign-in.
    ///
    /// # Errors
    /// For a caller without a token.
    pub async fn sign_out(&self, caller: &Caller) -> Result<()> {
        let id = caller
            .token_id
            .ok_or_else(|| Error::new(Code::Forbidden, "There is no sign-in to end."))?;
        self.delete(caller, id).await
    }

    /// A token made with a token would outlive its end and its removal.
    async fn refuse_api_token(&self, caller: &Caller) -> Result<()> {
        let Some(token_id) = caller.token_id else {
            return Ok(());
        };
        let own = self.engine.store().token(user_of(caller)?, token_id).await?;
        if own.is_some_and(|token| token.kind == TokenKind::Api) {
            let refusal = "An API token cannot make tokens; sign in with a password for that.";
            return Err(Error::new(Code::Forbidden, refusal));
        }
        Ok(())
    }
}
