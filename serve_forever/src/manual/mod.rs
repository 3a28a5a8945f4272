//! The manual: what is wider than one item.
//!
//! | page | for whom |
//! |---|---|
//! | [`limits`] | whoever opens a server to strangers: every timeout and limit, and the attack that it stops |
//! | [`threads`] | whoever writes handlers that wait, compute or stay: what that costs, and how many threads it needs |
//! | [`deployment`] | whoever runs it: proxies, sockets, systemd, containers, logs, stopping |
//! | [`migration`] | whoever comes from `tiny_http` or `rouille` |
//! | [`testing`] | whoever tests handlers |
//!
//! There is no code in it but the examples, which are compiled and run like those of every item.

pub mod deployment;
pub mod limits;
pub mod migration;
pub mod testing;
pub mod threads;
