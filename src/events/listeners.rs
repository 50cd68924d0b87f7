//! Who listens to the event streams: so many at the same time, and not all of them one user.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{ids::UserId, places::Places};

/// All streams of an engine at the same time.
const ALL_MAX: usize = 512;
/// Of these, at most so many of one user: windows on several screens, and some programs.
const OF_ONE_MAX: usize = 32;

/// See the module. Cheap to clone.
#[derive(Clone, Default)]
pub struct Listeners {
    /// Programs without a user are one owner.
    taken: Arc<Mutex<Places<Option<UserId>>>>,
}

/// The place of a listener; given back when it is dropped.
pub struct Place {
    listeners: Listeners,
    user_id: Option<UserId>,
}

impl Listeners {
    /// A place for this user, or for a program without one; none where no more can listen.
    #[must_use]
    pub fn take(&self, user_id: Option<UserId>) -> Option<Place> {
        let mut taken = self.taken();
        let of_user = if user_id.is_some() { taken.of(&user_id) } else { 0 };
        if taken.all() >= ALL_MAX || of_user >= OF_ONE_MAX {
            return None;
        }
        taken.take(user_id);
        Some(Place {
            listeners: self.clone(),
            user_id,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Places<Option<UserId>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.listeners.taken().give_back(&self.user_id, 1);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn one_user_leaves_places_for_others() {
        let listeners = Listeners::default();
        let user = |id| Some(UserId::from(Uuid::from_u128(id)));
        let mut places: Vec<Place> = (0..OF_ONE_MAX).map(|_| listeners.take(user(1)).unwrap()).collect();
        assert!(listeners.take(user(1)).is_none());
        assert!(listeners.take(user(2)).is_some());
        places.pop();
        places.extend(listeners.take(user(1)));
        assert_eq!(places.len(), OF_ONE_MAX);
        places.extend((OF_ONE_MAX..ALL_MAX).map(|_| listeners.take(None).unwrap()));
        assert!(listeners.take(user(2)).is_none() && listeners.take(None).is_none());
        drop(places);
        assert_eq!(listeners.taken().all(), 0);
        assert_eq!(listeners.taken().of(&user(1)), 0);
    }
}
