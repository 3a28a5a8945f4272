//! Cookies: reading them from the request and setting them in the response (RFC 6265).

use std::fmt;
use std::time::Duration;

use crate::Result;
use crate::error::MisuseError;

use crate::http::exchange::Exchange;
use crate::http::message::fields::{self, trim_blanks};

impl<'r> Exchange<'r> {
    /// Returns the names and values of the cookies that the client sent, in their order, without
    /// quotes around a value. Skips whatever is not a pair or not UTF-8. Decodes nothing, because
    /// nothing says how a value is encoded.
    ///
    /// Source: RFC 6265 §5.4, §4.2.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let names: Vec<&str> = http.cookies().map(|(name, _)| name).collect();
    ///     http.reply_text(200, names.join(" "))
    /// });
    /// let request = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: tea=green; cups=2\r\n\r\n";
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\ntea cups"));
    /// ```
    pub fn cookies(&self) -> impl Iterator<Item = (&'r str, &'r str)> + use<'r> {
        self.headers()
            .get_all("Cookie")
            .flat_map(|line| line.split(|&byte| byte == b';'))
            .filter_map(|pair| std::str::from_utf8(trim_blanks(pair)).ok()?.split_once('='))
            .map(|(name, value)| (name.trim_end(), unquoted(value.trim_start())))
            .filter(|(name, _)| !name.is_empty())
    }

    /// Returns the value of the first cookie with this name. Names are case-sensitive.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.reply_text(200, http.cookie("tea").unwrap_or("none"))
    /// });
    /// let request = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: tea=green\r\n\r\n";
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\ngreen"));
    /// ```
    pub fn cookie(&self, name: &str) -> Option<&'r str> {
        self.cookies().find(|&(own, _)| own == name).map(|(_, value)| value)
    }

    /// Sets a cookie in the final response, whichever that is, even if it is started later.
    ///
    /// # Errors
    ///
    /// Fails if the name is not a token, or if the value or an attribute has a character that would
    /// end it (RFC 6265 §4.1.1). Fails if browsers would not keep the cookie: `SameSite=None` and
    /// names that begin with `__Secure-` or `__Host-` need [`secure`](Cookie::secure), and
    /// `__Host-` also needs the path `/` and no domain. Fails if the response already has a head.
    ///
    /// ```
    /// use std::time::Duration;
    /// use serve_forever::{handler_fn, testing, Cookie, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.set_cookie(&Cookie::new("tea", "green").http_only().max_age(Duration::from_secs(3600)))?;
    ///     http.reply_text(200, "Noted")
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let field = "\r\nSet-Cookie: tea=green; Max-Age=3600; HttpOnly; SameSite=Lax\r\n";
    /// assert!(String::from_utf8_lossy(&answer).contains(field));
    /// ```
    pub fn set_cookie(&mut self, cookie: &Cookie) -> Result {
        cookie.check().map_err(MisuseError::new)?;
        self.add_header("Set-Cookie", cookie.to_string())
    }
}

/// A cookie to set: a name, a value, and attributes (RFC 6265 §4.1).
///
/// By default, a cookie is for this host only, lasts until the browser is closed, and is not sent
/// with requests that other sites cause, except for links that a user follows (`SameSite=Lax`).
///
/// ```
/// use serve_forever::{Cookie, SameSite};
///
/// let cookie = Cookie::new("session", "4711").path("/").secure().http_only().same_site(SameSite::Strict);
/// assert_eq!(cookie.to_string(), "session=4711; Path=/; Secure; HttpOnly; SameSite=Strict");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    value: String,
    path: Option<String>,
    domain: Option<String>,
    max_age: Option<Duration>,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
}

/// Which of the requests that other sites cause include a cookie.
///
/// ```
/// use serve_forever::{Cookie, SameSite};
///
/// let cookie = Cookie::new("embedded", "yes").secure().same_site(SameSite::None);
/// assert_eq!(cookie.to_string(), "embedded=yes; Secure; SameSite=None");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// None of them.
    Strict,
    /// Those for links that a user follows.
    #[default]
    Lax,
    /// All of them. Browsers then require [`Cookie::secure`].
    None,
}

