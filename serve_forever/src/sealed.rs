//! What only this library can say.

/// An argument of methods of public traits that users can neither call nor override, as they cannot
/// name it: these methods make promises on which the correctness of others' responses depends.
#[derive(Clone, Copy, Debug)]
pub struct Sealed(());

impl Sealed {
    pub(crate) const TOKEN: Self = Self(());
}
