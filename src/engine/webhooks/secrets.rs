//! The tenant's own signing secret, for receivers that are plain URLs.

use serde_json::json;

use super::{Shown, Webhooks, may_see};
use crate::{
    domain::rights::Right,
    engine::{caller::Caller, change::again_if_stale},
    error::{Error, Result},
    store::{Place, webhooks::SealedSecret},
};

impl Webhooks<'_> {
    /// The tenant's own secret, sealed; made if there is none.
    ///
    /// # Errors
    /// Without `background.use` and `settings.manage`.
    pub async fn own_secret(&self, caller: &Caller) -> Result<SealedSecret> {
        may_see(caller)?;
        Ok(self.stored(caller).await?.0)
    }

    /// Gives the tenant another secret, which is in the answer this once; the one before signs too for
    /// `webhooks.rotation_overlap_hours`.
    ///
    /// # Errors
    /// Without `settings.manage`.
    pub async fn rotate_own_secret(&self, caller: &Caller) -> Result<Shown<SealedSecret>> {
        caller.require(Right::SettingsManage)?;
        let place = Place::webhook_secret(caller.tenant_id);
        let rotated = again_if_stale(None, || async {
            let (before, version) = self.stored(caller).await?;
            let (fresh, shown) = self.engine.services().targets.seal(place, None)?;
            let secret = self.overlapped(fresh, &before);
            let fingerprint = |secret: &SealedSecret| Some(json!({ "fingerprint": secret.fingerprint }));
            let (was, is) = (fingerprint(&before), fingerprint(&secret));
            let entry = caller.audit("webhook_secret.rotate", "webhook_secret", caller.tenant_id, was, is);
            let store = self.engine.store();
            store
                .rotate_webhook_secret(caller.tenant_id, secret.clone(), version + 1, entry)
                .await?;
            Ok(Shown {
                thing: secret,
                secret: Some(shown),
            })
        });
        let rotated = rotated.await?;
        self.forget(caller);
        Ok(rotated)
    }

    async fn stored(&self, caller: &Caller) -> Result<(SealedSecret, i64)> {
        let store = self.engine.store();
        if let Some(stored) = store.webhook_secret(caller.tenant_id).await? {
            return Ok(stored);
        }
        self.engine.services().targets.make_own(caller.tenant_id).await?;
        let stored = store.webhook_secret(caller.tenant_id).await?;
        stored.ok_or_else(|| Error::not_found("webhook secret of tenant", caller.tenant_id))
    }
}
