//! Shared values that are compared by identity: a panel is drawn anew only if it got another value.

use std::{ops::Deref, rc::Rc};

/// An `Rc` that is equal to itself only, until it is renewed.
#[derive(Debug)]
pub(crate) struct Ptr<T> {
    value: Rc<T>,
    renewed: u32,
}

impl<T> Ptr<T> {
    /// Shares a value.
    pub(crate) fn new(value: T) -> Self {
        Self { value: Rc::new(value), renewed: 0 }
    }

    /// From now on it is another, though it holds the same: there is more to be had of it.
    pub(crate) fn renew(&mut self) {
        self.renewed += 1;
    }
}

/// A shared value that stays equal to itself when it is renewed.
#[derive(Debug, Clone)]
pub(crate) struct Identity<T>(pub(crate) Ptr<T>);

impl<T> PartialEq for Identity<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0.value, &other.0.value)
    }
}

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        Self { value: Rc::clone(&self.value), renewed: self.renewed }
    }
}

impl<T> PartialEq for Ptr<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.value, &other.value) && self.renewed == other.renewed
    }
}

impl<T> Deref for Ptr<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
