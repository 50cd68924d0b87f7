//! Who listens to the event streams: so many at the same time, and not all of them one user.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::domain::ids::UserId;

/// All streams of an engine at the same time.
const ALL_MAX: usize = 512;
/// Of these, at most so many of one user: windows on several screens, and some programs.
const OF_ONE_MAX: usize = 32;

/// See the module. Cheap to clone.
#[derive(Clone, Default)]
pub struct Listeners {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_user: HashMap<UserId, usize>,
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
        let of_user = user_id.and_then(|id| taken.by_user.get(&id)).copied().unwrap_or(0);
        if taken.all >= ALL_MAX || of_user >= OF_ONE_MAX {
            return None;
        }
        taken.all += 1;
        if let Some(id) = user_id {
            taken.by_user.insert(id, of_user + 1);
        }
        Some(Place {
            listeners: self.clone(),
            user_id,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.listeners.taken();
        taken.all = taken.all.saturating_sub(1);
        let Some(id) = self.user_id else { return };
        if let Some(count) = taken.by_user.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                taken.by_user.remove(&id);
            }
        }
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
        assert_eq!(listeners.taken().all, 0);
        assert!(listeners.taken().by_user.is_empty());
    }
}
