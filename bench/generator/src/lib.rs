//! The load of the benchmark. [`Generator`] drives many keep-alive connections from one thread and
//! keeps its own work per request small, so that the server is what is measured; [`Crowd`] is the
//! opposite, many clients that hardly do anything; [`once`] is a single request on a new
//! connection.

mod connection;
mod crowd;
mod engine;
mod histogram;
mod load;
pub mod once;
mod response;
mod socket;

pub use crowd::{Crowd, Feed, Member};
pub use engine::Generator;
pub use histogram::Histogram;
pub use load::{Answer, Group, Outcome, Pace, Path};
