//! The macro that makes the setters of the builder.

/// Makes one setter for each line: its documentation, an example, and the assignment.
macro_rules! settings {
    (
        Builder<$protocol:ty> $(where $parameter:ident $(: $bound:path)?)?;
        $($(#[$doc:meta])* $name:ident: $type:ty = $example:literal;)*
    ) => {
        impl$(<$parameter $(: $bound)?>)? Builder<$protocol> {
            $(
                $(#[$doc])*
                ///
                /// ```
                #[doc = "# use std::time::Duration;"]
                #[doc = "# use serve_forever::{handler_fn, Exchange, HttpServer, Result};"]
                #[doc = "# let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });"]
                #[doc = concat!("let builder = HttpServer::builder(handler).", stringify!($name), "(", $example, ");")]
                /// # builder.bind(("localhost", 0))?;
                /// # Ok::<(), std::io::Error>(())
                /// ```
                pub fn $name(mut self, $name: $type) -> Self {
                    self.config.$name = $name;
                    self
                }
            )*
        }
    };
}

pub(crate) use settings;
