//! What is told of the end of a run: kept until its actor knows of that end, so that whoever hears of it finds the actor where it says.

/// Tells when it is dropped, once: by the actor when it has heard of the end, else by whoever lets go of it last. So it is told also
/// where the actor has gone meanwhile.
#[derive(Default)]
pub struct Announcement(Option<Box<dyn FnOnce() + Send>>);

impl Announcement {
    /// What to do when everybody may know.
    pub fn of(tell: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn it_is_told_once_when_it_is_let_go_of() {
        let told = Arc::new(AtomicUsize::new(0));
        let teller = told.clone();
        let announcement = Announcement::of(move || {
            teller.fetch_add(1, Ordering::SeqCst);
        });
        let moved = announcement;
        assert_eq!(told.load(Ordering::SeqCst), 0);
        drop(moved);
        drop(Announcement::default());
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }
}
