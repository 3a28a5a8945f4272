//! Boxed handlers, for factories that choose between several types of handler.

use std::borrow::Cow;

use crate::Result;
use crate::http::exchange::Exchange;
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::handler::verbs::verbs;
use crate::http::log::record::LogRecord;

macro_rules! answer {
    ($($verb:literal $name:ident)*) => {
        $(fn $name(&mut self, http: &mut Exchange) -> Result {
            (**self).$name(http)
        })*
    };
}

macro_rules! forward {
    ($($get:ident(&self) -> $value:ty;)* ; $($log:ident;)*) => {
        // `routes` is not forwarded: the routes of the first handler apply to all handlers, and the
        // next box may hold another type of handler.
        impl<T: BaseHttpRequestHandler + ?Sized> BaseHttpRequestHandler for Box<T> {
            verbs!(answer);

            fn do_other(&mut self, http: &mut Exchange) -> Result {
                (**self).do_other(http)
            }

            fn handle_expect_100(&mut self, http: &mut Exchange) -> bool {
                (**self).handle_expect_100(http)
            }

            $(fn $get(&self) -> $value {
                (**self).$get()
            })*
            $(fn $log(&self, record: &LogRecord) {
                (**self).$log(record);
            })*
        }
    };
}

forward! {
    allowed_methods(&self) -> Option<Cow<'static, str>>;
    server_version(&self) -> Cow<'static, str>;
    sys_version(&self) -> Cow<'static, str>;
    protocol_version(&self) -> Cow<'static, str>;
    error_message_format(&self) -> Cow<'static, str>;
    error_content_type(&self) -> Cow<'static, str>;
    may_block(&self) -> bool;
    ;
    log_request;
    log_error;
    log_message;
}