impl Cookie {
    /// Makes a cookie with this name and value. Encode characters that a value must not contain:
    /// spaces, quotes, commas, semicolons, backslashes, and anything beyond ASCII.
    ///
    /// ```
    /// use serve_forever::Cookie;
    ///
    /// assert_eq!(Cookie::new("tea", "green").to_string(), "tea=green; SameSite=Lax");
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            path: None,
            domain: None,
            max_age: None,
            secure: false,
            http_only: false,
            same_site: SameSite::default(),
        }
    }

    /// Makes a cookie that lets the client forget the cookie with this name. Path and domain must
    /// be the same as when it was set.
    ///
    /// ```
    /// use serve_forever::Cookie;
    ///
    /// assert_eq!(Cookie::removal("tea").path("/").to_string(), "tea=; Path=/; Max-Age=0; SameSite=Lax");
    /// ```
    #[must_use]
    pub fn removal(name: impl Into<String>) -> Self {
        Self::new(name, "").max_age(Duration::ZERO)
    }

    /// Restricts the cookie to what is below this path; by default, below the path of the request
    /// up to its last slash.
    ///
    /// ```
    /// # use serve_forever::Cookie;
    /// assert_eq!(Cookie::new("a", "b").path("/tea").to_string(), "a=b; Path=/tea; SameSite=Lax");
    /// ```
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Extends the cookie to the hosts below this domain.
    ///
    /// ```
    /// # use serve_forever::Cookie;
    /// assert_eq!(Cookie::new("a", "b").domain("tea.example").to_string(), "a=b; Domain=tea.example; SameSite=Lax");
    /// ```
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets how long the client keeps the cookie, in whole seconds; by default until the browser is
    /// closed.
    ///
    /// ```
    /// # use serve_forever::Cookie;
    /// let day = std::time::Duration::from_secs(24 * 60 * 60);
    /// assert_eq!(Cookie::new("a", "b").max_age(day).to_string(), "a=b; Max-Age=86400; SameSite=Lax");
    /// ```
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Restricts the cookie to HTTPS.
    ///
    /// ```
    /// # use serve_forever::Cookie;
    /// assert_eq!(Cookie::new("a", "b").secure().to_string(), "a=b; Secure; SameSite=Lax");
    /// ```
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Hides the cookie from scripts.
    ///
    /// ```
    /// # use serve_forever::Cookie;
    /// assert_eq!(Cookie::new("a", "b").http_only().to_string(), "a=b; HttpOnly; SameSite=Lax");
    /// ```
    #[must_use]
    pub fn http_only(mut self) -> Self {
        self.http_only = true;
        self
    }

    /// Sets which of the requests that other sites cause include the cookie; by default
    /// [`SameSite::Lax`].
    ///
    /// ```
    /// # use serve_forever::{Cookie, SameSite};
    /// assert_eq!(Cookie::new("a", "b").same_site(SameSite::Strict).to_string(), "a=b; SameSite=Strict");
    /// ```
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    fn check(&self) -> Result<(), String> {
        if !fields::is_token(self.name.as_bytes()) {
            return Err(format!("{:?} is not the name of a cookie", self.name));
        }
        if let Some(byte) = self.value.bytes().find(|&byte| !is_cookie_byte(byte)) {
            let what = byte.escape_ascii();
            return Err(format!(
                "the value of the cookie {} has the character '{what}': encode it",
                self.name
            ));
        }
        let is_attribute = |text: &&String| {
            !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';')
        };
        if let Some(text) = [&self.path, &self.domain].into_iter().flatten().find(|text| !is_attribute(text))
        {
            return Err(format!("{text:?} cannot be an attribute of the cookie {}", self.name));
        }
        match self.rejection() {
            Some(why) => Err(format!("no browser would keep the cookie {}: {why}", self.name)),
            None => Ok(()),
        }
    }

    /// Returns the reason for which browsers would silently drop the cookie, if there is one.
    fn rejection(&self) -> Option<&'static str> {
        let named = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let (host, secure) = (named("__Host-"), named("__Secure-"));
        if self.same_site == SameSite::None && !self.secure {
            Some("with SameSite=None it must be secure")
        } else if (host || secure) && !self.secure {
            Some("with that name it must be secure")
        } else if host && (self.domain.is_some() || self.path.as_deref() != Some("/")) {
            Some("with that name it must have the path / and no domain")
        } else {
            None
        }
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)?;
        if let Some(path) = &self.path {
            write!(f, "; Path={path}")?;
        }
        if let Some(domain) = &self.domain {
            write!(f, "; Domain={domain}")?;
        }
        if let Some(age) = self.max_age {
            write!(f, "; Max-Age={}", age.as_secs())?;
        }
        if self.secure {
            f.write_str("; Secure")?;
        }
        if self.http_only {
            f.write_str("; HttpOnly")?;
        }
        write!(f, "; SameSite={:?}", self.same_site)
    }
}

/// Removes the quotes around a value.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Whether this byte is a `cookie-byte` (RFC 6265 §4.1.1).
fn is_cookie_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"",;\"#.contains(&byte)
}
