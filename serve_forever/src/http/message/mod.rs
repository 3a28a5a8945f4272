//! The parts of a message in any version of HTTP: fields, status, dates, error pages.

pub(crate) mod date;
pub(crate) mod decimal;
pub(crate) mod error_page;
pub(crate) mod escape;
pub(crate) mod fields;
pub(crate) mod framing;
pub(crate) mod identity;
pub(crate) mod opening;
pub(crate) mod parameters;
pub(crate) mod percent;
pub(crate) mod preferences;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod response_head;
pub(crate) mod route;
pub(crate) mod status;
pub(crate) mod status_error;
