//! Shared values that are compared by identity: a panel is drawn anew only if it got another value.

use std::{ops::Deref, rc::Rc};

/// An `Rc` that is equal to itself only, until it is renewed.
#[derive(Debug)]
#[expect(
    clippy::redundant_allocation,
    reason = "the outer one is another once it is renewed, the inner one never"
)]
pub(crate) struct Ptr<T>(Rc<Rc<T>>);

impl<T> Ptr<T> {
    /// Shares a value.
    pub(crate) fn new(value: T) -> Self {
        Self(Rc::new(Rc::new(value)))
    }

    /// From now on it is another, though it holds the same: there is more to be had of it.
    pub(crate) fn renew(&mut self) {
        self.0 = Rc::new(Rc::clone(&self.0));
    }
}

/// A shared value that stays equal to itself when it is renewed.
#[derive(Debug, Clone)]
pub(crate) struct Identity<T>(pub(crate) Ptr<T>);

impl<T> PartialEq for Identity<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0.0, &other.0.0)
    }
}

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> PartialEq for Ptr<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Ptr<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
