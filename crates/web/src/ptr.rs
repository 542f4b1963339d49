//! Shared values that are compared by identity: a panel is drawn anew only if it got another value.

use std::{ops::Deref, rc::Rc};

/// An `Rc` that is equal to itself only.
#[derive(Debug)]
pub(crate) struct Ptr<T>(Rc<T>);

impl<T> Ptr<T> {
    /// Shares a value.
    pub(crate) fn new(value: T) -> Self {
        Self(Rc::new(value))
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
