//! A token that only this library can make.

/// An argument of methods of public traits. Users cannot name this type, so they can neither call
/// nor override these methods, which make promises on which the correctness of other responses
/// depends.
#[derive(Clone, Copy, Debug)]
pub struct Sealed(());

impl Sealed {
    pub(crate) const TOKEN: Self = Self(());
}
