//! The manual: topics that concern more than one item.
//!
//! | page | for whom |
//! |---|---|
//! | [`limits`] | those who open a server to strangers: every timeout and limit, and the attack that it stops |
//! | [`threads`] | those who write handlers that wait, compute or stay: what that costs, and how many threads it needs |
//! | [`deployment`] | those who run a server: proxies, sockets, systemd, containers, logs, stopping |
//! | [`migration`] | those who come from `tiny_http` or `rouille` |
//! | [`testing`] | those who test handlers |
//!
//! Its only code is the examples, which are compiled and run like those of every item.

pub mod deployment;
pub mod limits;
pub mod migration;
pub mod testing;
pub mod threads;
